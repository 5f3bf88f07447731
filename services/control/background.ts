import type { Logger } from '../../shared/platform/logger.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { DemandLog } from '../../shared/ports/demand-log.ts';

/** What a loss of Redis may cost of the demand log. */
const flushEveryMs = 30_000;

/** Writes the demand log to the object store every half minute, and once more when it is stopped. */
export function startDemandFlush(deps: { demandLog: DemandLog; clock: Clock; logger: Logger }): () => Promise<void> {
  const { demandLog, clock, logger } = deps;
  const stopping = new AbortController();

  const flush = async (): Promise<void> => {
    try {
      const days = await demandLog.flush();
      if (days > 0) logger.debug({ days }, 'demand log flushed');
    } catch (error) {
      logger.warn({ err: error }, 'the demand log could not be flushed; trying again');
    }
  };

  const loop = (async () => {
    while (!stopping.signal.aborted) {
      await clock.sleep(flushEveryMs, stopping.signal).catch(() => undefined);
      await flush();
    }
  })();

  return async () => {
    stopping.abort();
    await loop;
  };
}
