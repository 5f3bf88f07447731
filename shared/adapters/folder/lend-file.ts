import type { FileHandle } from 'node:fs/promises';
import { makeBufferPool } from '../../platform/buffer-pool.ts';
import type { ByteSpan, LentPieces } from '../../ports/object-store.ts';

const pieceBytes = 512 * 1024;
/** For all readers of the process: more than this does not wait to be used again. */
const idleBytes = 16 * 1024 * 1024;
const pool = makeBufferPool(idleBytes);

/** The span of a file, piece by piece, all in one buffer; the handle is closed at its end. */
export function lendFile(handle: FileHandle, { start, end }: ByteSpan, signal: AbortSignal | undefined): LentPieces {
  const wanted = Math.min(pieceBytes, end + 1 - start);
  let buffer: Buffer | null = null;
  let at = start;
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => {
    closing ??= handle.close();
    return closing;
  };

  async function read(): Promise<number> {
    signal?.throwIfAborted();
    buffer ??= pool.take(wanted);
    const { bytesRead } = await handle.read(buffer, 0, Math.min(wanted, end + 1 - at), at);
    if (bytesRead === 0) throw new Error(`the file ends at ${at}, ${end + 1 - at} bytes early`);
    return bytesRead;
  }

  return {
    async next() {
      if (closing || at > end) {
        await close();
        // Its last piece has been used: nobody else has it. Whoever leaves early may still hold one.
        if (at > end && buffer) pool.give(buffer);
        buffer = null;
        return { done: true, value: undefined };
      }
      try {
        const length = await read();
        at += length;
        return { done: false, value: buffer?.subarray(0, length) ?? new Uint8Array() };
      } catch (error) {
        await close();
        throw error;
      }
    },
    async return() {
      await close();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
