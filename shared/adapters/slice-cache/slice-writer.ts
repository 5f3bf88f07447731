/**
 * How slices come in: one write at a time for each, its digest checked before a byte is written.
 *
 * | a slice is | when |
 * |------------|------|
 * | reserved   | its bytes count against the capacity, before any is written |
 * | written    | its digest matched, its file is synced and renamed |
 *
 * From there on it is held (holdings.ts). A write that fails, or whose key is deleted meanwhile, leaves nothing behind.
 */
import type { SliceSpec } from '../../domain/manifest.ts';
import type { SegmentCache, WriteOptions, WriteOutcome } from '../../ports/segment-cache.ts';
import { sumBlocks } from './block-sums.ts';
import { sha256Of } from './digest.ts';
import type { Holdings } from './holdings.ts';
import type { SliceFiles } from './slice-files.ts';
import type { SliceIndex } from './slice-index.ts';

export interface SliceWriterDeps {
  readonly index: SliceIndex;
  readonly holdings: Holdings;
  readonly files: SliceFiles;
  /** Above those of all files that are there. */
  readonly firstFileId: number;
  readonly onDiskError: (error: Error) => void;
}

export interface SliceWriter extends Pick<SegmentCache, 'write'> {
  /** Makes the writes that are under way for the key, or below the prefix, end as `no-room`. */
  abandon(keyOrPrefix: string): void;
  /** Resolves when the writes that are under way have ended. */
  settled(): Promise<void>;
}

interface Write {
  readonly key: string;
  deleted: boolean;
  readonly done: Promise<WriteOutcome>;
}

export function makeSliceWriter({ index, holdings, files, firstFileId, onDiskError }: SliceWriterDeps): SliceWriter {
  const { room } = holdings;
  const writes = new Map<string, Write>();
  let nextFileId = firstFileId;

  async function store(write: Write, slice: SliceSpec, bytes: Uint8Array, pinIt: boolean): Promise<WriteOutcome> {
    if (bytes.length !== slice.sizeBytes || (await sha256Of(bytes)) !== slice.sha256) return 'digest-mismatch';
    if (!(await room.reserve(bytes.length))) return 'no-room';
    const fileId = nextFileId;
    nextFileId += 1;
    try {
      await files.write(fileId, bytes);
      if (write.deleted) throw new Error(`${write.key} was deleted while it was written`);
      const { whole: crc, blocks } = sumBlocks(bytes);
      holdings.add({ key: write.key, index: slice.index, sizeBytes: bytes.length, fileId, crc, blocks }, pinIt);
      return 'stored';
    } catch (error) {
      await files.remove(fileId).catch(() => {});
      room.release(bytes.length);
      if (write.deleted) return 'no-room';
      onDiskError(error as Error);
      return 'disk-failed';
    }
  }

  return {
    async write(key, slice, bytes, { pinned: pinIt }: WriteOptions): Promise<WriteOutcome> {
      const name = `${key}#${slice.index}`;
      for (;;) {
        if (index.get(key, slice.index)) {
          if (pinIt) holdings.pin(key);
          return 'already-held';
        }
        const other = writes.get(name);
        if (!other) break;
        await other.done;
      }
      const { promise, resolve } = Promise.withResolvers<WriteOutcome>();
      const write: Write = { key, deleted: false, done: promise };
      writes.set(name, write);
      const outcome = await store(write, slice, bytes, pinIt).finally(() => writes.delete(name));
      resolve(outcome);
      return outcome;
    },

    abandon(keyOrPrefix) {
      const matches = (key: string) =>
        key === keyOrPrefix || (keyOrPrefix.endsWith('/') && key.startsWith(keyOrPrefix));
      for (const write of writes.values()) if (matches(write.key)) write.deleted = true;
    },

    async settled() {
      await Promise.all([...writes.values()].map((write) => write.done));
    },
  };
}
