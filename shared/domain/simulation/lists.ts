/**
 * Doubly linked lists of object numbers in typed arrays: an object is in at most one list of a family, and every
 * operation takes constant time and no memory.
 */
export const none = -1;

export interface ListFamily {
  pushFront(list: number, object: number): void;
  /** The object must be in the list. */
  remove(list: number, object: number): void;
  /** Oldest entry, or `none`. */
  back(list: number): number;
  front(list: number): number;
  /** The neighbour towards the front, or `none`. */
  newer(object: number): number;
}

export function makeLists(lists: number, objects: number): ListFamily {
  const heads = new Int32Array(lists).fill(none);
  const tails = new Int32Array(lists).fill(none);
  const newer = new Int32Array(objects).fill(none);
  const older = new Int32Array(objects).fill(none);
  return {
    pushFront: (list, object) => {
      const head = heads[list] ?? none;
      older[object] = head;
      newer[object] = none;
      if (head === none) tails[list] = object;
      else newer[head] = object;
      heads[list] = object;
    },
    remove: (list, object) => {
      const after = newer[object] ?? none;
      const before = older[object] ?? none;
      if (after === none) heads[list] = before;
      else older[after] = before;
      if (before === none) tails[list] = after;
      else newer[before] = after;
    },
    back: (list) => tails[list] ?? none,
    front: (list) => heads[list] ?? none,
    newer: (object) => newer[object] ?? none,
  };
}
