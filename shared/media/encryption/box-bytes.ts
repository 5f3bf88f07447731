/** Boxes of an ISO base media file that lies in memory: found, made and replaced (ISO/IEC 14496-12 §4.2). */

export interface BoxAt {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  /** Behind size and type. */
  readonly body: number;
}

/** The boxes from `from` to `to`, which they must fill. @throws Error where they do not. */
export function boxesAt(bytes: Buffer, from = 0, to = bytes.length): BoxAt[] {
  const boxes: BoxAt[] = [];
  for (let start = from; start < to; ) {
    if (start + 8 > to) throw new Error('a box is cut off');
    const short = bytes.readUInt32BE(start);
    const body = start + (short === 1 ? 16 : 8);
    const sizeBytes = short === 1 ? Number(bytes.readBigUInt64BE(start + 8)) : short === 0 ? to - start : short;
    const end = start + sizeBytes;
    if (end < body || end > to) throw new Error(`a box at ${start} has a size that cannot be`);
    boxes.push({ type: bytes.toString('latin1', start + 4, start + 8), start, end, body });
    start = end;
  }
  return boxes;
}

/** The first box of a type. @throws Error where there is none. */
export function boxOf(boxes: readonly BoxAt[], type: string): BoxAt {
  const found = boxes.find((box) => box.type === type);
  if (!found) throw new Error(`no ${type} box`);
  return found;
}

/** Leads from the top of the file to the first box of the last type. @throws Error where there is none. */
export function boxAtPath(bytes: Buffer, path: readonly string[]): BoxAt {
  let boxes = boxesAt(bytes);
  let found: BoxAt | undefined;
  for (const type of path) {
    if (found) boxes = boxesAt(bytes, found.body, found.end);
    found = boxOf(boxes, type);
  }
  if (!found) throw new Error('an empty path');
  return found;
}

export function box(type: string, ...parts: readonly Uint8Array[]): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(parts.reduce((sum, { length }) => sum + length, head.length));
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, ...parts]);
}

/** With version and flags before its body (§4.2.2). */
export function fullBox(type: string, version: number, flags: number, ...parts: readonly Uint8Array[]): Buffer {
  return box(type, uint32((version << 24) | flags), ...parts);
}

export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, 4 * index);
  return bytes;
}
