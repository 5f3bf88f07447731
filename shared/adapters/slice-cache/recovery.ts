/**
 * What is held after a start: what the journal says, and what of it the disk has.
 *
 * The journal is believed at once, since every line of it was written after its file was whole; the files are looked at
 * afterwards, while a large cache serves already. Until then a slice whose file is gone is one that reads as a miss, and
 * a file that no line names takes room that is not counted.
 */
import { type Journal, type JournalRecord, openJournal } from './journal.ts';
import type { PinnedKeys } from './pinned-keys.ts';
import type { SliceFiles } from './slice-files.ts';
import type { HeldSlice, SliceIndex } from './slice-index.ts';

/** Everything held, as the lines of a snapshot. */
export function* recordsOf(index: SliceIndex, pinned: PinnedKeys): Iterable<JournalRecord> {
  const set = pinned.setNumber;
  for (const { key, slices } of index.objects()) {
    const isAdded = pinned.wasAdded(key);
    for (const { index: sliceIndex, fileId, sizeBytes, crc } of slices)
      yield isAdded
        ? ['+', fileId, key, sliceIndex, sizeBytes, crc, set]
        : ['+', fileId, key, sliceIndex, sizeBytes, crc];
  }
  for (const key of pinned.added()) if (!index.object(key)) yield ['pin', set, key];
}

export interface Recovered {
  readonly journal: Journal;
  /** Above those of all lines, and of all files that a killed process may have written without one. */
  readonly firstFileId: number;
}

/** More than are ever being written at once. */
const mostUnnamed = 65_536;

/** Replays the journal into the index. */
export function recover(dir: string, index: SliceIndex, onPin: (setNumber: number, key: string) => void): Recovered {
  const journal = openJournal(`${dir}/journal`, (record) => {
    if (record[0] === 'pin') return onPin(record[1], record[2]);
    const [, fileId, key, sliceIndex, sizeBytes, crc, pinnedSet] = record;
    const { object } = index.add(key, sliceIndex, { fileId, sizeBytes, crc });
    if (pinnedSet !== undefined) onPin(pinnedSet, object.key);
  });
  return { journal, firstFileId: journal.highestFileId + mostUnnamed };
}

export interface FileCheckDeps {
  readonly firstFileId: number;
  /** Above those of the files that were written since the start. */
  readonly nextFileId: () => number;
  readonly index: SliceIndex;
  readonly files: SliceFiles;
  /** The file of a held slice is gone. */
  readonly onMissing: (slice: HeldSlice) => Promise<void>;
  readonly isClosing: () => boolean;
}

/** So many slices are looked at before others have a turn: about a millisecond. */
const lookedAtOnce = 5_000;
const breath = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Removes files that no line names, and slices whose file is gone. */
export async function checkFiles(deps: FileCheckDeps): Promise<void> {
  const { firstFileId, nextFileId, index, files, onMissing, isClosing } = deps;
  async function eachSlice(look: (slice: HeldSlice) => void): Promise<void> {
    let looked = 0;
    for (const { slices } of index.objects()) {
      for (const slice of slices) look(slice);
      looked += slices.length;
      if (looked < lookedAtOnce) continue;
      looked = 0;
      await breath();
    }
  }
  const held = new Set<number>();
  await eachSlice(({ fileId }) => held.add(fileId));
  const there = new Set<number>();
  await files.sweep((fileId) => {
    there.add(fileId);
    // What has left since the start is being removed by whoever let it go: once more does no harm.
    return held.has(fileId) || (fileId >= firstFileId && fileId < nextFileId());
  }, isClosing);
  if (isClosing()) return;
  const missing: HeldSlice[] = [];
  await eachSlice((slice) => {
    if (slice.fileId < firstFileId && !there.has(slice.fileId)) missing.push(slice);
  });
  for (const slice of missing) await onMissing(slice);
}
