/**
 * Parts of slices from the disk, into buffers that are used again, or as they lie in their file.
 *
 * | what is known of a slice          | how a part of it is read |
 * |-----------------------------------|--------------------------|
 * | nothing                           | not here: the whole is read and checked, and its blocks are summed |
 * | sums of its blocks                | the blocks around the part, each checked |
 * | … and they lie in the page cache  | the part alone, at once, after those of its blocks that were not checked within `trustMs` |
 *
 * A read at once that takes long, while the disk was read, was none from the page cache; then there are none for a while, since it
 * blocks all.
 */
import fs from 'node:fs';
import { crc32 } from 'node:zlib';
import { LRUCache } from 'lru-cache';
import type { BufferPool } from '../../platform/buffer-pool.ts';
import type { KernelIo } from '../../platform/kernel-io.ts';
import type { StoredBytes } from '../../ports/segment-cache.ts';
import { blockBytes } from './block-sums.ts';
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
  /** The part as it lies in its file, where it was checked within `trustMs`; else null. */
  openNow(slice: HeldSlice, from: number, to: number): StoredPart | null;
  forget(slice: HeldSlice): void;
}

/** What `StoredBytes` says, but for reading anew. */
export type StoredPart = Omit<StoredBytes, 'read'>;

/** What no read from the page cache takes, also on a machine with other work: so long, and more for more bytes. */
const longReadMs = 5;
const longReadBytesPerMs = 500_000;
const restMs = 2_000;
const sampleEveryMs = 50;
const lookEveryMs = 1_000;
/** After so many times its size in parts, a slice is read whole again and comes into memory. */
const promoteAfter = 8;

interface Known {
  readonly sums: Uint32Array;
  /** When each block was checked last, in monotonic milliseconds. */
  readonly checkedMs: Float64Array;
  readBytes: number;
  /** When the file was changed last by anyone, as last looked at; null before. */
  ctimeMs: number | null;
  lookedMs: number;
}

export interface PartReaderOptions {
  /** Null where there is none: then only what was checked lately is read at once. */
  readonly kernel: KernelIo | null;
  readonly files: OpenFiles;
  readonly pool: BufferPool;
  /** How long bytes that were checked are read again unchecked. */
  readonly trustMs: number;
  /** Whether memory can hold a slice of that size. */
  readonly mayPromote: (sizeBytes: number) => boolean;
}

/** Sums take 256 bytes a slice of 4 MiB, times of checks 512. */
const maxSlices = 50_000;

