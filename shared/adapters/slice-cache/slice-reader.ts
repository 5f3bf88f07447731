/**
 * How slices are read: from memory at once, else from the disk, whole or in part.
 *
 * A file that cannot be read, or reads otherwise than it was written, is dropped and is a miss; one that could not be
 * opened because the system is short of something is a miss and stays.
 */
import type { CachedPart, CachedSlice, SegmentCache } from '../../ports/segment-cache.ts';
import { sumBlocks } from './block-sums.ts';
import type { Holdings } from './holdings.ts';
import type { MemoryTier } from './memory-tier.ts';
import type { PartReader, ReadPart } from './part-reader.ts';
import type { PulledSlices } from './pulled-slices.ts';
import { isPassing, type SliceFiles } from './slice-files.ts';
import type { HeldSlice, SliceIndex } from './slice-index.ts';

export interface SliceReaderDeps {
  readonly index: SliceIndex;
  readonly pulled: Pick<PulledSlices, 'asked'>;
  readonly memory: MemoryTier<HeldSlice>;
  readonly parts: PartReader;
  readonly holdings: Holdings;
  readonly files: SliceFiles;
  readonly onDiskError: (error: Error) => void;
}

export type SliceReader = Pick<SegmentCache, 'read' | 'readPart' | 'readPartNow' | 'openPartNow'>;

const cut = (bytes: Buffer, from: number, to: number): Buffer =>
  from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to);

const fromDisk = (part: ReadPart | null): CachedPart | null => part && { ...part, tier: 'disk' };

export function makeSliceReader(deps: SliceReaderDeps): SliceReader {
  const { index, pulled, memory, parts, holdings, files, onDiskError } = deps;
  const reads = new Map<HeldSlice, Promise<Buffer | null>>();

  /** `forPart`: only a part is wanted now, so the rest need not take the place of something else in memory. */
  async function readFile(slice: HeldSlice, forPart: boolean): Promise<Buffer | null> {
    try {
      const bytes = await files.read(slice.fileId, slice.sizeBytes);
      const { whole, blocks } = sumBlocks(bytes);
      if (bytes.length === slice.sizeBytes && whole === slice.crc) {
        if (index.get(slice.object.key, slice.index) === slice) {
          if (!forPart) memory.put(slice, bytes);
          parts.learn(slice, blocks);
        }
        return bytes;
      }
      await holdings.dropDamaged(slice);
      return null;
    } catch (error) {
      const stillHeld = index.get(slice.object.key, slice.index) === slice;
      if (stillHeld) onDiskError(error as Error);
      if (!stillHeld || isPassing(error)) return null;
    }
    await holdings.drop(slice);
    return null;
  }

  /** One read at a time for all who want the slice. */
  function readOnce(slice: HeldSlice, forPart: boolean): Promise<Buffer | null> {
    const known = reads.get(slice);
    if (known) return known;
    const reading = readFile(slice, forPart).finally(() => reads.delete(slice));
    reads.set(slice, reading);
    return reading;
  }

  /** A whole slice that memory can hold is read whole, so that it comes there. */
  const readNowFromDisk = (slice: HeldSlice, from: number, to: number): CachedPart | null =>
    to - from === slice.sizeBytes && memory.mayHold(slice.sizeBytes) ? null : fromDisk(parts.readNow(slice, from, to));

  async function readHeld(slice: HeldSlice): Promise<CachedSlice | null> {
    const hot = memory.get(slice);
    if (hot) return { bytes: hot, tier: 'memory' };
    const bytes = await readOnce(slice, false);
    return bytes && { bytes, tier: 'disk' };
  }

  async function readPartOf(slice: HeldSlice, from: number, to: number): Promise<CachedPart | null> {
    if (!memory.has(slice)) {
      const wantsAll = to - from === slice.sizeBytes;
      const part =
        wantsAll && memory.mayHold(slice.sizeBytes) ? 'hot' : await parts.read(slice, from, to).catch(() => null);
      if (part === 'damaged') {
        await holdings.dropDamaged(slice);
        return null;
      }
      if (part && part !== 'hot') return fromDisk(part);
      if (part === null && !wantsAll) {
        const bytes = await readOnce(slice, true);
        return bytes && { bytes: cut(bytes, from, to), tier: 'disk' };
      }
    }
    const found = await readHeld(slice);
    return found && { bytes: cut(found.bytes, from, to), tier: found.tier };
  }

  async function readPart(key: string, sliceIndex: number, from: number, to: number): Promise<CachedPart | null> {
    const slice = index.get(key, sliceIndex);
    if (!slice) return null;
    pulled.asked(slice, to - from);
    return readPartOf(slice, from, to);
  }

  return {
    async read(key, sliceIndex) {
      const slice = index.get(key, sliceIndex);
      if (!slice) return null;
      pulled.asked(slice, slice.sizeBytes);
      return readHeld(slice);
    },

    readPartNow(key, sliceIndex, from, to) {
      const slice = index.get(key, sliceIndex);
      if (!slice) return null;
      const hot = memory.get(slice);
      const found = hot ? { bytes: cut(hot, from, to), tier: 'memory' as const } : readNowFromDisk(slice, from, to);
      if (found) pulled.asked(slice, to - from);
      return found;
    },

    readPart,

    openPartNow(key, sliceIndex, from, to, { insteadOfMemory = false } = {}) {
      const slice = index.get(key, sliceIndex);
      if (!slice) return null;
      const isMemorys = to - from === slice.sizeBytes && memory.mayHold(slice.sizeBytes);
      if (isMemorys && !insteadOfMemory) return null;
      const stored = parts.openNow(slice, from, to);
      if (!stored) return null;
      pulled.asked(slice, to - from);
      return {
        ...stored,
        async read(start, end) {
          const part = await readPartOf(slice, from + start, from + end);
          if (!part) throw new Error(`${slice.object.key} is not held any more`);
          return part;
        },
      };
    },
  };
}
