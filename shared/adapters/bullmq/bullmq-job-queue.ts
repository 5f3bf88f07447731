import { type JobState as BullmqState, type Job, type JobsOptions, Queue } from 'bullmq';
import { type JobName, type JobPolicy, type JobResults, jobMap, jobNames } from '../../jobs/map.ts';
import { limitRepeats } from '../../platform/limit-repeats.ts';
import type { Clock } from '../../ports/clock.ts';
import type { JobQueue, JobRef, JobState, JobView, JobWorker } from '../../ports/job-queue.ts';
import { makeChangeWatch } from '../redis/change-watch.ts';
import { connectRedis } from '../redis/connection.ts';
import { startBullmqWorker } from './bullmq-worker.ts';
import { makeJobCancellation } from './job-cancellation.ts';
import { type ChildAccess, makeChildrenOf, unfinishedChildren } from './job-children.ts';
import { retryOptions } from './retry-options.ts';

/**
 * The job queue over BullMQ: one BullMQ queue a job name, ids and retry policies from the job map.
 *
 * While Redis is away, adding and looking up fail within seconds, running jobs go on until their lock would have run
 * out, and work resumes by itself when Redis is back; `onError` is told, nothing is thrown aside.
 */
export interface BullmqJobQueueOptions {
  /** As for `connectRedis`. */
  readonly redisUrl: string;
  readonly clock: Clock;
  /** First part of every Redis key, `nightfill` by default. */
  readonly prefix?: string;
  /** Told of outages and of what BullMQ could not do, each message at most every half minute. */
  readonly onError?: (error: Error) => void;
  /** Other policies than the product's, for tests that cannot wait for its locks. */
  readonly policies?: typeof jobMap;
}

const states: Readonly<Record<BullmqState | 'unknown', JobState | null>> = {
  waiting: 'waiting',
  prioritized: 'waiting',
  'waiting-children': 'waiting',
  delayed: 'delayed',
  active: 'active',
  completed: 'completed',
  failed: 'failed',
  unknown: null,
};

const endingOf = (name: JobName, id: string): string => `${name}:${id}`;

/** What BullMQ answers when asked to remove the next run of a schedule. */
const belongsToSchedule = -8;