export function makePartReader({ files, pool, kernel, trustMs, mayPromote }: PartReaderOptions): PartReader {
  const known = new LRUCache<number, Known>({ max: maxSlices });
  const scratch = Buffer.allocUnsafeSlow(blockBytes);
  let restUntilMs = 0;
  let diskReads = 0;
  let sampledMs = Number.NEGATIVE_INFINITY;

  const blocksOf = (from: number, to: number) => ({
    first: Math.floor(from / blockBytes),
    last: Math.floor((to - 1) / blockBytes),
  });

  /** The first moment after which one of its blocks has to be checked again, in monotonic milliseconds. */
  function trustedUntilMs(facts: Known, from: number, to: number): number {
    const { first, last } = blocksOf(from, to);
    let oldestMs = Number.POSITIVE_INFINITY;
    for (let at = first; at <= last; at += 1) oldestMs = Math.min(oldestMs, facts.checkedMs[at] ?? 0);
    return oldestMs + trustMs;
  }

  /** To be called before what `noteTime` is told of. */
  function sample(nowMs: number): void {
    if (!kernel || nowMs - sampledMs < sampleEveryMs) return;
    diskReads = kernel.diskReads();
    sampledMs = nowMs;
  }

  /** A call also takes long where the processor was another's: then this thread read nothing from a disk. */
  function noteTime(startedMs: number, bytes: number): void {
    const endedMs = performance.now();
    if (endedMs - startedMs <= longReadMs + bytes / longReadBytesPerMs) return;
    if (!kernel || kernel.diskReads() > diskReads) restUntilMs = endedMs + restMs;
    sampledMs = Number.NEGATIVE_INFINITY;
  }

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

  /** Whether the file is as it was when its blocks were checked; asked of the file system once a second. */
  function look(facts: Known, fd: number, nowMs: number): void {
    if (nowMs - facts.lookedMs < lookEveryMs) return;
    facts.lookedMs = nowMs;
    const { ctimeMs } = fs.fstatSync(fd);
    if (ctimeMs !== facts.ctimeMs) facts.checkedMs.fill(Number.NEGATIVE_INFINITY);
    facts.ctimeMs = ctimeMs;
  }

  /** Checks what was not checked lately, if it lies in the page cache; whether all of it is trusted then. */
  function trustNow(slice: HeldSlice, facts: Known, fd: number, from: number, to: number): boolean {
    const nowMs = performance.now();
    look(facts, fd, nowMs);
    const { first, last } = blocksOf(from, to);
    for (let at = first; at <= last; at += 1) {
      if (nowMs - (facts.checkedMs[at] ?? 0) <= trustMs) continue;
      const start = at * blockBytes;
      const block = scratch.subarray(0, Math.min(blockBytes, slice.sizeBytes - start));
      if (!kernel || kernel.readCached(fd, block, start) < block.length) return false;
      // Who reads it the slower way finds the same, and has the slice dropped.
      if (crc32(block) !== facts.sums[at]) return false;
      facts.checkedMs[at] = nowMs;
    }
    return true;
  }

  /** What can be had at once of it, and its descriptor. */
  function readyNow(slice: HeldSlice, from: number, to: number): { facts: Known; fd: number } | null {
    const facts = known.get(slice.fileId);
    if (!facts || to <= from || trustMs < 0 || performance.now() < restUntilMs) return null;
    const fd = files.peek(slice.fileId);
    // For the next one who asks.
    if (fd === null) files.prepare(slice.fileId);
    return fd !== null && trustNow(slice, facts, fd, from, to) ? { facts, fd } : null;
  }

  return {
    learn(slice, sums) {
      const checkedMs = new Float64Array(sums.length).fill(Number.NEGATIVE_INFINITY);
      known.set(slice.fileId, { sums, checkedMs, readBytes: 0, ctimeMs: null, lookedMs: Number.NEGATIVE_INFINITY });
    },

    readNow(slice, from, to) {
      const ready = readyNow(slice, from, to);
      if (!ready) return null;
      const startedMs = performance.now();
      sample(startedMs);
      const buffer = pool.take(to - from);
      let count = 0;
      try {
        count = kernel
          ? kernel.readCached(ready.fd, buffer.subarray(0, to - from), from)
          : fs.readSync(ready.fd, buffer, 0, to - from, from);
      } catch {
        // The slower way meets the same error and says so.
      }
      noteTime(startedMs, to - from);
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
        const count = await files.use(slice.fileId, (fd) => {
          look(facts, fd, startedMs);
          return readAt(fd, buffer, end - start, start);
        });
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

    openNow(slice, from, to) {
      const facts = readyNow(slice, from, to)?.facts;
      const file = facts && files.lend(slice.fileId);
      if (!file) return null;
      const untilMs = trustedUntilMs(facts, from, to);
      const isFresh = (): boolean => {
        const nowMs = performance.now();
        return nowMs <= untilMs && nowMs >= restUntilMs;
      };
      const { fd, release } = file;
      return {
        length: to - from,
        isFresh,
        release,
        sendNow(send, at) {
          const startedMs = performance.now();
          sample(startedMs);
          const count = send(fd, from + at, to - from - at);
          noteTime(startedMs, count);
          return count;
        },
        readNow(start, end) {
          const bytes = Buffer.allocUnsafe(end - start);
          const count = fs.readSync(fd, bytes, 0, end - start, from + start);
          if (count < end - start) throw new Error('the file ends early');
          return bytes;
        },
      };
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
