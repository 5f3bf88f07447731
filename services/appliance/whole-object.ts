/**
 * Objects whose digests no manifest names (manifests themselves), kept in the cache like any other.
 *
 * They are cut into slices with digests of their own. How many there are is not written anywhere: the reader takes what
 * is there and the caller checks the whole, so a part that was evicted makes the object a miss.
 */
import { hash } from 'node:crypto';
import { sliceCount, sliceSizeBytes } from '../../shared/domain/manifest.ts';
import type { SegmentCache, WriteOutcome } from '../../shared/ports/segment-cache.ts';

export async function readWhole(cache: SegmentCache, key: string): Promise<Buffer | null> {
  const parts: Buffer[] = [];
  for (let index = 0; ; index += 1) {
    const slice = await cache.read(key, index);
    if (!slice) return index === 0 ? null : Buffer.concat(parts);
    parts.push(slice.bytes);
    if (slice.bytes.length < sliceSizeBytes) return parts.length === 1 ? slice.bytes : Buffer.concat(parts);
  }
}

/** The outcome of the first slice that could not be stored, else `stored`, or `already-held` when all were. */
export async function writeWhole(
  cache: SegmentCache,
  key: string,
  bytes: Buffer,
  options: { readonly pinned: boolean },
): Promise<WriteOutcome> {
  let stored = false;
  for (let index = 0; index < sliceCount(bytes.length); index += 1) {
    const offset = index * sliceSizeBytes;
    const part = bytes.subarray(offset, offset + sliceSizeBytes);
    const slice = { index, offset, sizeBytes: part.length, sha256: hash('sha256', part, 'hex') };
    const outcome = await cache.write(key, slice, part, options);
    if (outcome === 'stored') stored = true;
    else if (outcome !== 'already-held') return outcome;
  }
  return stored ? 'stored' : 'already-held';
}
