import { type Journal, type JournalRecord, openJournal } from './journal.ts';
import type { PinnedKeys } from './pinned-keys.ts';
import type { SliceFiles } from './slice-files.ts';
import type { SliceIndex } from './slice-index.ts';

/** Everything held, as the lines of a snapshot. */
export function* recordsOf(index: SliceIndex, pinned: PinnedKeys): Iterable<JournalRecord> {
  for (const key of pinned.added()) yield ['pin', pinned.setNumber, key];
  for (const { key, slices } of index.objects()) {
    for (const { index: sliceIndex, fileId, sizeBytes, crc } of slices.values()) {
      yield ['+', fileId, key, sliceIndex, sizeBytes, crc];
    }
  }
}

type Held = Extract<JournalRecord, readonly ['+', ...unknown[]]>;

/** Replays the journal, then believes the files: lines without a whole file and files without a line are dropped. */
export function recover(
  dir: string,
  index: SliceIndex,
  files: SliceFiles,
  onPin: (setNumber: number, key: string) => void,
): { readonly journal: Journal; readonly nextFileId: number } {
  const lines = new Map<number, Held>();
  let nextFileId = 1;
  const journal = openJournal(`${dir}/journal`, (record) => {
    if (record[0] === 'pin') return onPin(record[1], record[2]);
    if (record[0] === '+') lines.set(record[1], record);
    else lines.delete(record[1]);
    nextFileId = Math.max(nextFileId, record[1] + 1);
  });
  const whole = new Set<number>();
  files.sweep(({ fileId, sizeBytes }) => {
    if (lines.get(fileId)?.[4] !== sizeBytes) return false;
    whole.add(fileId);
    return true;
  });
  for (const [, fileId, key, sliceIndex, sizeBytes, crc] of lines.values()) {
    if (whole.has(fileId)) index.add(key, sliceIndex, { fileId, sizeBytes, crc });
  }
  return { journal, nextFileId };
}
