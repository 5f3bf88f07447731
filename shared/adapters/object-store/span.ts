import { type ByteSpan, ObjectStoreError } from '../../ports/object-store.ts';

/**
 * The span that a request for `range` gets of an object of `sizeBytes`; `end` is `start - 1` for an empty object.
 *
 * @throws ObjectStoreError `range-not-satisfiable`
 */
export function resolveSpan(key: string, range: ByteSpan | undefined, sizeBytes: number): ByteSpan {
  if (!range) return { start: 0, end: sizeBytes - 1 };
  assertSpan(key, range);
  if (range.start >= sizeBytes) throw notSatisfiable(key, range, `the object has ${sizeBytes} bytes`);
  return { start: range.start, end: Math.min(range.end, sizeBytes - 1) };
}

/**
 * Refuses spans that are none for any object. S3 would ignore them and answer with the whole object (RFC 9110 §14.2).
 *
 * @throws ObjectStoreError `range-not-satisfiable`
 */
export function assertSpan(key: string, range: ByteSpan): void {
  const whole = Number.isSafeInteger(range.start) && Number.isSafeInteger(range.end);
  if (!whole || range.start < 0 || range.end < range.start) throw notSatisfiable(key, range, 'that is no span');
}

export const notSatisfiable = (key: string, range: ByteSpan, why: string, cause?: unknown): ObjectStoreError =>
  new ObjectStoreError('range-not-satisfiable', key, `${key}: bytes ${range.start}-${range.end}: ${why}`, { cause });
