import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Problem } from '../../shared/platform/problem.ts';
import type { PartUploads } from '../../shared/ports/part-uploads.ts';
import { refuseStore } from './admit-source.ts';
import { makePartWriter, usualPartBytes } from './part-writer.ts';

export interface ReceivedObject {
  readonly sizeBytes: number;
  /** Lower-case hex; null where this process has not seen all of the bytes. */
  readonly sha256: string | null;
  /** Makes the object visible. @throws Problem */
  commit(): Promise<void>;
  /** Forgets the bytes; once they are committed, this does nothing. */
  discard(): Promise<void>;
}

export interface ReceiveOptions {
  readonly maxBytes: number;
  /** What the sender announced; null where it did not. */
  readonly announcedBytes: number | null;
}

export const partBytesFor = (
  { leastPartBytes, mostParts }: Pick<PartUploads, 'leastPartBytes' | 'mostParts'>,
  mostBytes: number,
): number => Math.max(usualPartBytes, leastPartBytes, Math.ceil(mostBytes / mostParts));

/**
 * Streams a body into parts of the object store, with bounded memory, and computes its digest on the way. Nothing is
 * visible under the key before `commit`.
 *
 * @throws Problem `too-large` beyond `maxBytes`, `no-room`, `not-ready`, or what the source fails with. The bytes are gone
 * then.
 */
export async function receiveObject(
  parts: PartUploads,
  key: string,
  source: Readable,
  { maxBytes, announcedBytes }: ReceiveOptions,
): Promise<ReceivedObject> {
  // Heard where the bytes are read; without a listener, one that fails earlier would end the process.
  source.on('error', () => undefined);
  const upload = await parts.begin(key, announcedBytes).catch(refuseStore);
  const discard = (): Promise<void> => parts.abort(upload).catch(() => undefined);
  try {
    const writer = makePartWriter(parts, upload, { partBytes: partBytesFor(parts, announcedBytes ?? maxBytes) });
    const hash = createHash('sha256');
    let sizeBytes = 0;
    for await (const chunk of source as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
      hash.update(chunk);
      await writer.write(chunk).catch(refuseStore);
    }
    await writer.end().catch(refuseStore);
    writer.release();
    return {
      sizeBytes,
      sha256: hash.digest('hex'),
      commit: () => parts.finish(upload, writer.marks, sizeBytes).catch(refuseStore),
      discard,
    };
  } catch (error) {
    source.destroy();
    await discard();
    throw error;
  }
}

export const tooLarge = (maxBytes: number): Problem =>
  new Problem('too-large', `At most ${maxBytes} bytes are taken. The limit is NIGHTFILL_MAX_UPLOAD.`);
