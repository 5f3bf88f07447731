/** A body on its way to an appliance: held to the rate, counted, and able to tell who broke it. */
import { Readable } from 'node:stream';
import type { RateLimiter } from './shared-rate.ts';

export interface MeteredBody {
  readonly body: Readable;
  /** Bytes that left so far. */
  sentBytes(): number;
  /** Set when the source, not the appliance, was the one that failed. */
  sourceError(): Error | null;
}

export function meterBody(
  source: Readable,
  limiter: RateLimiter,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): MeteredBody {
  let sentBytes = 0;
  let sourceError: Error | null = null;

  async function* paced(): AsyncGenerator<Buffer> {
    const chunks = source[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next: IteratorResult<Uint8Array> = await chunks.next().catch((error: unknown) => {
          sourceError = error instanceof Error ? error : new Error(String(error));
          throw sourceError;
        });
        if (next.done) return;
        for (let from = 0; from < next.value.byteLength; from += limiter.grainBytes) {
          const part = next.value.subarray(from, from + limiter.grainBytes);
          await limiter.take(part.byteLength, signal);
          sentBytes += part.byteLength;
          onBytes(part.byteLength);
          yield Buffer.from(part.buffer, part.byteOffset, part.byteLength);
        }
      }
    } finally {
      source.destroy();
    }
  }

  const body = Readable.from(paced(), { objectMode: true, highWaterMark: 1 });
  // A body that is dropped before its first byte never enters the generator, which would destroy the source.
  body.once('close', () => source.destroy());
  source.on('error', () => undefined);
  return { body, sentBytes: () => sentBytes, sourceError: () => sourceError };
}
