/**
 * What an appliance keeps of the objects that viewers pull: the most valuable ones, by values that are told and told anew
 * as they change.
 *
 * Never holds more than its capacity. Something new is taken only if every object that has to leave for it is worth
 * less, so that one large object cannot push out better ones and then not stay itself. Pinned objects do not leave.
 * Allocates nothing for a request.
 */
import { makeObjectHeap } from './object-heap.ts';

export interface ValuedCache {
  has(object: number): boolean;
  /** Gives a held object its present value. */
  revalue(object: number, value: number): void;
  /** False: not worth what would have to leave; nothing has changed. */
  offer(object: number, value: number): boolean;
  /** Keeps a held object whatever its value, until `unpin`. */
  pin(object: number): void;
  unpin(object: number): void;
  isPinned(object: number): boolean;
  /** Value of what would leave first; -Infinity while nothing could. */
  leastValue(): number;
  readonly usedBytes: () => number;
}

export interface ValuedCacheOptions {
  readonly capacityBytes: number;
  /** Bytes of each object, known when it is offered. */
  readonly sizes: Float64Array;
  readonly onEvict: (object: number) => void;
}

export function makeValuedCache({ capacityBytes, sizes, onEvict }: ValuedCacheOptions): ValuedCache {
  const heap = makeObjectHeap(sizes.length);
  const values = new Float64Array(sizes.length);
  const pinned = new Uint8Array(sizes.length);
  const leaving: number[] = [];
  const used = new Float64Array(1);
  const sizeOf = (object: number): number => sizes[object] ?? 0;

  /** Takes from the heap what is worth less, until there is room; false if there never is. */
  const makeRoom = (sizeBytes: number, value: number): boolean => {
    let freeBytes = capacityBytes - (used[0] ?? 0);
    leaving.length = 0;
    while (freeBytes < sizeBytes) {
      const least = heap.least();
      if (least < 0 || (values[least] ?? 0) >= value) return false;
      heap.remove(least);
      leaving.push(least);
      freeBytes += sizeOf(least);
    }
    return true;
  };
  return {
    has: (object) => pinned[object] === 1 || heap.has(object),
    revalue: (object, value) => {
      values[object] = value;
      if (pinned[object] === 0) heap.set(object, value);
    },
    offer: (object, value) => {
      const sizeBytes = sizeOf(object);
      if (sizeBytes > capacityBytes) return false;
      const fits = makeRoom(sizeBytes, value);
      let spareBytes = capacityBytes - (used[0] ?? 0) - (fits ? sizeBytes : 0);
      for (const object of leaving) spareBytes += sizeOf(object);
      // The last to be taken out are worth most: those that still fit stay.
      for (let index = leaving.length - 1; index >= 0; index -= 1) {
        const candidate = leaving[index] ?? 0;
        if (sizeOf(candidate) <= spareBytes) {
          spareBytes -= sizeOf(candidate);
          heap.set(candidate, values[candidate] ?? 0);
        } else onEvict(candidate);
      }
      used[0] = capacityBytes - spareBytes;
      if (!fits) return false;
      values[object] = value;
      heap.set(object, value);
      return true;
    },
    pin: (object) => {
      if (!heap.has(object)) return;
      heap.remove(object);
      pinned[object] = 1;
    },
    unpin: (object) => {
      if (pinned[object] === 0) return;
      pinned[object] = 0;
      heap.set(object, values[object] ?? 0);
    },
    isPinned: (object) => pinned[object] === 1,
    leastValue: () => {
      const least = heap.least();
      return least < 0 ? Number.NEGATIVE_INFINITY : (values[least] ?? 0);
    },
    usedBytes: () => used[0] ?? 0,
  };
}
