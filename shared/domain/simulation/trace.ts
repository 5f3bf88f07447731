/**
 * A request log in memory: columns of numbers, one entry a request, in the order of time.
 *
 * Objects and regions are numbered by first appearance. A request takes 8 bytes for its time, 4 for its object and 2
 * for its region, and 8 more only in a log whose objects do not always have one size.
 */
export interface Trace {
  /** Unix seconds, UTC, never decreasing. */
  readonly times: Float64Array;
  readonly objects: Uint32Array;
  /** Index into `regions`. */
  readonly regionOf: Uint16Array;
  /** Bytes answered; null when that is always the object's size. */
  readonly bytes: Float64Array | null;
  /** Bytes of each object: the largest answer seen. */
  readonly sizes: Float64Array;
  readonly regions: readonly string[];
}

/** What is replayed: one region's requests, or all of them as those of one region. */
export interface Selection {
  readonly trace: Trace;
  /** Index into `trace.regions`; null selects every request. */
  readonly region: number | null;
  /** Places in the trace, ascending. */
  readonly positions: Uint32Array;
  /** Bytes of the distinct objects asked for. */
  readonly distinctBytes: number;
}

/** @throws RangeError for a region that the trace does not have. */
export function selectRegion(trace: Trace, name: string | null): Selection {
  const region = name === null ? null : trace.regions.indexOf(name);
  if (region === -1) throw new RangeError(`no request of region ${name} in the trace`);
  const { objects, regionOf, sizes } = trace;
  const isIn = (position: number): boolean => region === null || regionOf[position] === region;
  let count = 0;
  for (let position = 0; position < objects.length; position += 1) if (isIn(position)) count += 1;
  const positions = new Uint32Array(count);
  const seen = new Uint8Array(sizes.length);
  let distinctBytes = 0;
  let next = 0;
  for (let position = 0; position < objects.length; position += 1) {
    if (!isIn(position)) continue;
    positions[next] = position;
    next += 1;
    const object = objects[position] ?? 0;
    if (seen[object] === 0) distinctBytes += sizes[object] ?? 0;
    seen[object] = 1;
  }
  return { trace, region, positions, distinctBytes };
}

export const dayS = 86_400;
export const hourS = 3_600;

/** The midnight (UTC) before a time, or the time itself if it is one. */
export const midnightBefore = (timeS: number): number => Math.floor(timeS / dayS) * dayS;
