/** A growing column of numbers in typed chunks: growing never copies a number, so nothing is in memory twice. */
export interface Column<T extends NumberArray> {
  at(index: number): number;
  set(index: number, value: number): void;
  /** Adds so many places of 0. */
  extend(count: number): void;
  /** The chunk that holds the place, which is `index % chunkSize` in it. */
  chunkAt(index: number): T;
}

type NumberArray = Uint16Array | Uint32Array | Float32Array | Float64Array;

const chunkBits = 16;
/** Of a column's chunks; a power of two. */
export const chunkSize = 1 << chunkBits;
const chunkMask = chunkSize - 1;

export function makeColumn<T extends NumberArray>(ArrayOf: new (length: number) => T): Column<T> {
  const chunks: T[] = [];
  const none = new ArrayOf(0);
  let length = 0;
  return {
    at: (index) => chunks[index >>> chunkBits]?.[index & chunkMask] ?? 0,
    set(index, value) {
      const chunk = chunks[index >>> chunkBits];
      if (chunk) chunk[index & chunkMask] = value;
    },
    extend(count) {
      length += count;
      while (chunks.length * chunkSize < length) chunks.push(new ArrayOf(chunkSize));
    },
    chunkAt: (index) => chunks[index >>> chunkBits] ?? none,
  };
}
