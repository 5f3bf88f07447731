/** A fill worker on a queue of its own, as a process would have it, and fills that are carried out by it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { makeBullmqJobQueue } from '../../../shared/adapters/bullmq/bullmq-job-queue.ts';
import { connectRedis } from '../../../shared/adapters/redis/connection.ts';
import { makeRedisNightShare } from '../../../shared/adapters/redis/redis-night-share.ts';
import type { FillState } from '../../../shared/domain/fill.ts';
import { systemClock } from '../../../shared/platform/clock.ts';
import { JobAbortedError, type JobQueue } from '../../../shared/ports/job-queue.ts';
import { type FillNight, nightSecret } from '../../../shared/testing/fill-night.ts';
import { quickPolicies } from '../../../shared/testing/quick-policies.ts';
import { type FillBatchDeps, makeFillBatch } from '../fill-batch.ts';
import { type FillRegionDeps, makeFillRegion } from '../fill-region.ts';
import { makeQueueBatches } from '../queue-batches.ts';

export type FillWorkerOptions = Partial<FillBatchDeps> & Partial<FillRegionDeps>;

export interface FillWorker {
  readonly jobs: JobQueue;
  close(): Promise<void>;
}

export async function startFillWorker(night: FillNight, over: FillWorkerOptions = {}): Promise<FillWorker> {
  const { server, store } = night.kit.redisKit;
  const redis = connectRedis({ url: server.url });
  const jobs = openQueue(night);
  const share = makeRedisNightShare({ redis, store, clock: systemClock });
  const deps = { ...night.workerDeps, share, ...over };
  await jobs.work('fill-batch', makeFillBatch(deps), { concurrency: 32 });
  await jobs.work('fill-region', makeFillRegion({ batches: makeQueueBatches(jobs, systemClock), ...deps }), {
    concurrency: 4,
  });
  return {
    jobs,
    async close() {
      await jobs.close();
      await redis.close();
    },
  };
}

/** The same in a process of its own. */
export function spawnWorker(night: FillNight): ChildProcess {
  const { server, folder } = night.kit.redisKit;
  const file = fileURLToPath(new URL('./worker-process.ts', import.meta.url));
  return spawn(process.execPath, [file, server.url, folder, nightSecret], { stdio: ['ignore', 'inherit', 'inherit'] });
}

/** A queue that only adds and looks. */
export const openQueue = (night: FillNight): JobQueue =>
  makeBullmqJobQueue({ redisUrl: night.kit.redisKit.server.url, clock: systemClock, policies: quickPolicies });

/** Carries a fill out with one worker. An aborted signal cancels it, or closes the worker, as its reason says. */
export async function runFill(
  night: FillNight,
  fillId: string,
  over: FillWorkerOptions = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<{ readonly state: FillState }> {
  const worker = await startFillWorker(night, over);
  try {
    const { id } = await worker.jobs.add('fill-region', { fillId }, { replaceEnded: true });
    const { promise: closed, reject } = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => {
      const { reason } = signal;
      if (reason instanceof JobAbortedError && reason.code === 'cancelled') void worker.jobs.cancel('fill-region', id);
      else worker.close().then(() => reject(reason), reject);
    });
    const job = await Promise.race([worker.jobs.waitFor('fill-region', id, 120_000), closed]);
    if (job?.result) return job.result;
    const fill = await night.fill(fillId);
    if (job?.failure === 'cancelled') return { state: fill.state };
    throw new Error(`the job of ${fillId} is ${job?.state}: ${job?.failure}`);
  } finally {
    await worker.close();
  }
}
