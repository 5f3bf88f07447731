import { type FileHandle, open } from 'node:fs/promises';

/** A top-level box of an ISO base media file (ISO/IEC 14496-12 §4.2). */
export interface BoxSpan {
  readonly type: string;
  readonly offset: number;
  /** Header included. A box that says it lasts to the end of the file has the size that this gives it. */
  readonly sizeBytes: number;
}

export interface BoxListing {
  readonly boxes: readonly BoxSpan[];
  readonly fileSizeBytes: number;
}

const headerBytes = 16;

/**
 * The file's top-level boxes from `from` on, by reading their headers only. The last one may reach beyond the end of
 * the file: then the file is cut short, or still being written. Ends early at what is no box.
 */
export async function listBoxes(path: string, from = 0): Promise<BoxListing> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const boxes: BoxSpan[] = [];
    let offset = from;
    while (offset + 8 <= size) {
      const box = await readBox(file, offset, size);
      if (!box) break;
      boxes.push(box);
      offset += box.sizeBytes;
    }
    return { boxes, fileSizeBytes: size };
  } finally {
    await file.close();
  }
}

/** The box whose header is at `offset`; null for what is none. */
export async function readBox(file: FileHandle, offset: number, fileSizeBytes: number): Promise<BoxSpan | null> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(headerBytes), 0, headerBytes, offset);
  if (bytesRead < 8) return null;
  const type = buffer.toString('latin1', 4, 8);
  const short = buffer.readUInt32BE(0);
  if (short === 0) return { type, offset, sizeBytes: fileSizeBytes - offset };
  if (short !== 1) return short < 8 ? null : { type, offset, sizeBytes: short };
  if (bytesRead < headerBytes) return null;
  const long = Number(buffer.readBigUInt64BE(8));
  return long < headerBytes ? null : { type, offset, sizeBytes: long };
}
