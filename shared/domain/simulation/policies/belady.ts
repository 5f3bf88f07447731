/**
 * Belady's rule as a bound: the object that is asked for last, or never again, leaves first, and what comes is not kept
 * if that is itself. Blind to size, so with objects of many sizes it is near the optimum and not the optimum.
 */
import { hit, type PolicyFactory, passed, stored } from '../policy.ts';
import { makePositionSet } from './position-set.ts';

export const makeBelady: PolicyFactory = ({ capacityBytes, sizes, ledger, selection }) => {
  const { positions, trace } = selection;
  const requests = positions.length;
  /** Next request of the same object, for each request; after the last, a place of the object's own beyond the end. */
  const nextUse = new Int32Array(requests);
  const upcoming = Int32Array.from(sizes, (_, object) => requests + object);
  const ownerOf = new Int32Array(requests + sizes.length);
  for (let place = requests - 1; place >= 0; place -= 1) {
    const object = trace.objects[positions[place] ?? 0] ?? 0;
    const next = upcoming[object] ?? 0;
    nextUse[place] = next;
    ownerOf[next] = object;
    upcoming[object] = place;
  }
  const uses = makePositionSet(requests + sizes.length);
  const held = new Uint8Array(sizes.length);
  const used = new Float64Array(1);
  let now = -1;
  return {
    request: (object) => {
      now += 1;
      const next = nextUse[now] ?? 0;
      if (held[object] === 1) {
        uses.remove(now);
        uses.add(next);
        return hit;
      }
      const size = sizes[object] ?? 0;
      if (size > capacityBytes) return passed;
      uses.add(next);
      held[object] = 1;
      let usedBytes = (used[0] ?? 0) + size;
      while (usedBytes > capacityBytes) {
        const farthest = uses.largest();
        const victim = ownerOf[farthest] ?? 0;
        uses.remove(farthest);
        held[victim] = 0;
        ledger.evict(victim);
        usedBytes -= sizes[victim] ?? 0;
      }
      used[0] = usedBytes;
      return held[object] === 1 ? stored : passed;
    },
  };
};
