/** Fragments that begin at 0, moved to their place in the film: in their file, where nothing but two numbers changes. */
import { open } from 'node:fs/promises';
import { listBoxes } from '../../shared/media/boxes.ts';

export interface Shift {
  /** Fragments before the file's first (ISO/IEC 14496-12 §8.8.5). */
  readonly fragments: number;
  /** Decode time of its first sample (§8.8.12). */
  readonly ticks: number;
}

/** @throws Error when a `moof` is not as ffmpeg writes it for CMAF: one track, and a decode time of 64 bits. */
export async function shiftFragments(path: string, shift: Shift): Promise<void> {
  const { boxes } = await listBoxes(path);
  const file = await open(path, 'r+');
  try {
    for (const { offset, sizeBytes } of boxes.filter(({ type }) => type === 'moof')) {
      const { buffer } = await file.read(Buffer.alloc(sizeBytes), 0, sizeBytes, offset);
      await file.write(shiftMoof(buffer, shift), 0, sizeBytes, offset);
    }
  } finally {
    await file.close();
  }
}

const boxHeaderBytes = 8;
const fullBoxHeaderBytes = 12;

/** The same box with its sequence number and decode time moved on. */
export function shiftMoof(moof: Uint8Array, { fragments, ticks }: Shift): Buffer {
  const moved = Buffer.from(moof);
  const number = boxIn(moved, boxHeaderBytes, 'mfhd') + fullBoxHeaderBytes;
  const time = boxIn(moved, boxIn(moved, boxHeaderBytes, 'traf') + boxHeaderBytes, 'tfdt');
  if (moved[time + boxHeaderBytes] !== 1) throw new Error('a decode time that is not of 64 bits');
  const at = time + fullBoxHeaderBytes;
  moved.writeUInt32BE(moved.readUInt32BE(number) + fragments, number);
  moved.writeBigUInt64BE(moved.readBigUInt64BE(at) + BigInt(ticks), at);
  return moved;
}

/** Where the first box of a type begins, among those from `from` on. */
function boxIn(bytes: Buffer, from: number, type: string): number {
  for (let at = from; at + boxHeaderBytes <= bytes.length; ) {
    if (bytes.toString('latin1', at + 4, at + 8) === type) return at;
    at += Math.max(boxHeaderBytes, bytes.readUInt32BE(at));
  }
  throw new Error(`a moof without ${type}`);
}
