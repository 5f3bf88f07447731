/**
 * A list too long to be kept as objects: a million planned files take a tenth of the memory in columns. Whoever reads a plan goes
 * through its lists, or asks for a line; an array is such a list too.
 */
export interface Lines<T> extends Iterable<T> {
  readonly length: number;
  /** Undefined behind the end. */
  at(place: number): T | undefined;
}

/** One list after the other. */
export function* chain<T>(...lists: readonly Iterable<T>[]): Generator<T> {
  for (const list of lists) yield* list;
}

/** Some lines from a place on. */
export function sliceOf<T>(lines: Lines<T>, first: number, count: number): T[] {
  const slice: T[] = [];
  for (let place = first; place < Math.min(lines.length, first + count); place += 1) {
    const line = lines.at(place);
    if (line !== undefined) slice.push(line);
  }
  return slice;
}
