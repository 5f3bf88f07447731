/**
 * How long one appliance, or the object store, may fail before it is given up.
 *
 * All pushes to it share the patience: the first failure starts it, any success ends it, and while it lasts each caller
 * tries again with growing pauses. Once it is at its end every caller is refused at once, so that a dead appliance costs
 * its own files only, and little time.
 */
import type { Clock } from '../../shared/ports/clock.ts';

export interface Patience {
  /** Runs `attempt` until it succeeds, fails in a way that `isPassing` denies, or the patience is at its end. */
  run<T>(attempt: () => Promise<T>, isPassing: (error: unknown) => boolean, signal: AbortSignal): Promise<T>;
  readonly exhausted: boolean;
}

const firstPauseMs = 250;
const longestPauseMs = 15_000;

export function makePatience(patienceMs: number, clock: Clock): Patience {
  let failingSinceMs: number | null = null;
  let last: unknown = null;
  let exhausted = false;
  return {
    get exhausted() {
      return exhausted;
    },
    async run(attempt, isPassing, signal) {
      for (let tries = 0; ; tries += 1) {
        signal.throwIfAborted();
        if (exhausted) throw last;
        try {
          const result = await attempt();
          failingSinceMs = null;
          return result;
        } catch (error) {
          signal.throwIfAborted();
          if (!isPassing(error)) throw error;
          failingSinceMs ??= clock.now();
          last = error;
          const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** tries);
          if (clock.now() + pauseMs - failingSinceMs > patienceMs) exhausted = true;
          else await clock.sleep(pauseMs, signal);
        }
      }
    },
  };
}