export function makeBullmqJobQueue(options: BullmqJobQueueOptions): JobQueue {
  const { clock, policies = jobMap, prefix = 'nightfill' } = options;
  // A worker takes whatever its queue holds; with two names in one, it would get the other's payloads.
  if (new Set(jobNames.map((name) => policies[name].queue)).size < jobNames.length)
    throw new Error('Two job names share a queue');
  const onError = limitRepeats<Error>(options.onError ?? (() => undefined));
  const redis = connectRedis({ url: options.redisUrl, prefix, onError });
  const bullmqPrefix = redis.key('jobs');
  const cancellation = makeJobCancellation(redis, onError);
  const endings = makeChangeWatch(redis, redis.key('job-ended'));
  const queues = new Map<JobName, Queue>();
  const workers = new Set<JobWorker>();

  async function queueOf(name: JobName): Promise<Queue> {
    const known = queues.get(name);
    if (known) return known;
    // A BullMQ queue that is made while Redis is away lets its callers wait for ever.
    await redis.ready();
    const raced = queues.get(name);
    if (raced) return raced;
    const queue = new Queue(policies[name].queue, {
      connection: redis.client,
      prefix: bullmqPrefix,
      // Nobody reads the event streams; BullMQ writes them all the same.
      streams: { events: { maxLen: 500 } },
    });
    queue.on('error', onError);
    queues.set(name, queue);
    return queue;
  }

  async function view<N extends JobName>(name: N, id: string): Promise<JobView<N> | null> {
    const queue = await queueOf(name);
    // The state first: what is read after it is at least as new, so that a completed job has its result.
    const state = states[await queue.getJobState(id)];
    const job = state && (await queue.getJob(id));
    if (!state || !job || isOutdated(policies[name], job.finishedOn)) return null;
    const result: JobResults[N] | null = state === 'completed' ? job.returnvalue : null;
    return {
      id,
      name,
      state,
      payload: job.data,
      result,
      failure: job.failedReason ?? null,
      attempts: job.attemptsStarted,
    };
  }

  const childOptions = async ({
    name,
    id,
  }: JobRef): Promise<Pick<JobsOptions, 'parent' | 'ignoreDependencyOnFailure'>> => ({
    parent: { id, queue: (await queueOf(name)).qualifiedName },
    ignoreDependencyOnFailure: true,
  });

  async function unfinishedRefs(job: Job): Promise<JobRef[]> {
    return (await unfinishedChildren(job)).flatMap(({ queue, id }) => {
      const name = jobNames.find((known) => policies[known].queue === queue);
      return name ? [{ name, id }] : [];
    });
  }

  /** BullMQ removes old jobs only when another one ends. */
  const isOutdated = ({ keepEndedS }: JobPolicy<never>, finishedOn: number | undefined): boolean =>
    finishedOn !== undefined && clock.now() - finishedOn > keepEndedS * 1_000;

  async function makeRoom(name: JobName, queue: Queue, id: string, replaceEnded: boolean): Promise<void> {
    const job = await queue.getJob(id);
    if (!job?.finishedOn || !(replaceEnded || isOutdated(policies[name], job.finishedOn))) return;
    const state = await queue.getJobState(id);
    if (state !== 'completed' && state !== 'failed') return;
    // A child that still runs keeps its ended parent from being removed with all of its children.
    if ((await queue.remove(id)) !== 1) await queue.remove(id, { removeChildren: false });
  }

  async function cancel(name: JobName, id: string): Promise<void> {
    const queue = await queueOf(name);
    const job = await queue.getJob(id);
    if (!job) return;
    const children = await unfinishedRefs(job);
    if (children.length === 0 && (await removeUnlessLocked(queue, id))) return;
    const { queue: queueName, keepEndedS } = policies[name];
    // First of all the parent: it is woken by the first child that ends, and must know.
    await cancellation.cancel({ queue: queueName, id, timestamp: job.timestamp }, keepEndedS * 1_000);
    // Those that wait before those that run: a worker that is set free would begin another.
    const running: JobRef[] = [];
    for (const child of children) {
      if ((await (await queueOf(child.name)).getJobState(child.id)) === 'active') running.push(child);
      else await cancel(child.name, child.id);
    }
    for (const child of running) await cancel(child.name, child.id);
    if (children.length > 0) await removeUnlessLocked(queue, id);
  }

  const childAccess: ChildAccess = { queueOf, policies, view };

  return {
    async add(name, payload, { delayMs, replaceEnded = false, parent } = {}) {
      const queue = await queueOf(name);
      const id = policies[name].id(payload);
      await makeRoom(name, queue, id, replaceEnded);
      await queue.add(name, payload, {
        ...retryOptions(policies[name]),
        jobId: id,
        ...(delayMs ? { delay: delayMs } : {}),
        ...(parent ? await childOptions(parent) : {}),
      });
      const added = await view(name, id);
      if (!added) throw new Error(`The job ${id} was removed while it was added`);
      return added;
    },

    get: view,

    async waitFor(name, id, timeoutMs) {
      const deadlineMs = clock.now() + timeoutMs;
      let pause = new AbortController();
      const look = (): void => pause.abort();
      // Asked now and then as well: what was told while the connection was away, or before it listened, is never heard.
      const watching = endings.watch(endingOf(name, id), look);
      watching.then(look, () => undefined);
      try {
        for (let pauseMs = 25; ; pauseMs = Math.min(pauseMs * 1.5, 500)) {
          pause = new AbortController();
          const job = await view(name, id);
          const leftMs = deadlineMs - clock.now();
          if (!job || job.state === 'completed' || job.state === 'failed' || leftMs <= 0) return job;
          await clock.sleep(Math.min(pauseMs, leftMs), pause.signal).catch(() => undefined);
        }
      } finally {
        watching.then((stop) => stop()).catch(() => undefined);
      }
    },

    cancel,

    async active(name) {
      const running = await (await queueOf(name)).getJobs(['active']);
      const views = await Promise.all(running.map(({ id = '' }) => view(name, id)));
      return views.flatMap((one) => (one?.state === 'active' ? [one] : []));
    },

    async pendingChildren(name, id) {
      const job = await (await queueOf(name)).getJob(id);
      return job ? await unfinishedRefs(job) : [];
    },

    async putSchedule(id, { pattern, timeZone }, name, payload) {
      const queue = await queueOf(name);
      const template = { name, data: payload, opts: retryOptions(policies[name]) };
      await queue.upsertJobScheduler(id, { pattern, tz: timeZone }, template);
    },

    async removeSchedule(name, id) {
      await (await queueOf(name)).removeJobScheduler(id);
    },

    async listSchedules(name) {
      const schedules = await (await queueOf(name)).getJobSchedulers(0, -1, true);
      return schedules
        .filter((schedule) => schedule.name === name)
        .map(({ key, pattern = '', tz = 'UTC', next }) => ({
          id: key,
          pattern,
          timeZone: tz,
          nextAt: next === undefined ? null : new Date(next).toISOString(),
        }));
    },

    async work(name, handler, { concurrency = 1 } = {}) {
      const policy = policies[name];
      const worker = startBullmqWorker({
        redis,
        prefix: bullmqPrefix,
        policy,
        cancellation,
        handler,
        childrenOf: makeChildrenOf(childAccess),
        concurrency,
        onEnded: (id) => void endings.announce(endingOf(name, id)).catch(onError),
        onError,
      });
      const handle: JobWorker = {
        close: (graceMs) => worker.close(graceMs).finally(() => workers.delete(handle)),
      };
      workers.add(handle);
      return handle;
    },

    async counts(name) {
      const counts = await (await queueOf(name)).getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed');
      const { waiting = 0, prioritized = 0, active = 0, delayed = 0, failed = 0 } = counts;
      return { waiting: waiting + prioritized, active, delayed, failed };
    },

    async close() {
      await Promise.all([...workers].map((worker) => worker.close(0)));
      await Promise.all([...queues.values()].map((queue) => queue.close()));
      await redis.close();
    },
  };
}

/** False for a job that runs, or that is the next run of a schedule. */
async function removeUnlessLocked(queue: Queue, id: string): Promise<boolean> {
  try {
    return (await queue.remove(id)) === 1;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === belongsToSchedule) return false;
    throw error;
  }
}
