/** What takes seconds of computing is asked of the forecast worker: meanwhile control answers everybody else. */
import { randomUUID } from 'node:crypto';
import type { JobPayloads, JobResults } from '../../shared/jobs/map.ts';
import { Problem } from '../../shared/platform/problem.ts';
import type { JobQueue } from '../../shared/ports/job-queue.ts';

type Question = 'plan-region' | 'explain-asset' | 'verify-report';

export type AskWorker = ReturnType<typeof makeAskWorker>;

/** @param waitMs less than clients wait: the command line gives up after a minute */
export function makeAskWorker(jobs: JobQueue, waitMs = 50_000) {
  /**
   * @param what is asked for, as the beginning of a sentence
   * @throws Problem `forecast-not-ready` when it failed, or did not come
   */
  return async <N extends Question>(
    name: N,
    what: string,
    payloadOf: (nonce: string) => JobPayloads[N],
  ): Promise<JobResults[N]> => {
    const job = await jobs.add(name, payloadOf(randomUUID()));
    try {
      const ended = await jobs.waitFor(name, job.id, waitMs);
      if (ended?.state === 'failed')
        throw new Problem('forecast-not-ready', `${what} failed: ${ended.failure ?? 'no reason was given'}.`);
      if (ended?.state === 'completed' && ended.result !== null) return ended.result;
      const why =
        ended?.failure ??
        (ended?.state === 'active'
          ? 'the forecast worker is still at it'
          : 'no forecast worker took it up; see that one runs (GET /v1/status)');
      throw new Problem(
        'forecast-not-ready',
        `${what} did not come within ${Math.round(waitMs / 1_000)} s: ${why}. Ask again later.`,
        { headers: { 'retry-after': '10' } },
      );
    } finally {
      // Whole plans: kept like other jobs, those of a caller that asks every few seconds would fill Redis.
      await jobs.cancel(name, job.id).catch(() => undefined);
    }
  };
}
