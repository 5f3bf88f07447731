/** A body on its way to an appliance: held to the rate, counted, and able to tell who broke it. */
import type { RateLimiter } from './shared-rate.ts';

export interface MeteredBody {
  /** Each piece is right until the next is asked for, if those of the source are. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Set when the source, not the appliance, was the one that failed. */
  sourceError(): Error | null;
}

export function meterBody(
  source: AsyncIterable<Uint8Array>,
  limiter: RateLimiter,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): MeteredBody {
  let sourceError: Error | null = null;

  async function* told(): AsyncGenerator<Uint8Array> {
    try {
      yield* source;
    } catch (error) {
      sourceError = error instanceof Error ? error : new Error(String(error));
      throw sourceError;
    }
  }

  async function* paced(): AsyncGenerator<Uint8Array> {
    for await (const piece of told()) {
      for (let from = 0; from < piece.byteLength; from += limiter.grainBytes) {
        const part = piece.subarray(from, from + limiter.grainBytes);
        await limiter.take(part.byteLength, signal);
        onBytes(part.byteLength);
        yield part;
      }
    }
  }

  return { body: paced(), sourceError: () => sourceError };
}
