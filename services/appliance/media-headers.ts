/** Headers of media answers. */
import type { Outcome } from '../../shared/domain/demand.ts';
import { etagOf } from '../../shared/domain/http/conditional.ts';
import { formatHttpDate } from '../../shared/domain/http/date.ts';
import { type ByteRange, formatContentRange } from '../../shared/domain/http/range.ts';
import type { ManifestFile } from '../../shared/domain/manifest.ts';
import type { Version } from './manifest-shape.ts';

/** Players run in pages of any origin; without credentials, since the token is in the address. */
export const corsHeaders = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers':
    'Accept-Ranges, Cache-Status, Content-Length, Content-Range, ETag, Last-Modified, Server-Timing, X-Request-Id',
  'timing-allow-origin': '*',
} as const;

export const preflightHeaders = {
  'access-control-allow-methods': 'GET, HEAD, OPTIONS',
  'access-control-allow-headers': 'Range, If-Range, If-None-Match, If-Modified-Since, Cache-Control',
  'access-control-max-age': '86400',
} as const;

export const representationHeaders = (file: ManifestFile, version: Version) => ({
  etag: etagOf(file.sha256),
  'last-modified': formatHttpDate(version.createdAtMs),
  'accept-ranges': 'bytes',
  'cache-control': 'public, max-age=31536000, immutable',
});

/** Of a 200, or of a 206 for a range. */
export const contentHeaders = (file: ManifestFile, range: ByteRange | null) => ({
  'content-type': file.contentType,
  'content-length': String(range ? range.end + 1 - range.start : file.sizeBytes),
  ...(range ? { 'content-range': formatContentRange(range, file.sizeBytes) } : {}),
});

/** RFC 9211: what this cache did, with our own word for it as `detail`. */
export function cacheStatus(applianceId: string, outcome: Outcome): string {
  const how = outcome.startsWith('hit-')
    ? ' hit;'
    : outcome === 'coalesced'
      ? ' fwd=miss; collapsed;'
      : outcome.startsWith('pull-')
        ? ' fwd=miss; stored;'
        : '';
  return `nightfill-${applianceId};${how} detail=${outcome}`;
}
