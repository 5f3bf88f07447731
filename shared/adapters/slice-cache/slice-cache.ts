/**
 * The appliance's storage: slices as files, a journal of what is held, a memory tier in front.
 *
 * | a slice is | when |
 * |------------|------|
 * | reserved   | its bytes count against the capacity, before any is written |
 * | written    | its digest matched, its file is synced and renamed |
 * | held       | its journal line is written; from now on readers see it |
 * | leaving    | a journal line says so, readers miss; its bytes count until the file is gone |
 *
 * Unpinned slices queue for eviction (S3-FIFO); pinned ones are in no queue, so nothing but a plan or a deletion can
 * take them. A file that cannot be read, or reads otherwise than it was written, is dropped and is a miss.
 */
import type { SliceSpec } from '../../domain/manifest.ts';
import type { CachedPart, CachedSlice, SegmentCache, WriteOptions, WriteOutcome } from '../../ports/segment-cache.ts';
import { sumBlocks } from './block-sums.ts';
import { makeBufferPool } from './buffer-pool.ts';
import { sha256Of } from './digest.ts';
import { lockFolder } from './folder-lock.ts';
import type { JournalRecord } from './journal.ts';
import { makeMemoryTier } from './memory-tier.ts';
import { makeOpenFiles } from './open-files.ts';
import { makePartReader, type ReadPart } from './part-reader.ts';
import { openPinnedKeys } from './pinned-keys.ts';
import { recordsOf, recover } from './recovery.ts';
import { makeRoomKeeper } from './room.ts';
import { makeS3Fifo } from './s3-fifo.ts';
import { makeSliceFiles } from './slice-files.ts';
import { type HeldSlice, makeSliceIndex } from './slice-index.ts';

export interface SliceCacheOptions {
  /** Folder of its own; created when missing. */
  readonly dir: string;
  readonly capacityBytes: number;
  readonly memoryBytes: number;
  /** How long bytes read from the disk and checked may be read again unchecked; they come from the page cache then. */
  readonly trustMs?: number;
  /** The journal is replaced by a snapshot after so many lines, or twice as many as there are slices. */
  readonly compactAfterLines?: number;
  /** Told of disk errors that the cache survived. */
  readonly onDiskError?: (error: Error) => void;
}

/** Buffers that wait for the next read. */
const idlePoolBytes = 64 * 1024 * 1024;

/** A disk that cannot open more files is busy, not broken. */
const passingErrors: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);

interface Write {
  readonly key: string;
  deleted: boolean;
  readonly done: Promise<WriteOutcome>;
}

const cut = (bytes: Buffer, from: number, to: number): Buffer =>
  from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to);

const fromDisk = (part: ReadPart | null): CachedPart | null => part && { ...part, tier: 'disk' };

const nameOf = (slice: HeldSlice): string => `${slice.object.key}#${slice.index}`;

/**
 * Opens the cache and recovers what it holds.
 *
 * @throws Error when another process holds the folder.
 */
