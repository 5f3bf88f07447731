/** Least recently used goes first. */
import { makeLists, none } from '../lists.ts';
import { hit, type PolicyFactory, passed, stored } from '../policy.ts';

export const makeLru: PolicyFactory = ({ capacityBytes, sizes, ledger }) => {
  const lists = makeLists(1, sizes.length);
  const held = new Uint8Array(sizes.length);
  const used = new Float64Array(1);
  return {
    request: (object) => {
      if (held[object] === 1) {
        if (lists.front(0) !== object) {
          lists.remove(0, object);
          lists.pushFront(0, object);
        }
        return hit;
      }
      const size = sizes[object] ?? 0;
      if (size > capacityBytes) return passed;
      let usedBytes = (used[0] ?? 0) + size;
      while (usedBytes > capacityBytes) {
        const victim = lists.back(0);
        if (victim === none) break;
        lists.remove(0, victim);
        held[victim] = 0;
        ledger.evict(victim);
        usedBytes -= sizes[victim] ?? 0;
      }
      used[0] = usedBytes;
      lists.pushFront(0, object);
      held[object] = 1;
      return stored;
    },
  };
};
