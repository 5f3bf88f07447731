/**
 * What is held, as a log that survives `kill -9`.
 *
 * `snapshot-<n>` holds everything as of the beginning of `journal-<n>`; journals from `n` on hold what came after. Every
 * line carries its CRC-32, so a torn or damaged line is passed over and the rest still counts. Lines are idempotent and
 * name file numbers, so a snapshot may be taken while the log goes on: what changed meanwhile stands in the new journal.
 *
 * A line is handed to the kernel before the change is visible to readers, and synced every second: a killed process
 * loses nothing, a power cut at most the last second, which costs a second pull and never a wrong byte.
 */
import fs from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

export type JournalRecord =
  /** With a pinned set: its key was pinned by a write as well. */
  | readonly ['+', fileId: number, key: string, index: number, sizeBytes: number, crc: number, pinnedSet?: number]
  | readonly ['-', fileId: number]
  /** The key was pinned by a write; counts only while the pinned set of that number stands. */
  | readonly ['pin', pinnedSet: number, key: string];

export interface Journal {
  /** @throws when the disk does not take the line; the log is then as before. */
  append(record: JournalRecord): void;
  /** The highest file number that the lines found at the start name, also of what has gone. */
  readonly highestFileId: number;
  /** Lines since the last snapshot. */
  readonly length: number;
  /** Writes a snapshot of `records`, read while the log goes on, and drops the logs that it replaces. */
  compact(records: Iterable<JournalRecord>): Promise<void>;
  close(): void;
}

const syncIntervalMs = 1_000;
const chunkBytes = 4 * 1024 * 1024;
const linesAtOnce = 2_000;

/** What is still so when the whole log was read; of slices that are held no longer there is nothing to replay. */
export type Standing = Exclude<JournalRecord, readonly ['-', ...unknown[]]>;

/** Opens the log in `dir` and replays what it holds, oldest first. */
export function openJournal(dir: string, replay: (record: Standing) => void): Journal {
  fs.mkdirSync(dir, { recursive: true });
  const found = readGenerations(dir);
  const snapshot = Math.max(0, ...found.snapshots);
  let length = 0;
  let highestFileId = 0;
  // A file number that has gone never comes again, so that nobody has to find what it was of.
  const gone = new Set<number>();
  const lately: Standing[] = [];
  for (const n of found.journals.filter((n) => n >= snapshot).sort((a, b) => a - b)) {
    length += readRecords(join(dir, `journal-${n}`), (record) => {
      if (record[0] !== 'pin') highestFileId = Math.max(highestFileId, record[1]);
      if (record[0] === '-') gone.add(record[1]);
      else lately.push(record);
    });
  }
  const replayStanding = (record: JournalRecord): void => {
    if (record[0] === '+') highestFileId = Math.max(highestFileId, record[1]);
    if (record[0] === 'pin' || (record[0] === '+' && !gone.has(record[1]))) replay(record);
  };
  if (snapshot > 0) readRecords(join(dir, `snapshot-${snapshot}`), replayStanding);
  for (const record of lately) replayStanding(record);

  // A fresh file: the last one may end in half a line.
  let generation = Math.max(0, ...found.journals, ...found.snapshots) + 1;
  let fd = fs.openSync(journalPath(generation), 'a', 0o600);
  let dirty = false;
  let torn = false;
  const timer = setInterval(() => {
    if (!dirty) return;
    dirty = false;
    fs.fdatasync(fd, () => {});
  }, syncIntervalMs);
  timer.unref();

  function journalPath(n: number): string {
    return join(dir, `journal-${n}`);
  }

  return {
    highestFileId,

    get length() {
      return length;
    },

    append(record) {
      const line = Buffer.from(`${torn ? '\n' : ''}${encode(record)}`);
      const written = fs.writeSync(fd, line);
      torn = written < line.length;
      if (torn) throw new Error('the disk took only a part of a journal line');
      dirty = true;
      length += 1;
    },

    async compact(records) {
      const next = generation + 1;
      const nextFd = fs.openSync(journalPath(next), 'a', 0o600);
      fs.fdatasyncSync(fd);
      fs.closeSync(fd);
      fd = nextFd;
      generation = next;
      torn = false;
      length = 0;
      const temporary = join(dir, 'snapshot.tmp');
      await writeSnapshot(temporary, records);
      fs.renameSync(temporary, join(dir, `snapshot-${next}`));
      dropBefore(dir, next);
    },

    close() {
      clearInterval(timer);
      fs.fdatasyncSync(fd);
      fs.closeSync(fd);
    },
  };
}

function encode(record: JournalRecord): string {
  const text = JSON.stringify(record);
  return `${crc32(text).toString(16).padStart(8, '0')} ${text}\n`;
}

function decode(line: string): JournalRecord | null {
  const text = line.slice(9);
  if (line[8] !== ' ' || Number.parseInt(line.slice(0, 8), 16) !== crc32(text)) return null;
  return JSON.parse(text) as JournalRecord;
}

function readRecords(path: string, replay: (record: JournalRecord) => void): number {
  const fd = fs.openSync(path, 'r');
  const chunk = Buffer.allocUnsafe(chunkBytes);
  let rest = '';
  let count = 0;
  try {
    for (;;) {
      const length = fs.readSync(fd, chunk);
      if (length === 0) return count;
      // Keys are ASCII (`isMediaPath`), so a chunk never ends inside a character.
      const lines = (rest + chunk.toString('latin1', 0, length)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const record = decode(line);
        if (record) replay(record);
        count += 1;
      }
    }
  } finally {
    fs.closeSync(fd);
  }
}

async function writeSnapshot(path: string, records: Iterable<JournalRecord>): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    let lines: string[] = [];
    for (const record of records) {
      lines.push(encode(record));
      if (lines.length < linesAtOnce) continue;
      await file.appendFile(lines.join(''));
      lines = [];
    }
    await file.appendFile(lines.join(''));
    await file.sync();
  } finally {
    await file.close();
  }
}

function readGenerations(dir: string): { readonly snapshots: number[]; readonly journals: number[] } {
  const numbers = (pattern: RegExp) =>
    fs.readdirSync(dir).flatMap((name) => {
      const match = pattern.exec(name);
      return match ? [Number(match[1])] : [];
    });
  return { snapshots: numbers(/^snapshot-(\d+)$/), journals: numbers(/^journal-(\d+)$/) };
}

function dropBefore(dir: string, generation: number): void {
  const { snapshots, journals } = readGenerations(dir);
  for (const n of snapshots) if (n < generation) fs.rmSync(join(dir, `snapshot-${n}`), { force: true });
  for (const n of journals) if (n < generation) fs.rmSync(join(dir, `journal-${n}`), { force: true });
}
