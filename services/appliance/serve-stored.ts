/** One range that lies in one slice on the disk, as a file to send rather than bytes. */
import { type SliceSpec, sliceSizeBytes } from '../../shared/domain/manifest.ts';
import type { OpenOptions, SegmentCache, StoredBytes } from '../../shared/ports/segment-cache.ts';
import type { ReadAhead } from './pulling/read-ahead.ts';
import type { ServeRequest } from './serve-range.ts';

export interface ServedStored {
  readonly bytes: StoredBytes;
  readonly slice: SliceSpec;
}

/** Null for all that is not to be had at once, or not from one file: it is served as bytes. */
export type ServeStored = (request: ServeRequest, options: OpenOptions) => ServedStored | null;

/** Less is joined with its head and written in one call. */
const leastBytes = 16 * 1024;

export const makeServeStored =
  (cache: Pick<SegmentCache, 'openPartNow'>, readAhead: ReadAhead): ServeStored =>
  (request, options) => {
    const { key, ranges, slices } = request;
    const [range] = ranges;
    if (!range || ranges.length > 1) return null;
    const slice = slices.length === 1 ? slices[0] : slices[Math.floor(range.start / sliceSizeBytes)];
    if (!slice) return null;
    const from = range.start - slice.offset;
    const to = range.end + 1 - slice.offset;
    if (to > slice.sizeBytes || to - from <= leastBytes) return null;
    const bytes = cache.openPartNow(key, slice.index, from, to, options);
    if (!bytes) return null;
    if (readAhead.isWatching) readAhead.read({ ...request, slice, from, to }, true);
    return { bytes, slice };
  };
