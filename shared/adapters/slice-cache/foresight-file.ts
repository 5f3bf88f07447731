/**
 * What the cache knows of demand, for the next start: a line of JSON that says what follows, the counts and what was
 * learnt, a line for the name of each slice that is not held, and a CRC-32 of all before it. Replaced whole or not at all.
 *
 * It is knowledge that can be gained again: a file that is missing, damaged or of another make is one not read.
 */
import { open, readFile, rename } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { SavedForecaster } from '../../domain/forecasting/popularity/popularity-forecaster.ts';
import type { SavedNumbers } from './slice-numbers.ts';
import type { SavedTime } from './steady-time.ts';

export interface SavedForesight {
  readonly time: SavedTime;
  readonly numbers: SavedNumbers;
  readonly forecaster: SavedForecaster;
}

interface Head {
  readonly schema: 2;
  readonly endianness: string;
  readonly time: SavedTime;
  /** Lengths of the arrays: files and sizes, then columns, then what was learnt. */
  readonly slices: number;
  readonly columns: readonly number[];
  readonly learnt: readonly number[];
}

const sumBytes = 4;
/** So much is summed and written before others have a turn: a millisecond. */
const writeBytes = 1024 * 1024;
const namesAtOnce = 4_000;
const pathIn = (dir: string): string => join(dir, 'foresight');

export async function writeForesight(dir: string, { time, numbers, forecaster }: SavedForesight): Promise<void> {
  const arrays = [numbers.files, numbers.sizes, ...forecaster.columns, ...forecaster.learnt];
  const head: Head = {
    schema: 2,
    endianness: endianness(),
    time,
    slices: numbers.sizes.length,
    columns: forecaster.columns.map(({ length }) => length),
    learnt: forecaster.learnt.map(({ length }) => length),
  };
  const file = await open(`${pathIn(dir)}.tmp`, 'w', 0o600);
  try {
    let sum = 0;
    const write = async (part: Buffer): Promise<void> => {
      sum = crc32(part, sum);
      await file.writeFile(part);
    };
    const line = JSON.stringify(head);
    // The arrays are read where they lie, which is where eights of bytes begin.
    await write(Buffer.from(`${line.padEnd(Math.ceil((line.length + 1) / 8) * 8 - 1)}\n`));
    // Copied piece by piece: the counts go on changing, and what is summed must be what is written.
    for (const bytes of arrays.map(bytesOf))
      for (let at = 0; at < bytes.length; at += writeBytes)
        await write(Buffer.from(bytes.subarray(at, at + writeBytes)));
    for (let at = 0; at < numbers.names.length; at += namesAtOnce)
      await write(Buffer.from(`${numbers.names.slice(at, at + namesAtOnce).join('\n')}\n`));
    const end = Buffer.alloc(sumBytes);
    end.writeUInt32LE(sum);
    await file.writeFile(end);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${pathIn(dir)}.tmp`, pathIn(dir));
}

/** Null when there is none. @throws Error that says what is wrong with the one there is. */
export async function readForesight(dir: string): Promise<SavedForesight | null> {
  const found = await readFile(pathIn(dir)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (!found) return null;
  const file = found.byteOffset % 8 === 0 ? found : Buffer.from(new Uint8Array(found).buffer);
  const content = file.subarray(0, -sumBytes);
  if (file.length < sumBytes || crc32(content) !== file.readUInt32LE(content.length)) throw new Error('it is damaged');
  const headEnd = content.indexOf('\n');
  const head = JSON.parse(content.toString('utf8', 0, headEnd)) as Head;
  if (head.schema !== 2 || head.endianness !== endianness()) throw new Error('it was written by another make');
  let at = headEnd + 1;
  const array = (length: number): Float64Array => {
    const from = content.byteOffset + at;
    at += length * 8;
    return new Float64Array(content.buffer, from, length);
  };
  const files = array(head.slices);
  const sizes = array(head.slices);
  const columns = head.columns.map(array);
  const learnt = head.learnt.map(array);
  const names = content.toString('utf8', at).split('\n').slice(0, -1);
  return { time: head.time, numbers: { files, names, sizes }, forecaster: { columns, learnt } };
}

const bytesOf = (array: Float64Array): Buffer => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
