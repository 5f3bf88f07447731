import type { Clock } from '../ports/clock.ts';
import type { Logger } from './logger.ts';

export interface RepeatOptions {
  readonly name: string;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** One round; a failure is logged and the next round tries again. */
  readonly task: (signal: AbortSignal) => Promise<unknown>;
}

/**
 * Runs a task now and again after each pause, never two rounds at once.
 *
 * @returns how it is stopped: the running round's signal aborts, and the promise waits for it.
 */
export function repeat({ name, everyMs, clock, logger, task }: RepeatOptions): () => Promise<void> {
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      await task(stopping.signal).catch((error: unknown) => {
        if (!stopping.signal.aborted) logger.warn({ err: error }, `${name}: a round failed`);
      });
      await clock.sleep(everyMs, stopping.signal).catch(() => undefined);
    }
  })();
  return () => {
    stopping.abort();
    return running;
  };
}
