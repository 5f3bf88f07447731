import type { Logger } from '../../shared/platform/logger.ts';
import type { Metrics } from '../../shared/platform/metrics.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { type JobHandler, JobWaitsError, UnrecoverableJobError } from '../../shared/ports/job-queue.ts';

type Handler = JobHandler<'transcode-asset'>;

/** The handler with a log line and a count for each attempt: `published`, `failed` for good, `aborted`,
 * `divided` among workers, or `retried`. */
export function withMetrics(
  handler: Handler,
  { metrics, logger, clock }: { readonly metrics: Metrics; readonly logger: Logger; readonly clock: Clock },
): Handler {
  const attempts = metrics.counter('nightfill_transcode_attempts_total', 'Attempts at a transcode by how they ended.', [
    'result',
  ]);
  const seconds = metrics.histogram(
    'nightfill_transcode_seconds',
    'Time of one attempt that ended in a published version.',
    [5, 15, 60, 300, 900, 3_600, 14_400],
  );
  return async (job) => {
    const startedAt = clock.now();
    const { assetId } = job.payload;
    logger.info({ assetId, attempt: job.attempt }, 'transcode begins');
    try {
      const result = await handler(job);
      const tookS = (clock.now() - startedAt) / 1_000;
      attempts.inc({ result: 'published' });
      seconds.observe(tookS);
      logger.info({ assetId, version: result.version, tookS }, 'transcode published');
      return result;
    } catch (error) {
      if (error instanceof JobWaitsError) {
        attempts.inc({ result: 'divided' });
        logger.info({ assetId }, 'transcode divided among workers');
        throw error;
      }
      const ended = error instanceof UnrecoverableJobError ? 'failed' : 'retried';
      attempts.inc({ result: job.signal.aborted ? 'aborted' : ended });
      throw error;
    }
  };
}
