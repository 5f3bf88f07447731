import { type FileHandle, open } from 'node:fs/promises';
import { type BoxSpan, listBoxes } from '../boxes.ts';
import type { CbcsKey } from './cbcs.ts';
import { makeProtectFragment } from './protect-fragment.ts';
import { protectInit, type TrackProtection } from './protect-init.ts';

/**
 * Writes a fragmented MP4 of one track anew, protected by CBCS; a fragment at a time is in memory. Each fragment keeps its
 * place among the others.
 *
 * @throws EncryptionUnsupportedError for codecs other than H.264, HEVC and AAC; the signal's reason.
 */
export async function protectFile(
  from: string,
  to: string,
  { keyId, licenceKeyIds, ...key }: CbcsKey & TrackProtection,
  signal?: AbortSignal,
): Promise<void> {
  const { boxes } = await listBoxes(from);
  const fragments = boxes.findIndex(({ type }) => type === 'moof');
  if (fragments < 0) throw new Error(`${from}: nothing to protect`);
  const input = await open(from, 'r');
  const output = await open(to, 'w');
  try {
    const init = await readSpan(input, boxes.slice(0, fragments));
    await output.write(protectInit(init, { keyId, licenceKeyIds, iv: key.iv }));
    const protect = makeProtectFragment(init, key);
    for (let at = fragments; at < boxes.length; at += 2) {
      signal?.throwIfAborted();
      await output.write(protect(await readSpan(input, boxes.slice(at, at + 2))));
    }
  } finally {
    await Promise.all([input.close(), output.close()]);
  }
}

async function readSpan(file: FileHandle, boxes: readonly BoxSpan[]): Promise<Buffer> {
  const [first] = boxes;
  const bytes = Buffer.alloc(boxes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  const { bytesRead } = await file.read(bytes, 0, bytes.length, first?.offset ?? 0);
  if (bytesRead < bytes.length) throw new Error('the file ends within a box');
  return bytes;
}
