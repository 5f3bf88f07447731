/** Bytes on their way into a store: counted, hashed, and refused before the store commits them. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { ObjectStoreError, type PutOptions, type PutResult } from '../../ports/object-store.ts';

export interface CheckedBody {
  /**
   * The body's bytes, as they come. Throws `digest-mismatch` or `size-mismatch` behind the last one, and `size-mismatch`
   * at once where more come than were announced: so a reader that reached the end may commit.
   */
  readonly chunks: AsyncIterable<Buffer>;
  /** Size and digest; only right once `chunks` has ended. */
  result(): PutResult;
}

type Expected = Pick<PutOptions, 'sha256' | 'sizeBytes'>;

/** A source that fails, or is destroyed before its end, makes `chunks` throw the same. */
export function checkedBody(key: string, source: Readable, expected: Expected): CheckedBody {
  const hash = createHash('sha256');
  const result = { sizeBytes: 0, sha256: '' };
  async function* chunks(): AsyncGenerator<Buffer> {
    for await (const piece of source) {
      const chunk = asBuffer(piece);
      if (chunk.length === 0) continue;
      result.sizeBytes += chunk.length;
      if (expected.sizeBytes !== undefined && result.sizeBytes > expected.sizeBytes) checkResult(key, result, expected);
      hash.update(chunk);
      yield chunk;
    }
    result.sha256 = hash.digest('hex');
    checkResult(key, result, expected);
  }
  return { chunks: chunks(), result: () => ({ ...result }) };
}

/**
 * The same for bytes at hand.
 *
 * @throws ObjectStoreError `digest-mismatch`, `size-mismatch`
 */
export function checkBytes(key: string, bytes: Uint8Array, expected: Expected): PutResult {
  const result = { sizeBytes: bytes.byteLength, sha256: createHash('sha256').update(bytes).digest('hex') };
  checkResult(key, result, expected);
  return result;
}

/** True for an error that the source ended with: its owner's to understand, whatever it looks like to a store. */
export const isOfSource = (source: Readable | null, error: unknown): boolean =>
  source !== null &&
  (source.errored === error ||
    (error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'));

function checkResult(key: string, result: PutResult, expected: Expected): void {
  if (expected.sizeBytes !== undefined && result.sizeBytes !== expected.sizeBytes) {
    const got = result.sizeBytes > expected.sizeBytes ? 'more' : `${result.sizeBytes}`;
    throw new ObjectStoreError('size-mismatch', key, `${key}: ${expected.sizeBytes} bytes were announced, ${got} came`);
  }
  if (expected.sha256 !== undefined && result.sha256 !== expected.sha256) {
    throw new ObjectStoreError(
      'digest-mismatch',
      key,
      `${key}: the bytes' SHA-256 is ${result.sha256}, announced was ${expected.sha256}`,
    );
  }
}

function asBuffer(piece: unknown): Buffer {
  if (Buffer.isBuffer(piece)) return piece;
  if (typeof piece === 'string') return Buffer.from(piece);
  if (piece instanceof Uint8Array) return Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
  throw new TypeError('an object body must be a stream of bytes');
}
