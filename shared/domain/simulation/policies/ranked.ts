/**
 * A cache that holds the objects with the highest keys; the rule that gives the keys makes it LFU or LRFU.
 *
 * With admission, what comes leaves at once if its own key is the least. Without, it is stored in any case, which a
 * rule needs whose keys are lost with each eviction: else nothing new would ever come in.
 */
import { makeObjectHeap } from '../../caching/object-heap.ts';
import { hit, type Policy, type PolicyInput, passed, stored } from '../policy.ts';

export type KeyRule = (object: number, timeS: number, position: number, isHeld: boolean) => number;

export function makeRanked(
  { capacityBytes, sizes, ledger }: PolicyInput,
  keyOf: KeyRule,
  { admission }: { readonly admission: boolean },
): Policy {
  const heap = makeObjectHeap(sizes.length);
  const used = new Float64Array(1);
  return {
    request: (object, timeS, position) => {
      const isHeld = heap.has(object);
      const key = keyOf(object, timeS, position, isHeld);
      if (isHeld) {
        heap.set(object, key);
        return hit;
      }
      const size = sizes[object] ?? 0;
      if (size > capacityBytes) return passed;
      if (admission) heap.set(object, key);
      let usedBytes = (used[0] ?? 0) + size;
      while (usedBytes > capacityBytes) {
        const victim = heap.least();
        heap.remove(victim);
        ledger.evict(victim);
        usedBytes -= sizes[victim] ?? 0;
      }
      used[0] = usedBytes;
      if (!admission) heap.set(object, key);
      return heap.has(object) ? stored : passed;
    },
  };
}
