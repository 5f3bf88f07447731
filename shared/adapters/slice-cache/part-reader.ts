/**
 * Parts of slices from the disk, into buffers that are used again.
 *
 * | what is known of a slice          | how a part of it is read |
 * |-----------------------------------|--------------------------|
 * | nothing                           | not here: the whole is read and checked, and its blocks are summed |
 * | sums of its blocks                | the blocks around the part, each checked |
 * | … and checked within `trustMs`      | the part alone, at once and unchecked: it comes from the page cache |
 *
 * A read at once that takes long was none from the page cache; then there are none for a while, since it blocks all.
 */
import fs from 'node:fs';
import { crc32 } from 'node:zlib';
import { LRUCache } from 'lru-cache';
import { blockBytes } from './block-sums.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { OpenFiles } from './open-files.ts';
import type { HeldSlice } from './slice-index.ts';

export interface ReadPart {
  readonly bytes: Buffer;
  readonly release: () => void;
}

export interface PartReader {
  /** Remembers the sums of the blocks of what was just written, or read whole and checked. */
  learn(slice: HeldSlice, sums: Uint32Array): void;
  /** At once where that is safe; else null. */
  readNow(slice: HeldSlice, from: number, to: number): ReadPart | null;
  /**
   * Null where the whole has to be read first; `hot` where it is better read whole and kept in memory; `damaged` where
   * the bytes are not those that were summed.
   */
  read(slice: HeldSlice, from: number, to: number): Promise<ReadPart | 'damaged' | 'hot' | null>;
  forget(slice: HeldSlice): void;
}

/** What no read from the page cache takes, also on a machine with other work: so long, and more for more bytes. */
const longReadMs = 5;
const longReadBytesPerMs = 500_000;
const restMs = 2_000;
/** After so many times its size in parts, a slice is read whole again and comes into memory. */
const promoteAfter = 8;

interface Known {
  readonly sums: Uint32Array;
  /** When each block was checked last, in monotonic milliseconds. */
  readonly checkedMs: Float64Array;
  readBytes: number;
}

export interface PartReaderOptions {
  readonly files: OpenFiles;
  readonly pool: BufferPool;
  /** How long bytes that were checked are read again unchecked. */
  readonly trustMs: number;
  /** Whether memory can hold a slice of that size. */
  readonly mayPromote: (sizeBytes: number) => boolean;
}

/** Sums take 256 bytes a slice of 4 MiB, times of checks 512. */
const maxSlices = 50_000;

export function makePartReader({ files, pool, trustMs, mayPromote }: PartReaderOptions): PartReader {
  const known = new LRUCache<number, Known>({ max: maxSlices });
  let restUntilMs = 0;

  const blocksOf = (from: number, to: number) => ({
    first: Math.floor(from / blockBytes),
    last: Math.floor((to - 1) / blockBytes),
  });

  function lend(buffer: Buffer, from: number, to: number): ReadPart {
    let isLent = true;
    return {
      bytes: buffer.subarray(from, to),
      release: () => {
        if (isLent) pool.give(buffer);
        isLent = false;
      },
    };
  }

  return {
    learn(slice, sums) {
      const checkedMs = new Float64Array(sums.length).fill(performance.now());
      known.set(slice.fileId, { sums, checkedMs, readBytes: 0 });
    },

    readNow(slice, from, to) {
      const facts = known.get(slice.fileId);
      const startedMs = performance.now();
      if (!facts || startedMs < restUntilMs || to <= from) return null;
      const fd = files.peek(slice.fileId);
      if (fd === null) return null;
      const { first, last } = blocksOf(from, to);
      for (let at = first; at <= last; at += 1) if (startedMs - (facts.checkedMs[at] ?? 0) > trustMs) return null;
      const buffer = pool.take(to - from);
      let count = 0;
      try {
        count = fs.readSync(fd, buffer, 0, to - from, from);
      } catch {
        // The slower way meets the same error and says so.
      }
      if (performance.now() - startedMs > longReadMs + (to - from) / longReadBytesPerMs)
        restUntilMs = performance.now() + restMs;
      if (count === to - from) return lend(buffer, 0, count);
      pool.give(buffer);
      return null;
    },

    async read(slice, from, to) {
      const facts = known.get(slice.fileId);
      if (!facts || to <= from) return null;
      facts.readBytes += to - from;
      if (facts.readBytes > promoteAfter * slice.sizeBytes && mayPromote(slice.sizeBytes)) {
        known.delete(slice.fileId);
        return 'hot';
      }
      const { first, last } = blocksOf(from, to);
      const start = first * blockBytes;
      const end = Math.min(slice.sizeBytes, (last + 1) * blockBytes);
      const buffer = pool.take(end - start);
      const startedMs = performance.now();
      try {
        const count = await files.use(slice.fileId, (fd) => readAt(fd, buffer, end - start, start));
        for (let at = first; at <= last; at += 1) {
          const offset = at * blockBytes - start;
          const block = buffer.subarray(offset, Math.min(offset + blockBytes, end - start));
          const isTrusted = trustMs >= 0 && startedMs - (facts.checkedMs[at] ?? 0) <= trustMs;
          if (count !== end - start || (!isTrusted && crc32(block) !== facts.sums[at])) {
            pool.give(buffer);
            return 'damaged';
          }
          if (!isTrusted) facts.checkedMs[at] = performance.now();
        }
      } catch (error) {
        pool.give(buffer);
        throw error;
      }
      return lend(buffer, from - start, to - start);
    },

    forget(slice) {
      known.delete(slice.fileId);
      files.forget(slice.fileId);
    },
  };
}

async function readAt(fd: number, buffer: Buffer, length: number, position: number): Promise<number> {
  let offset = 0;
  while (offset < length) {
    const count = await new Promise<number>((resolve, reject) => {
      fs.read(fd, buffer, offset, length - offset, position + offset, (error, read) =>
        error ? reject(error) : resolve(read),
      );
    });
    if (count === 0) break;
    offset += count;
  }
  return offset;
}
