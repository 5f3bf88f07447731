/**
 * What an appliance keeps of the objects that viewers pull: the most valuable ones, by values that are told and told anew
 * as they change.
 *
 * Never holds more than its capacity. Something new is taken only if no object that has to leave for it is worth more, so
 * that one large object cannot push out better ones and then not stay itself; of equal worth, what is asked for now stays.
 * Pinned objects do not leave. Allocates nothing for a request. 25 bytes an object number.
 */
import type { Column } from '../room.ts';
import { makeObjectHeap } from './object-heap.ts';

export interface ValuedCache {
  has(object: number): boolean;
  /** Gives a held object its present value. */
  revalue(object: number, value: number): void;
  /** False: not worth what would have to leave; nothing has changed. */
  offer(object: number, value: number): boolean;
  /** Counts an object in that is there already, also beyond the capacity: `setCapacity` then says what stays. */
  hold(object: number, value: number): void;
  /** Takes an object out, pinned or not, without `onEvict`. */
  release(object: number): void;
  /** Keeps a held object whatever its value, until `unpin`. */
  pin(object: number): void;
  unpin(object: number): void;
  /** Lets the least valuable go until the rest fits; pinned objects stay. */
  setCapacity(bytes: number): void;
  /** Value of what would leave first; -Infinity while nothing could. */
  leastValue(): number;
  readonly usedBytes: () => number;
  readonly capacityBytes: () => number;
}

export interface ValuedCacheOptions {
  readonly capacityBytes: number;
  /** Bytes of each object, known when it is offered and the same for as long as it is held. */
  readonly sizes: Column;
  readonly onEvict: (object: number) => void;
}

export function makeValuedCache({ capacityBytes: initialBytes, sizes, onEvict }: ValuedCacheOptions): ValuedCache {
  let capacityBytes = initialBytes;
  const heap = makeObjectHeap(sizes.cells.length);
  let values = new Float64Array(sizes.cells.length);
  let pinned = new Uint8Array(sizes.cells.length);
  const leaving: number[] = [];
  const used = new Float64Array(1);
  const sizeOf = (object: number): number => sizes.cells[object] ?? 0;

  const admit = (object: number): void => {
    if (object < values.length) return;
    const [oldValues, oldPinned] = [values, pinned];
    values = new Float64Array(Math.max(object + 1, values.length * 2));
    pinned = new Uint8Array(values.length);
    values.set(oldValues);
    pinned.set(oldPinned);
  };
  /** Takes from the heap what is not worth more, until there is room; false if there never is. */
  const makeRoom = (sizeBytes: number, value: number): boolean => {
    let freeBytes = capacityBytes - (used[0] ?? 0);
    leaving.length = 0;
    while (freeBytes < sizeBytes) {
      const least = heap.least();
      if (least < 0 || (values[least] ?? 0) > value) return false;
      heap.remove(least);
      leaving.push(least);
      freeBytes += sizeOf(least);
    }
    return true;
  };
  const has = (object: number): boolean => pinned[object] === 1 || heap.has(object);
  return {
    has,
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
      admit(object);
      values[object] = value;
      heap.set(object, value);
      return true;
    },
    hold: (object, value) => {
      if (has(object)) return;
      admit(object);
      values[object] = value;
      heap.set(object, value);
      used[0] = (used[0] ?? 0) + sizeOf(object);
    },
    release: (object) => {
      if (!has(object)) return;
      pinned[object] = 0;
      heap.remove(object);
      used[0] = (used[0] ?? 0) - sizeOf(object);
    },
    pin: (object) => {
      if (!heap.has(object)) return;
      heap.remove(object);
      pinned[object] = 1;
    },
    unpin: (object) => {
      if (pinned[object] !== 1) return;
      pinned[object] = 0;
      heap.set(object, values[object] ?? 0);
    },
    setCapacity: (bytes) => {
      capacityBytes = bytes;
      while ((used[0] ?? 0) > capacityBytes && heap.size() > 0) {
        const least = heap.least();
        heap.remove(least);
        used[0] = (used[0] ?? 0) - sizeOf(least);
        onEvict(least);
      }
    },
    leastValue: () => {
      const least = heap.least();
      return least < 0 ? Number.NEGATIVE_INFINITY : (values[least] ?? 0);
    },
    usedBytes: () => used[0] ?? 0,
    capacityBytes: () => capacityBytes,
  };
}
