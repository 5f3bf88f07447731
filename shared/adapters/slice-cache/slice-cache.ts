/**
 * The appliance's storage: slices as files, a journal of what is held, a memory tier in front.
 *
 * | a slice is | when | where |
 * |------------|------|-------|
 * | reserved   | its bytes count against the capacity, before any is written | slice-writer.ts |
 * | written    | its digest matched, its file is synced and renamed | slice-writer.ts |
 * | held       | its journal line is written; from now on readers see it | holdings.ts |
 * | leaving    | a journal line says so, readers miss; its bytes count until the file is gone | holdings.ts |
 *
 * Of the slices that no plan keeps, those stay that are expected to be asked for most (pulled-slices.ts); pinned ones
 * leave by nothing but a plan or a deletion. A file that cannot be read, or reads otherwise than it was written, is dropped and is a miss: found by
 * readers (slice-reader.ts) and by the rounds of scrubber.ts.
 */

import { makeBufferPool } from '../../platform/buffer-pool.ts';
import type { KernelIo } from '../../platform/kernel-io.ts';
import type { SegmentCache } from '../../ports/segment-cache.ts';
import { lockFolder } from './folder-lock.ts';
import { readForesight, writeForesight } from './foresight-file.ts';
import { makeHoldings } from './holdings.ts';
import { makeMemoryTier } from './memory-tier.ts';
import { makeOpenFiles } from './open-files.ts';
import { makePartReader } from './part-reader.ts';
import { openPinnedKeys } from './pinned-keys.ts';
import { makePulledSlices } from './pulled-slices.ts';
import { checkFiles, recover } from './recovery.ts';
import { makeRoomKeeper } from './room.ts';
import { makeScrubber } from './scrubber.ts';
import { makeSliceFiles } from './slice-files.ts';
import { type HeldSlice, makeSliceIndex, nameOf } from './slice-index.ts';
import { makeSliceReader } from './slice-reader.ts';
import { makeSliceWriter } from './slice-writer.ts';
import { makeSummer } from './summer.ts';

export interface SliceCacheOptions {
  /** Folder of its own; created when missing. */
  readonly dir: string;
  readonly capacityBytes: number;
  readonly memoryBytes: number;
  /** How long bytes read from the disk and checked may be read again unchecked; they come from the page cache then. */
  readonly trustMs?: number;
  /** For reading from the page cache without waiting, and for sending files. */
  readonly kernel?: KernelIo | null;
  /** The machine's own by default. */
  readonly clock?: { now(): number };
  /** The journal is replaced by a snapshot after so many lines, or half as many as there are slices. */
  readonly compactAfterLines?: number;
  /** With no more slices than this the files are looked at before it opens, with more while it serves. */
  readonly checkedFirst?: number;
  /** Told of disk errors that the cache survived. */
  readonly onDiskError?: (error: Error) => void;
}

const trustMs = 300_000;
/** Buffers that wait for the next read. */
const idlePoolBytes = 64 * 1024 * 1024;

/**
 * Opens the cache and recovers what it holds.
 *
 * @throws Error when another process holds the folder.
 */
