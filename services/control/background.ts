import type { Logger } from '../../shared/platform/logger.ts';
import { repeat } from '../../shared/platform/repeat.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { DemandLog } from '../../shared/ports/demand-log.ts';

/** What a loss of Redis may cost of the demand log. */
const flushEveryMs = 30_000;

/** Writes the demand log to the object store every half minute, and once more when it is stopped. */
export function startDemandFlush(deps: { demandLog: DemandLog; clock: Clock; logger: Logger }): () => Promise<void> {
  const { demandLog, clock, logger } = deps;
  const flush = async (): Promise<void> => {
    const days = await demandLog.flush();
    if (days > 0) logger.debug({ days }, 'demand log flushed');
  };
  const stop = repeat({ name: 'flushing the demand log', everyMs: flushEveryMs, clock, logger, task: flush });
  return async () => {
    await stop();
    await flush();
  };
}
