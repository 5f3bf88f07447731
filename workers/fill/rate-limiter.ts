/**
 * A token bucket that all pushes into one region share.
 *
 * Tokens are granted in the order they were asked for, by a timetable rather than by a balance: each grant says when its
 * bytes may leave, so a late timer is made good by the next grant and the mean rate is exact. An idle bucket saves up at most `burstMs`.
 */
import type { Clock } from '../../shared/ports/clock.ts';

export interface RateLimiter {
  /** Resolves when so many bytes may be sent. */
  take(bytes: number, signal?: AbortSignal): Promise<void>;
  /** Bytes worth asking for at a time: small enough to keep a slow rate even. */
  readonly grainBytes: number;
}

const defaultBurstMs = 100;
/** Timers are not finer; shorter waits are made good by the next one. */
const shortestWaitMs = 4;
const smallestGrainBytes = 4 * 1024;
const largestGrainBytes = 64 * 1024;

export function makeRateLimiter(options: {
  /** Bits a second. */
  readonly rateBps: number;
  readonly clock: Clock;
  readonly burstMs?: number;
}): RateLimiter {
  const { rateBps, clock, burstMs = defaultBurstMs } = options;
  const bytesPerMs = rateBps / 8_000;
  let freeAtMs = clock.now();
  return {
    grainBytes: Math.round(Math.min(largestGrainBytes, Math.max(smallestGrainBytes, bytesPerMs * 50))),
    async take(bytes, signal) {
      signal?.throwIfAborted();
      const now = clock.now();
      const startMs = Math.max(freeAtMs, now - burstMs);
      freeAtMs = startMs + bytes / bytesPerMs;
      if (startMs - now >= shortestWaitMs) await clock.sleep(startMs - now, signal);
    },
  };
}
