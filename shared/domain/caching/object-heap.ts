/** Binary min-heap of object numbers by a key each, in typed arrays; the key of a held object may change. */
export interface ObjectHeap {
  readonly size: () => number;
  has(object: number): boolean;
  /** The object with the least key, or -1. */
  least(): number;
  /** Adds the object, or gives it another key. */
  set(object: number, key: number): void;
  remove(object: number): void;
}

/** @param objects to have room for; more may come. */
export function makeObjectHeap(objects: number): ObjectHeap {
  let heap = new Int32Array(objects + 1);
  let keys = new Float64Array(objects);
  /** Place in the heap, counted from 1; 0 means absent. */
  let places = new Int32Array(objects);
  let size = 0;

  const grow = (length: number): void => {
    const [oldHeap, oldKeys, oldPlaces] = [heap, keys, places];
    heap = new Int32Array(length + 1);
    keys = new Float64Array(length);
    places = new Int32Array(length);
    heap.set(oldHeap);
    keys.set(oldKeys);
    places.set(oldPlaces);
  };

  const keyAt = (place: number): number => keys[heap[place] ?? 0] ?? 0;
  const put = (place: number, object: number): void => {
    heap[place] = object;
    places[object] = place;
  };
  const settle = (object: number, from: number): void => {
    const key = keys[object] ?? 0;
    let place = from;
    while (place > 1 && keyAt(place >> 1) > key) {
      put(place, heap[place >> 1] ?? 0);
      place >>= 1;
    }
    for (let child = place * 2; child <= size; child = place * 2) {
      if (child < size && keyAt(child + 1) < keyAt(child)) child += 1;
      if (keyAt(child) >= key) break;
      put(place, heap[child] ?? 0);
      place = child;
    }
    put(place, object);
  };
  return {
    size: () => size,
    has: (object) => (places[object] ?? 0) > 0,
    least: () => (size > 0 ? (heap[1] ?? -1) : -1),
    set: (object, key) => {
      if (object >= keys.length) grow(Math.max(object + 1, keys.length * 2));
      keys[object] = key;
      const place = places[object] ?? 0;
      if (place === 0) size += 1;
      settle(object, place === 0 ? size : place);
    },
    remove: (object) => {
      const place = places[object] ?? 0;
      if (place === 0) return;
      places[object] = 0;
      const moved = heap[size] ?? 0;
      size -= 1;
      if (place <= size) settle(moved, place);
    },
  };
}
