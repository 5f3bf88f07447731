import type { Clock } from '../../shared/ports/clock.ts';

const pauseMs = 500;

/**
 * Asks for what only shared state can allow until it is answered: while that is away, nothing is allowed. Ends with the
 * signal, which a lost job lock aborts.
 */
export async function askUntilAnswered<T>(ask: () => Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await ask();
    } catch {
      await clock.sleep(pauseMs, signal);
    }
  }
}
