/**
 * What the cache holds and why it may stay: every slice comes in and leaves here, so that the index, the rules for pulled
 * slices, the pinned set, the journal and the disk budget agree.
 *
 * | a slice is | when |
 * |------------|------|
 * | held       | its journal line is written; from now on readers see it |
 * | pinned     | its key is in the pinned set; then only a plan or a deletion lets it go |
 * | leaving    | readers miss, and a journal line says so; its bytes count until the file is gone |
 */
import type { Journal, JournalRecord } from './journal.ts';
import type { MemoryTier } from './memory-tier.ts';
import type { PartReader } from './part-reader.ts';
import type { PinnedKeys } from './pinned-keys.ts';
import type { Expected, PulledSlices } from './pulled-slices.ts';
import { recordsOf } from './recovery.ts';
import type { RoomKeeper } from './room.ts';
import type { SliceFiles } from './slice-files.ts';
import { type HeldSlice, nameOf, type SliceIndex } from './slice-index.ts';

export interface HoldingsDeps {
  readonly index: SliceIndex;
  readonly pulled: PulledSlices;
  readonly room: RoomKeeper;
  readonly memory: MemoryTier<HeldSlice>;
  readonly parts: PartReader;
  readonly pinned: PinnedKeys;
  readonly journal: Journal;
  readonly files: SliceFiles;
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
  /** Of slices that left for others' sake. */
  readonly evictedBytes: number;
  readonly damagedSlices: number;
  /** Counts the slices that recovery put into the index. */
  count(): void;
  /**
   * Gives each of them its place among the pulled ones, a portion at a time. Before it resolves some of them cannot be
   * evicted, so that whoever needs room has to wait.
   */
  adopt(): Promise<void>;
  isPinned(key: string): boolean;
  /**
   * Shows a slice to readers; its bytes are reserved already.
   *
   * @param expected its place among the pulled slices; null: a fill brought it.
   * @throws when the journal does not take its line.
   */
  add(slice: NewSlice, expected: Expected | null): void;
  /** Takes a slice away for others' sake. */
  evict(slice: HeldSlice): void;
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

/** So many are adopted before others have a turn: about two milliseconds. */
const adoptedAtOnce = 2_000;

export function makeHoldings(deps: HoldingsDeps): Holdings {
  const { index, pulled, room, memory, parts, pinned, journal, files, compactAfterLines, onDiskError } = deps;
  let evictedBytes = 0;
  let damagedSlices = 0;
  let compacting: Promise<void> | null = null;

  async function drop(slice: HeldSlice): Promise<void> {
    if (!index.remove(slice)) return;
    if (pinned.has(slice.object.key)) room.pin(-slice.sizeBytes);
    pulled.drop(slice);
    memory.remove(slice);
    parts.forget(slice);
    tryAppend(['-', slice.fileId]);
    await room.leave(slice.sizeBytes, removeFile(slice));
    room.refit();
  }

  async function removeFile(slice: HeldSlice): Promise<boolean> {
    try {
      await files.remove(slice.fileId);
      return true;
    } catch (error) {
      // Its bytes stay counted: they still lie on the disk. The next start finds a file that no line names.
      onDiskError(error as Error);
      return false;
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
    if (compacting || journal.length < Math.max(compactAfterLines, index.sliceCount / 2)) return;
    compacting = journal
      .compact(recordsOf(index, pinned))
      .catch((error: Error) => onDiskError(error))
      .finally(() => {
        compacting = null;
      });
  }

  function pin(key: string, isWritten = false): void {
    if (!pinned.add(key)) return;
    if (!isWritten) tryAppend(['pin', pinned.setNumber, key]);
    for (const slice of index.object(key)?.slices ?? []) keepByPlan(slice);
    room.refit();
  }

  function keepByPlan(slice: HeldSlice): void {
    pulled.keepByPlan(slice);
    room.pin(slice.sizeBytes);
  }

  return {
    get evictedBytes() {
      return evictedBytes;
    },
    get damagedSlices() {
      return damagedSlices;
    },

    count() {
      room.count(index.heldBytes);
      for (const key of pinned.keys()) room.pin(index.object(key)?.heldBytes ?? 0);
    },

    async adopt() {
      let adopted = 0;
      for (const object of index.objects()) {
        const isPlanned = pinned.has(object.key);
        for (const slice of object.slices) {
          pulled.meet(slice);
          if (!isPlanned) pulled.keepByValue(slice);
          adopted += 1;
        }
        if (adopted < adoptedAtOnce) continue;
        adopted = 0;
        await new Promise((resolve) => setImmediate(resolve));
      }
      pulled.settle();
    },

    isPinned: pinned.has,

    add({ key, index: sliceIndex, sizeBytes, fileId, crc, blocks }, expected) {
      const isPinned = expected === null && !pinned.has(key);
      const line = ['+', fileId, key, sliceIndex, sizeBytes, crc] as const;
      journal.append(isPinned ? [...line, pinned.setNumber] : line);
      if (isPinned) pin(key, true);
      const held = index.add(key, sliceIndex, { sizeBytes, fileId, crc });
      parts.learn(held, blocks);
      if (expected) pulled.arrive(held, expected);
      // A plan may have come while the slice was pulled.
      if (pinned.has(key)) keepByPlan(held);
      compactWhenDue();
    },

    evict(slice) {
      evictedBytes += slice.sizeBytes;
      void drop(slice);
    },

    drop,

    async dropDamaged(slice) {
      damagedSlices += 1;
      onDiskError(new Error(`slice ${nameOf(slice)} is damaged on disk and was dropped`));
      await drop(slice);
    },

    pin,

    setPinned: (keys) =>
      pinned.replace(keys, (before) => {
        for (const object of index.objects()) {
          const stays = pinned.has(object.key);
          if (stays === before.has(object.key)) continue;
          for (const slice of object.slices) {
            if (stays) keepByPlan(slice);
            else {
              room.pin(-slice.sizeBytes);
              pulled.keepByValue(slice);
            }
          }
        }
        room.refit();
      }),

    async settled() {
      await compacting;
    },
  };
}
