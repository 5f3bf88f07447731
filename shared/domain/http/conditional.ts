/**
 * Conditional requests as a cache evaluates them (RFC 9110 §13, RFC 9111 §4.3.2).
 *
 * Only the fields meant for caches are looked at: `If-Match` and `If-Unmodified-Since` are for the origin (RFC 9111
 * §4.3.2: a cache "MUST NOT evaluate" them), and no resource here is ever changed by a request.
 */
import { parseHttpDate } from './date.ts';
import { type RangeResolution, resolveRange } from './range.ts';

/** What identifies a representation, by strong validators alone (RFC 9110 §8.8.1). */
export interface Validators {
  /** Quoted, strong: `"…"`. */
  readonly etag: string;
  /** Unix milliseconds, whole seconds; null for what changes oftener than its date would. */
  readonly lastModifiedMs: number | null;
}

export interface ConditionalHeaders {
  readonly range?: string | undefined;
  readonly ifRange?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
  readonly ifModifiedSince?: string | undefined;
}

export type ConditionalAnswer = RangeResolution | { readonly kind: 'not-modified' };

/** Strong entity tag made of a digest. */
export const etagOf = (sha256: string): string => `"${sha256}"`;

/** Entity tags cannot hold a quote (§8.8.3), so the list can be read tag by tag; commas inside tags are legal. */
const entityTag = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;

/** §13.1.2: true when the list names the representation, by weak comparison. */
function matchesNone(header: string, etag: string): boolean {
  if (header.trim() === '*') return true;
  return (header.match(entityTag) ?? []).some((tag) => tag.replace(/^W\//, '') === etag);
}

/** §13.1.5: a strong tag that is the same, or exactly the date of the last change; anything else makes Range void. */
function rangeStands(header: string, validators: Validators): boolean {
  const text = header.trim();
  if (text.startsWith('"') || text.startsWith('W/')) return text === validators.etag;
  const { lastModifiedMs } = validators;
  return lastModifiedMs !== null && parseHttpDate(text) === lastModifiedMs;
}

/** How a GET or HEAD is to be answered, in the order of §13.2.2. `range` must be left out for HEAD (§14.2). */
export function evaluateConditions(
  headers: ConditionalHeaders,
  validators: Validators,
  sizeBytes: number,
): ConditionalAnswer {
  if (headers.ifNoneMatch !== undefined) {
    if (matchesNone(headers.ifNoneMatch, validators.etag)) return { kind: 'not-modified' };
  } else if (headers.ifModifiedSince !== undefined) {
    // §13.1.3: ignored where it is no valid date.
    const sinceMs = parseHttpDate(headers.ifModifiedSince.trim());
    const { lastModifiedMs } = validators;
    if (sinceMs !== null && lastModifiedMs !== null && lastModifiedMs <= sinceMs) return { kind: 'not-modified' };
  }
  if (headers.ifRange !== undefined && !rangeStands(headers.ifRange, validators)) return { kind: 'whole' };
  return resolveRange(headers.range, sizeBytes);
}
