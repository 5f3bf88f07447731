/**
 * What the cache holds and why it may stay: every slice comes in and leaves here, so that the index, the eviction queue,
 * the pinned set, the journal and the disk budget agree.
 *
 * | a slice is | when |
 * |------------|------|
 * | held       | its journal line is written; from now on readers see it |
 * | pinned     | its key is in the pinned set; then it is in no queue |
 * | leaving    | readers miss, and a journal line says so; its bytes count until the file is gone |
 */
import type { Journal, JournalRecord } from './journal.ts';
import type { MemoryTier } from './memory-tier.ts';
import type { PartReader } from './part-reader.ts';
import type { PinnedKeys } from './pinned-keys.ts';
import { recordsOf } from './recovery.ts';
import { makeRoomKeeper, type RoomKeeper } from './room.ts';
import type { EvictionQueue } from './s3-fifo.ts';
import type { SliceFiles } from './slice-files.ts';
import { type HeldSlice, nameOf, type SliceIndex } from './slice-index.ts';

export interface HoldingsDeps {
  readonly index: SliceIndex;
  readonly queue: EvictionQueue<HeldSlice>;
  readonly memory: MemoryTier<HeldSlice>;
  readonly parts: PartReader;
  readonly pinned: PinnedKeys;
  readonly journal: Journal;
  readonly files: SliceFiles;
  readonly capacityBytes: number;
  readonly compactAfterLines: number;
  readonly onDiskError: (error: Error) => void;
}

/** A slice whose file is whole and under its final name. */
export interface NewSlice extends Pick<HeldSlice, 'sizeBytes' | 'fileId' | 'crc'> {
  readonly key: string;
  readonly index: number;
  /** Sums of its blocks. */
  readonly blocks: Uint32Array;
}

export interface Holdings {
  readonly room: RoomKeeper;
  readonly pinnedBytes: number;
  readonly damagedSlices: number;
  /** Counts and queues the slices that recovery put into the index, and evicts those that no longer fit. */
  adopt(): Promise<void>;
  /** Shows a slice to readers; its bytes are reserved already. @throws when the journal does not take its line. */
  add(slice: NewSlice, pinIt: boolean): void;
  /** Takes a slice away from readers at once and resolves when its bytes are free. */
  drop(slice: HeldSlice): Promise<void>;
  /** As `drop`, counted and told. */
  dropDamaged(slice: HeldSlice): Promise<void>;
  pin(key: string): void;
  /** Makes `keys` the pinned set. */
  setPinned(keys: ReadonlySet<string>): Promise<void>;
  /** Resolves when the journal is not being replaced. */
  settled(): Promise<void>;
}

export function makeHoldings(deps: HoldingsDeps): Holdings {
  const { index, queue, memory, parts, pinned, journal, files, compactAfterLines, onDiskError } = deps;
  const room = makeRoomKeeper({ capacityBytes: deps.capacityBytes, queue, drop });
  let pinnedBytes = 0;
  let damagedSlices = 0;
  let compacting: Promise<void> | null = null;

  function enqueue(slice: HeldSlice, proven: boolean): void {
    if (pinned.has(slice.object.key)) pinnedBytes += slice.sizeBytes;
    else queue.add(slice, { proven });
  }

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

  return {
    room,
    get pinnedBytes() {
      return pinnedBytes;
    },
    get damagedSlices() {
      return damagedSlices;
    },

    async adopt() {
      for (const object of index.objects()) {
        for (const slice of object.slices.values()) {
          room.count(slice.sizeBytes);
          enqueue(slice, true);
        }
      }
      await room.shrinkTo(deps.capacityBytes);
    },

    add({ key, index: sliceIndex, sizeBytes, fileId, crc, blocks }, pinIt) {
      journal.append(['+', fileId, key, sliceIndex, sizeBytes, crc]);
      if (pinIt) pin(key);
      const held = index.add(key, sliceIndex, { sizeBytes, fileId, crc });
      parts.learn(held, blocks);
      enqueue(held, false);
      compactWhenDue();
    },

    drop,

    async dropDamaged(slice) {
      damagedSlices += 1;
      onDiskError(new Error(`slice ${nameOf(slice)} is damaged on disk and was dropped`));
      await drop(slice);
    },

    pin,

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

    async settled() {
      await compacting;
    },
  };
}
