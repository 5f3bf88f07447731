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

interface NumberArrayOf<T extends NumberArray> {
  readonly BYTES_PER_ELEMENT: number;
  new (of: ArrayBuffer): T;
}

const chunkBits = 16;
/** Of a column's chunks; a power of two. */
export const chunkSize = 1 << chunkBits;
const chunkMask = chunkSize - 1;

export function makeColumn<T extends NumberArray>(ArrayOf: NumberArrayOf<T>): Column<T> {
  const chunks: T[] = [];
  const none = new ArrayOf(new ArrayBuffer(0));
  /** Of pages of its own, as all that may be resized: others lie on malloc's heap, which keeps what is freed in its middle. */
  const makeChunk = (): T => {
    const sizeBytes = chunkSize * ArrayOf.BYTES_PER_ELEMENT;
    return new ArrayOf(new ArrayBuffer(sizeBytes, { maxByteLength: sizeBytes }));
  };
  let length = 0;
  return {
    at: (index) => chunks[index >>> chunkBits]?.[index & chunkMask] ?? 0,
    set(index, value) {
      const chunk = chunks[index >>> chunkBits];
      if (chunk) chunk[index & chunkMask] = value;
    },
    extend(count) {
      length += count;
      while (chunks.length * chunkSize < length) chunks.push(makeChunk());
    },
    chunkAt: (index) => chunks[index >>> chunkBits] ?? none,
  };
}
