import { open } from 'node:fs/promises';
import { listBoxes } from './boxes.ts';

/**
 * Whether the container itself says that bytes are missing at the end.
 *
 * ffmpeg reads such a file to where it ends and reports success, so this is asked before. Containers that do not state
 * their length (MPEG-TS, live Matroska) are never called truncated here; the encode's duration check catches those.
 */
export async function isCutShort(path: string, container: string): Promise<boolean> {
  if (container.includes('mp4')) {
    const { boxes, fileSizeBytes } = await listBoxes(path);
    const last = boxes.at(-1);
    return last !== undefined && last.offset + last.sizeBytes > fileSizeBytes;
  }
  if (container.includes('matroska')) return isMatroskaCutShort(path);
  return container === 'avi' ? isAviCutShort(path) : false;
}

const firstBoxes = ['ftyp', 'moov', 'mdat', 'free', 'skip', 'wide'];

/** Whether a file begins as MP4 does. ffmpeg goes by the name's ending and misses the index of any text named `.mp4`. */
export async function beginsAsMp4(path: string): Promise<boolean> {
  const { boxes } = await listBoxes(path);
  return firstBoxes.includes(boxes[0]?.type ?? '');
}

const segmentId = 0x18538067;
/** A live recording may leave the segment's size open: all value bits set (RFC 8794 §6.2). */
const unknownSize = 2n ** 56n - 1n;

async function isMatroskaCutShort(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    const head = buffer.subarray(0, bytesRead);
    const header = readVint(head, 4);
    if (!header) return false;
    const at = 4 + header.length + Number(header.value);
    if (at + 12 > head.length || head.readUInt32BE(at) !== segmentId) return false;
    const segment = readVint(head, at + 4);
    if (!segment || (segment.length === 8 && segment.value === unknownSize) || segment.length < 8) return false;
    return at + 4 + segment.length + Number(segment.value) > size;
  } finally {
    await file.close();
  }
}

/** A variable-size integer of RFC 8794 §4. */
function readVint(bytes: Buffer, at: number): { readonly value: bigint; readonly length: number } | null {
  const first = bytes[at];
  if (first === undefined || first === 0) return null;
  const length = Math.clz32(first) - 23;
  if (at + length > bytes.length) return null;
  let value = BigInt(first & (0xff >> length));
  for (let i = 1; i < length; i++) value = (value << 8n) | BigInt(bytes[at + i] ?? 0);
  return { value, length };
}

/** A chain of RIFF chunks (one for each GiB or so), each with its length; 0 is one that was never finished. */
async function isAviCutShort(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    for (let offset = 0; offset + 8 <= size; ) {
      const { buffer } = await file.read(Buffer.alloc(8), 0, 8, offset);
      const length = buffer.readUInt32LE(4);
      if (buffer.toString('latin1', 0, 4) !== 'RIFF' || length === 0) return false;
      offset += 8 + length + (length % 2);
      if (offset > size + 1) return true;
    }
    return false;
  } finally {
    await file.close();
  }
}
