import { Problem } from '../../../shared/platform/problem.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import { troubleOf, UrlTroubleError, unreachable } from './open-url.ts';

/**
 * Runs what another server may fail for a moment, again where that may pass: three times, and as often as it takes while
 * each brings it further than ever.
 *
 * @throws Problem `source-unreachable` after the last; what is no trouble of the other server as it is; the signal's reason.
 */
export type TryAgain = <T>(attemptOnce: () => Promise<T>, signal: AbortSignal, progress?: () => number) => Promise<T>;

const attempts = 3;
const pauseMs = 500;

export function makeTryAgain(clock: Pick<Clock, 'sleep'>): TryAgain {
  return async (attemptOnce, signal, progress = () => 0) => {
    let furthest = progress();
    for (let attempt = 1; ; attempt++) {
      try {
        return await attemptOnce();
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof Problem || !isTrouble(error)) throw error;
        if (progress() > furthest) attempt = 1;
        furthest = Math.max(furthest, progress());
        const what = error instanceof UrlTroubleError ? error.message : troubleOf(error);
        if (attempt === attempts)
          throw unreachable(`The URL could not be fetched in ${attempts} attempts: ${what}.`, error);
        await clock.sleep(pauseMs * 2 ** attempt, signal);
      }
    }
  };
}

/** Errors of sockets and of undici; anything else is a mistake of ours. */
const isTrouble = (error: unknown): boolean =>
  error instanceof UrlTroubleError || (error instanceof Error && 'code' in error);
