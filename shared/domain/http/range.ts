/**
 * Byte ranges of RFC 9110 §14.
 *
 * Several ranges are answered as `multipart/byteranges` within limits, because overlapping and tiny ranges are how range
 * amplification attacks work (§17.15): ranges that overlap or nearly touch are sent as one (§15.3.7.2), and a header with
 * more than `maxRanges` is ignored, as §14.2 allows. So is a malformed one, or a unit other than bytes.
 */

/** First and last byte, both inclusive, as HTTP counts. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export type RangeResolution =
  /** Answer 200 with everything. */
  | { readonly kind: 'whole' }
  /** Answer 206 with these bytes. */
  | { readonly kind: 'partial'; readonly range: ByteRange }
  /** Answer 206 with these bytes as `multipart/byteranges`: two and more ranges that neither overlap nor touch. */
  | { readonly kind: 'several'; readonly ranges: readonly ByteRange[] }
  /** Answer 416 with the size in `Content-Range`. */
  | { readonly kind: 'unsatisfiable' };

/** One range as it was asked for, before the size is known. */
type RangeSpec =
  | { readonly kind: 'from'; readonly first: number; readonly last: number | null }
  | { readonly kind: 'suffix'; readonly lengthBytes: number };

const whole: RangeResolution = { kind: 'whole' };
const unsatisfiable: RangeResolution = { kind: 'unsatisfiable' };

/** Positions beyond what a number holds exactly mean "past the end" just as well. */
const position = (digits: string): number => Math.min(Number(digits), Number.MAX_SAFE_INTEGER);

/** §14.1.1: `first-last`, `first-` or `-length`; null for anything else, also where last precedes first. */
function parseSpec(text: string): RangeSpec | null {
  const match = /^(\d*)-(\d*)$/.exec(text);
  if (!match) return null;
  const [, first = '', last = ''] = match;
  if (first === '') return last === '' ? null : { kind: 'suffix', lengthBytes: position(last) };
  if (last === '') return { kind: 'from', first: position(first), last: null };
  return position(last) < position(first) ? null : { kind: 'from', first: position(first), last: position(last) };
}

/** The list of §14.1, whose empty elements are skipped (§5.6.1.2); null when it is malformed or of another unit. */
function parseSet(header: string): RangeSpec[] | null {
  const match = /^bytes=(.*)$/i.exec(header.trim());
  if (!match) return null;
  const specs: RangeSpec[] = [];
  for (const part of (match[1] ?? '').split(',')) {
    const text = part.trim();
    if (text === '') continue;
    const spec = parseSpec(text);
    if (!spec) return null;
    specs.push(spec);
  }
  return specs.length > 0 ? specs : null;
}

/** More than this in one header are no request that a player makes. */
export const maxRanges = 16;

/** Ranges with a smaller gap are sent as one: the head of another part would cost more (§15.3.7.2). */
export const mergedGapBytes = 80;

/**
 * What a `Range` header asks of a representation of `sizeBytes`. Only for GET: §14.2 defines it for no other method.
 *
 * A suffix of an empty representation is answered whole, because no `Content-Range` can describe it.
 */
export function resolveRange(header: string | undefined, sizeBytes: number): RangeResolution {
  if (header === undefined) return whole;
  const specs = parseSet(header);
  if (!specs || specs.length > maxRanges) return whole;
  if (sizeBytes === 0 && specs.some((spec) => spec.kind === 'suffix' && spec.lengthBytes > 0)) return whole;
  const ranges = specs.map((spec) => selectBytes(spec, sizeBytes)).filter((range) => range !== null);
  const [first, ...others] = ranges;
  // §15.5.17: unsatisfiable only when none of them can be satisfied.
  if (!first) return unsatisfiable;
  if (others.length === 0) return { kind: 'partial', range: first };
  return asResolution(merge(ranges));
}

function selectBytes(spec: RangeSpec, sizeBytes: number): ByteRange | null {
  const end = sizeBytes - 1;
  if (spec.kind === 'suffix')
    return spec.lengthBytes === 0 ? null : { start: Math.max(0, sizeBytes - spec.lengthBytes), end };
  return spec.first > end ? null : { start: spec.first, end: Math.min(spec.last ?? end, end) };
}

/** As they were asked for where they lie apart; in order of position once any two had to be joined (§15.3.7.2). */
function merge(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const merged: ByteRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last && range.start - last.end - 1 < mergedGapBytes)
      merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, range.end) };
    else merged.push(range);
  }
  return merged.length === ranges.length ? ranges : merged;
}

function asResolution(ranges: readonly ByteRange[]): RangeResolution {
  const [first, ...others] = ranges;
  return first && others.length === 0 ? { kind: 'partial', range: first } : { kind: 'several', ranges };
}

/** `Content-Range` of a 206, or of a 416 where there is no range (§14.4). */
export const formatContentRange = (range: ByteRange | null, sizeBytes: number): string =>
  `bytes ${range ? `${range.start}-${range.end}` : '*'}/${sizeBytes}`;

/** A `Content-Range` that names both the range and the size; null when malformed or of another form (§14.4). */
export function parseContentRange(header: string): (ByteRange & { readonly sizeBytes: number }) | null {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/i.exec(header.trim());
  if (!match) return null;
  const [start, end, sizeBytes] = [Number(match[1]), Number(match[2]), Number(match[3])];
  return start <= end && end < sizeBytes ? { start, end, sizeBytes } : null;
}
