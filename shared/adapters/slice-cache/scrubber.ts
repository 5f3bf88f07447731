/** Reads from the disk what nobody asks for, in a round over all that is held, and drops what is damaged. */

import type { BufferPool } from '../../platform/buffer-pool.ts';
import { sumBlocks } from './block-sums.ts';
import type { Holdings } from './holdings.ts';
import { isPassing, type SliceFiles } from './slice-files.ts';
import type { HeldSlice, SliceIndex } from './slice-index.ts';

export interface ScrubberDeps {
  readonly index: SliceIndex;
  readonly holdings: Holdings;
  readonly files: SliceFiles;
  readonly pool: BufferPool;
  /** A round breaks off between two slices once this is true. */
  readonly isClosing: () => boolean;
}

/** Goes on where the last call stopped; see `SegmentCache.scrub`. */
export function makeScrubber({ index, holdings, files, pool, isClosing }: ScrubberDeps) {
  const everySlice = function* (): Generator<HeldSlice> {
    for (const object of index.objects()) yield* [...object.slices];
  };
  let scrubbing = everySlice();

  async function checkOnDisk(slice: HeldSlice): Promise<void> {
    const buffer = pool.take(slice.sizeBytes);
    try {
      const bytes = await files.read(slice.fileId, slice.sizeBytes, buffer);
      if (bytes.length === slice.sizeBytes && sumBlocks(bytes).whole === slice.crc) return;
      if (index.get(slice.object.key, slice.index) === slice) await holdings.dropDamaged(slice);
    } catch (error) {
      const isHeld = index.get(slice.object.key, slice.index) === slice;
      if (!isHeld || isPassing(error)) return;
      await holdings.dropDamaged(slice);
    } finally {
      pool.give(buffer);
    }
  }

  return async function scrub(maxBytes: number): Promise<number> {
    let readBytes = 0;
    while (readBytes < maxBytes && !isClosing()) {
      const next = scrubbing.next();
      if (next.done) {
        scrubbing = everySlice();
        break;
      }
      await checkOnDisk(next.value);
      readBytes += next.value.sizeBytes;
    }
    return readBytes;
  };
}
