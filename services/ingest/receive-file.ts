import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Problem } from '../../shared/platform/problem.ts';
import { isDiskFull, noRoom } from './scratch.ts';

export interface ReceivedFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/**
 * Streams a body into a new file with bounded memory and computes its digest on the way.
 *
 * @throws Problem `too-large` beyond `maxBytes`, `no-room` on a full disk, or what the source fails with. The file is
 * gone then.
 */
export async function receiveFile(
  source: Readable,
  path: string,
  maxBytes: number,
  onBytes: (received: number) => void = () => undefined,
): Promise<ReceivedFile> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  async function* measured(chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
      hash.update(chunk);
      onBytes(sizeBytes);
      yield chunk;
    }
  }
  try {
    await pipeline(source, measured, createWriteStream(path, { flags: 'wx' }));
    return { path, sizeBytes, sha256: hash.digest('hex') };
  } catch (error) {
    await rm(path, { force: true });
    throw isDiskFull(error) ? noRoom('The upload could not be written.', error) : error;
  }
}

export const tooLarge = (maxBytes: number): Problem =>
  new Problem('too-large', `At most ${maxBytes} bytes are taken. The limit is NIGHTFILL_MAX_UPLOAD.`);