export async function openSliceCache(options: SliceCacheOptions): Promise<SegmentCache> {
  const {
    dir,
    capacityBytes,
    compactAfterLines = 50_000,
    checkedFirst = 10_000,
    kernel = null,
    onDiskError = () => {},
  } = options;
  const files = makeSliceFiles(dir);
  const unlock = lockFolder(dir);
  files.clearTemporary();

  const pinned = openPinnedKeys(dir);
  const index = makeSliceIndex();
  const recovered = recover(dir, index, (set, key) => set === pinned.setNumber && pinned.add(key));
  const { journal } = recovered;

  let saving: Promise<void> | null = null;
  const saved = await readForesight(dir).catch((error: Error) => {
    onDiskError(new Error(`what was known of demand cannot be read and is learnt anew: ${error.message}`));
    return null;
  });
  const pulled = makePulledSlices({
    index,
    clock: options.clock ?? Date,
    isPlanned: pinned.has,
    onEvict: (slice) => holdings.evict(slice),
    onRound: () => void saveForesight(),
    saved,
  });
  const room = makeRoomKeeper(capacityBytes, pulled);
  const memory = makeMemoryTier<HeldSlice>(options.memoryBytes, nameOf);
  const pool = makeBufferPool(idlePoolBytes);
  const openFiles = makeOpenFiles(files.pathOf);
  const parts = makePartReader({
    files: openFiles,
    pool,
    kernel,
    trustMs: options.trustMs ?? trustMs,
    // Parts that the kernel sends gain nothing by lying in memory as well.
    mayPromote: (sizeBytes) => !kernel && memory.mayHold(sizeBytes),
  });
  const holdings = makeHoldings({
    index,
    pulled,
    room,
    memory,
    parts,
    pinned,
    journal,
    files,
    compactAfterLines,
    onDiskError,
  });
  let closing: Promise<void> | null = null;
  const reader = makeSliceReader({ index, pulled, memory, parts, holdings, files, onDiskError });
  const scrub = makeScrubber({ index, holdings, files, pool, isClosing: () => closing !== null });
  holdings.count();
  room.refit();
  const adopting = holdings.adopt().then(() => room.shrinkTo(capacityBytes));
  const summer = makeSummer();
  const writer = makeSliceWriter({
    index,
    holdings,
    pulled,
    room,
    roomIsReady: adopting,
    files,
    summer,
    firstFileId: recovered.firstFileId,
    onDiskError,
  });
  const checking = checkFiles({
    firstFileId: recovered.firstFileId,
    nextFileId: () => writer.nextFileId,
    index,
    files,
    onMissing: holdings.drop,
    isClosing: () => closing !== null,
  }).catch(onDiskError);
  if (index.sliceCount <= checkedFirst) await Promise.all([adopting, checking]);

  function saveForesight(): Promise<void> {
    saving ??= adopting
      .then(() => writeForesight(dir, pulled.save()))
      .catch((error: Error) => onDiskError(error))
      .finally(() => {
        saving = null;
      });
    return saving;
  }

  async function closeOnce(): Promise<void> {
    await checking;
    await adopting;
    await writer.settled();
    await summer.close();
    await holdings.settled();
    pulled.stop();
    await saving;
    await saveForesight();
    memory.clear();
    openFiles.closeAll();
    journal.close();
    unlock();
  }

  return {
    ...reader,
    write: writer.write,
    incoming: summer.pool,
    scrub,
    setPinned: holdings.setPinned,
    async setCapacity(bytes) {
      await adopting;
      await room.shrinkTo(bytes);
    },
    demand: {
      missed: pulled.missed,
      seenElsewhere: pulled.seenElsewhere,
      giveUp: pulled.giveUp,
      setTopUp: pulled.setTopUp,
    },

    has: (key, sliceIndex) => index.get(key, sliceIndex) !== null,

    async remove(keyOrPrefix) {
      writer.abandon(keyOrPrefix);
      const slices = index.matching(keyOrPrefix).flatMap((object) => object.slices);
      let freedBytes = 0;
      for (const slice of slices) {
        await holdings.drop(slice);
        freedBytes += slice.sizeBytes;
      }
      return freedBytes;
    },

    *inventory(after) {
      for (const { key, heldBytes, slices } of index.inOrder(after)) {
        yield { key, heldBytes, slices: slices.length, pinned: pinned.has(key) };
      }
    },

    stats: () => ({
      capacityBytes: room.capacityBytes,
      storedBytes: room.storedBytes,
      pinnedBytes: room.pinnedBytes,
      storedObjects: index.objectCount,
      memoryBytes: memory.sizeBytes,
      evictedBytes: holdings.evictedBytes,
    }),

    get damagedSlices() {
      return holdings.damagedSlices;
    },

    get lentBytes() {
      return pool.lentBytes;
    },

    close() {
      closing ??= closeOnce();
      return closing;
    },
  };
}