export async function openSliceCache(options: SliceCacheOptions): Promise<SegmentCache> {
  const { dir, compactAfterLines = 50_000, onDiskError = () => {} } = options;
  const files = makeSliceFiles(dir);
  const unlock = lockFolder(dir);
  files.clearTemporary();

  const pinned = openPinnedKeys(dir);
  const index = makeSliceIndex();
  const recovered = recover(dir, index, files, (set, key) => set === pinned.setNumber && pinned.add(key));
  const journal = recovered.journal;
  let nextFileId = recovered.nextFileId;

  const queue = makeS3Fifo<HeldSlice>({ nameOf, maxGhosts: 100_000 });
  const memory = makeMemoryTier<HeldSlice>(options.memoryBytes, nameOf);
  const pool = makeBufferPool(idlePoolBytes);
  const openFiles = makeOpenFiles(files.pathOf);
  const parts = makePartReader({
    files: openFiles,
    pool,
    trustMs: options.trustMs ?? 30_000,
    mayPromote: memory.mayHold,
  });
  const room = makeRoomKeeper({ capacityBytes: options.capacityBytes, queue, drop });
  const writes = new Map<string, Write>();
  const reads = new Map<HeldSlice, Promise<Buffer | null>>();
  let pinnedBytes = 0;
  let damagedSlices = 0;
  let compacting: Promise<void> | null = null;
  let closing: Promise<void> | null = null;
  for (const object of index.objects()) {
    for (const slice of object.slices.values()) {
      room.count(slice.sizeBytes);
      enqueue(slice, true);
    }
  }
  await room.shrinkTo(options.capacityBytes);

  function enqueue(slice: HeldSlice, proven: boolean): void {
    if (pinned.has(slice.object.key)) pinnedBytes += slice.sizeBytes;
    else queue.add(slice, { proven });
  }

  /** Takes a slice away from readers at once and resolves when its bytes are free. */
  async function drop(slice: HeldSlice): Promise<void> {
    if (!index.remove(slice)) return;
    if (pinned.has(slice.object.key)) pinnedBytes -= slice.sizeBytes;
    queue.remove(slice);
    memory.remove(slice);
    parts.forget(slice);
    tryAppend(['-', slice.fileId]);
    try {
      await files.remove(slice.fileId);
      room.release(slice.sizeBytes);
    } catch (error) {
      // Its bytes stay counted: they still lie on the disk. The next start finds a file that no line names.
      onDiskError(error as Error);
    }
  }

  /** A line that is lost here costs nothing: recovery believes the files. */
  function tryAppend(record: JournalRecord): void {
    try {
      journal.append(record);
    } catch (error) {
      onDiskError(error as Error);
    }
  }

  function compactWhenDue(): void {
    if (compacting || journal.length < Math.max(compactAfterLines, 2 * index.sliceCount)) return;
    compacting = journal
      .compact(recordsOf(index, pinned))
      .catch((error: Error) => onDiskError(error))
      .finally(() => {
        compacting = null;
      });
  }

  function pin(key: string): void {
    if (!pinned.add(key)) return;
    tryAppend(['pin', pinned.setNumber, key]);
    for (const slice of index.object(key)?.slices.values() ?? []) {
      queue.remove(slice);
      pinnedBytes += slice.sizeBytes;
    }
  }

  async function store(write: Write, slice: SliceSpec, bytes: Uint8Array, pinIt: boolean): Promise<WriteOutcome> {
    if (bytes.length !== slice.sizeBytes || (await sha256Of(bytes)) !== slice.sha256) return 'digest-mismatch';
    if (!(await room.reserve(bytes.length))) return 'no-room';
    const fileId = nextFileId;
    nextFileId += 1;
    try {
      await files.write(fileId, bytes);
      if (write.deleted) throw new Error(`${write.key} was deleted while it was written`);
      const { whole: crc, blocks } = sumBlocks(bytes);
      journal.append(['+', fileId, write.key, slice.index, bytes.length, crc]);
      if (pinIt) pin(write.key);
      const held = index.add(write.key, slice.index, { sizeBytes: bytes.length, fileId, crc });
      parts.learn(held, blocks);
      enqueue(held, false);
      compactWhenDue();
      return 'stored';
    } catch (error) {
      await files.remove(fileId).catch(() => {});
      room.release(bytes.length);
      if (write.deleted) return 'no-room';
      onDiskError(error as Error);
      return 'disk-failed';
    }
  }

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
      await dropDamaged(slice);
      return null;
    } catch (error) {
      const stillHeld = index.get(slice.object.key, slice.index) === slice;
      if (stillHeld) onDiskError(error as Error);
      if (!stillHeld || passingErrors.has((error as NodeJS.ErrnoException).code)) return null;
    }
    await drop(slice);
    return null;
  }

  /** A whole slice that memory can hold is read whole, so that it comes there. */
  const readNowFromDisk = (slice: HeldSlice, from: number, to: number): CachedPart | null =>
    to - from === slice.sizeBytes && memory.mayHold(slice.sizeBytes) ? null : fromDisk(parts.readNow(slice, from, to));

  const everySlice = function* (): Generator<HeldSlice> {
    for (const object of index.objects()) yield* object.slices.values();
  };
  let scrubbing = everySlice();

  async function checkOnDisk(slice: HeldSlice): Promise<void> {
    const buffer = pool.take(slice.sizeBytes);
    try {
      const bytes = await files.read(slice.fileId, slice.sizeBytes, buffer);
      if (bytes.length === slice.sizeBytes && sumBlocks(bytes).whole === slice.crc) return;
      if (index.get(slice.object.key, slice.index) === slice) await dropDamaged(slice);
    } catch (error) {
      const isHeld = index.get(slice.object.key, slice.index) === slice;
      if (!isHeld || passingErrors.has((error as NodeJS.ErrnoException).code)) return;
      await dropDamaged(slice);
    } finally {
      pool.give(buffer);
    }
  }

  async function dropDamaged(slice: HeldSlice): Promise<void> {
    damagedSlices += 1;
    onDiskError(new Error(`slice ${nameOf(slice)} is damaged on disk and was dropped`));
    await drop(slice);
  }

  /** One read at a time for all who want the slice. */
  function readOnce(slice: HeldSlice, forPart: boolean): Promise<Buffer | null> {
    const known = reads.get(slice);
    if (known) return known;
    const reading = readFile(slice, forPart).finally(() => reads.delete(slice));
    reads.set(slice, reading);
    return reading;
  }

  async function closeOnce(): Promise<void> {
    await Promise.all([...writes.values()].map((write) => write.done));
    await compacting;
    memory.clear();
    openFiles.closeAll();
    journal.close();
    unlock();
  }

  const cache: SegmentCache = {
    has: (key, sliceIndex) => index.get(key, sliceIndex) !== null,

    async read(key, sliceIndex): Promise<CachedSlice | null> {
      const slice = index.get(key, sliceIndex);
      if (!slice) return null;
      queue.touch(slice);
      const hot = memory.get(slice);
      if (hot) return { bytes: hot, tier: 'memory' };
      const bytes = await readOnce(slice, false);
      return bytes && { bytes, tier: 'disk' };
    },

    readPartNow(key, sliceIndex, from, to) {
      const slice = index.get(key, sliceIndex);
      if (!slice) return null;
      const hot = memory.get(slice);
      const found = hot ? { bytes: cut(hot, from, to), tier: 'memory' as const } : readNowFromDisk(slice, from, to);
      if (found) queue.touch(slice);
      return found;
    },

    async readPart(key, sliceIndex, from, to) {
      const slice = index.get(key, sliceIndex);
      if (slice && !memory.has(slice)) {
        const wantsAll = to - from === slice.sizeBytes;
        const part =
          wantsAll && memory.mayHold(slice.sizeBytes) ? 'hot' : await parts.read(slice, from, to).catch(() => null);
        if (part === 'damaged') {
          await dropDamaged(slice);
          return null;
        }
        queue.touch(slice);
        if (part && part !== 'hot') return fromDisk(part);
        if (part === null && !wantsAll) {
          const bytes = await readOnce(slice, true);
          return bytes && { bytes: cut(bytes, from, to), tier: 'disk' };
        }
      }
      const found = await cache.read(key, sliceIndex);
      return found && { bytes: cut(found.bytes, from, to), tier: found.tier };
    },

    async write(key, slice, bytes, { pinned: pinIt }: WriteOptions): Promise<WriteOutcome> {
      const name = `${key}#${slice.index}`;
      for (;;) {
        if (index.get(key, slice.index)) {
          if (pinIt) pin(key);
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

    async remove(keyOrPrefix) {
      const matches = (key: string) =>
        key === keyOrPrefix || (keyOrPrefix.endsWith('/') && key.startsWith(keyOrPrefix));
      for (const write of writes.values()) if (matches(write.key)) write.deleted = true;
      const slices = index.matching(keyOrPrefix).flatMap((object) => [...object.slices.values()]);
      let freedBytes = 0;
      for (const slice of slices) {
        await drop(slice);
        freedBytes += slice.sizeBytes;
      }
      return freedBytes;
    },

    async setPinned(keys) {
      await pinned.replace(keys);
      pinnedBytes = 0;
      for (const object of index.objects()) {
        const stays = pinned.has(object.key);
        for (const slice of object.slices.values()) {
          if (stays) {
            queue.remove(slice);
            pinnedBytes += slice.sizeBytes;
          } else queue.add(slice);
        }
      }
    },

    *inventory(after) {
      for (const { key, heldBytes, slices } of index.inOrder(after)) {
        yield { key, heldBytes, slices: slices.size, pinned: pinned.has(key) };
      }
    },

    stats: () => ({
      capacityBytes: room.capacityBytes,
      storedBytes: room.storedBytes,
      pinnedBytes,
      storedObjects: index.objectCount,
      memoryBytes: memory.sizeBytes,
      evictedBytes: room.evictedBytes,
    }),

    async scrub(maxBytes) {
      let readBytes = 0;
      while (readBytes < maxBytes && !closing) {
        const next = scrubbing.next();
        if (next.done) {
          scrubbing = everySlice();
          break;
        }
        await checkOnDisk(next.value);
        readBytes += next.value.sizeBytes;
      }
      return readBytes;
    },

    get damagedSlices() {
      return damagedSlices;
    },

    get lentBytes() {
      return pool.lentBytes;
    },

    setCapacity: (bytes) => room.shrinkTo(bytes),

    close() {
      closing ??= closeOnce();
      return closing;
    },
  };
  return cache;
}
