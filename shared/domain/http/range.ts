/**
 * Byte ranges of RFC 9110 §14, for one range a request.
 *
 * A request for several ranges is answered with the whole representation, which §14.2 allows ("a server MAY ignore the
 * Range header field"): players ask for one, and multipart answers are how range amplification attacks work.
 * A malformed header, or a unit other than bytes, is ignored in the same way.
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

/**
 * What a `Range` header asks of a representation of `sizeBytes`. Only for GET: §14.2 defines it for no other method.
 *
 * A suffix of an empty representation is answered whole, because no `Content-Range` can describe it.
 */
export function resolveRange(header: string | undefined, sizeBytes: number): RangeResolution {
  if (header === undefined) return whole;
  const specs = parseSet(header);
  const spec = specs?.[0];
  if (!spec || specs.length > 1) return whole;
  if (spec.kind === 'suffix') {
    if (spec.lengthBytes === 0) return unsatisfiable;
    if (sizeBytes === 0) return whole;
    return { kind: 'partial', range: { start: Math.max(0, sizeBytes - spec.lengthBytes), end: sizeBytes - 1 } };
  }
  if (spec.first >= sizeBytes) return unsatisfiable;
  return { kind: 'partial', range: { start: spec.first, end: Math.min(spec.last ?? sizeBytes - 1, sizeBytes - 1) } };
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
