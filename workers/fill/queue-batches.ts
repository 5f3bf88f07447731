/** Batches as children of the fill's job, for whichever worker is free. */
import { noCount } from '../../shared/domain/reporting/fill-report.ts';
import { jobMap } from '../../shared/jobs/map.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { JobQueue } from '../../shared/ports/job-queue.ts';
import { FillStopped } from './fill-errors.ts';
import type { RunBatch } from './push-region.ts';

export interface QueueBatches {
  /** Ends what an earlier attempt of the fill's job left behind, so that nothing is sent twice. */
  endLeftovers(jobId: string, signal: AbortSignal): Promise<void>;
  runBatch(jobId: string): RunBatch;
}

const waitMs = 60_000;
const name = 'fill-batch';

export function makeQueueBatches(jobs: JobQueue, clock: Clock): QueueBatches {
  /** Redis may be away for a while; the fill's own lock decides for how long that may be. */
  async function insist<T>(action: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      try {
        return await action();
      } catch (error) {
        if (signal.aborted && !(signal.reason instanceof FillStopped)) throw error;
        await clock.sleep(500);
      }
    }
  }

  return {
    async endLeftovers(jobId, signal) {
      for (const child of await jobs.pendingChildren('fill-region', jobId)) {
        signal.throwIfAborted();
        await jobs.cancel(child.name, child.id);
        await jobs.waitFor(child.name, child.id, waitMs);
      }
    },

    runBatch: (jobId) => async (batch, signal) => {
      const stopped = { held: [], stopped: batch.files, failed: [], evicted: noCount, sources: {} };
      const id = jobMap[name].id(batch);
      const parent = { name: 'fill-region', id: jobId } as const;
      const isStop = (): boolean => signal.reason instanceof FillStopped;
      if (signal.aborted && isStop()) return stopped;
      signal.throwIfAborted();
      await insist(() => jobs.add(name, batch, { parent, replaceEnded: true }), signal);
      const { promise: aborted, reject } = Promise.withResolvers<never>();
      aborted.catch(() => undefined);
      const onAbort = (): void => {
        // Left to itself where only this worker ends: whoever goes on with the fill ends it.
        if (!isStop()) reject(signal.reason);
        else insist(() => jobs.cancel(name, id), signal).catch(reject);
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
      try {
        for (;;) {
          const job = await Promise.race([insist(() => jobs.waitFor(name, id, waitMs), signal), aborted]);
          if (!job || (job.state === 'failed' && job.failure === 'cancelled')) return stopped;
          if (job.state === 'completed' && job.result) return job.result;
          if (job.state === 'failed') throw new Error(`batch ${batch.batch} of ${batch.fillId}: ${job.failure}`);
        }
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}
