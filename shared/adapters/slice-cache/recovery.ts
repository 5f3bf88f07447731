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

/** Everything held, as the lines of a snapshot. Pins come behind the slices, whose keys they then share. */
export function* recordsOf(index: SliceIndex, pinned: PinnedKeys): Iterable<JournalRecord> {
  for (const { key, slices } of index.objects()) {
    for (const { index: sliceIndex, fileId, sizeBytes, crc } of slices) {
      yield ['+', fileId, key, sliceIndex, sizeBytes, crc];
    }
  }
  for (const key of pinned.added()) yield ['pin', pinned.setNumber, key];
}

export interface Recovered {
  readonly journal: Journal;
  /** Above those of all lines, and of all files that a killed process may have written without one. */
  readonly firstFileId: number;
  /** What the journal says, by file. */
  readonly byFile: ReadonlyMap<number, HeldSlice>;
}

/** More than are ever being written at once. */
const mostUnnamed = 65_536;

/** Replays the journal into the index. */
export function recover(dir: string, index: SliceIndex, onPin: (setNumber: number, key: string) => void): Recovered {
  const byFile = new Map<number, HeldSlice>();
  let highest = 0;
  const onReplaced = (before: HeldSlice): void => void byFile.delete(before.fileId);
  const journal = openJournal(`${dir}/journal`, (record) => {
    if (record[0] === 'pin') return onPin(record[1], index.object(record[2])?.key ?? record[2]);
    const fileId = record[1];
    if (fileId > highest) highest = fileId;
    if (record[0] === '+') {
      const [, , key, sliceIndex, sizeBytes, crc] = record;
      byFile.set(fileId, index.add(key, sliceIndex, { fileId, sizeBytes, crc }, onReplaced));
      return;
    }
    const slice = byFile.get(fileId);
    if (slice) index.remove(slice);
    byFile.delete(fileId);
  });
  return { journal, firstFileId: highest + mostUnnamed, byFile };
}

export interface FileCheckDeps {
  readonly recovered: Pick<Recovered, 'byFile' | 'firstFileId'>;
  readonly index: SliceIndex;
  readonly files: SliceFiles;
  /** Above those of the files that were written since the start. */
  readonly nextFileId: () => number;
  /** The file of a held slice is gone. */
  readonly onMissing: (slice: HeldSlice) => Promise<void>;
  readonly isClosing: () => boolean;
}

/** Removes files that no line names, and slices whose file is gone. */
export async function checkFiles(deps: FileCheckDeps): Promise<void> {
  const { recovered, nextFileId, index, files, onMissing, isClosing } = deps;
  const { byFile, firstFileId } = recovered;
  const there = new Set<number>();
  await files.sweep((fileId) => {
    there.add(fileId);
    // What has left since the start is being removed by whoever let it go.
    return byFile.has(fileId) || (fileId >= firstFileId && fileId < nextFileId());
  }, isClosing);
  if (isClosing()) return;
  for (const [fileId, slice] of byFile)
    if (!there.has(fileId) && index.get(slice.object.key, slice.index) === slice) await onMissing(slice);
}
