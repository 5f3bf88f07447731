import { type Job, UnrecoverableError, WaitingChildrenError, WaitingError, Worker } from 'bullmq';
import type { JobName, JobPolicy } from '../../jobs/map.ts';
import {
  type JobAbortCode,
  JobAbortedError,
  type JobContext,
  type JobHandler,
  JobWaitsError,
  type JobWorker,
  UnrecoverableJobError,
} from '../../ports/job-queue.ts';
import { closeClient, type RedisConnection, reconnectAfterMs } from '../redis/connection.ts';
import type { JobCancellation } from './job-cancellation.ts';

/**
 * One BullMQ worker of one queue.
 *
 * The life of a run: taken with a lock → handler runs while the lock is renewed → result or failure is written. The
 * run's signal aborts on a cancellation, on the loss of the lock (refused renewal, or none for as long as it lasts) and
 * on close; how the run then ends is `outcomeOf`.
 */
export interface BullmqWorkerOptions<N extends JobName> {
  readonly redis: RedisConnection;
  readonly prefix: string;
  readonly policy: JobPolicy<N>;
  readonly cancellation: JobCancellation;
  readonly handler: JobHandler<N>;
  /** `JobContext.children` of a job that runs; `token` is that of its lock. */
  readonly childrenOf: (job: Job, token: string) => JobContext<N>['children'];
  readonly concurrency: number;
  /** A job has ended, or will be tried again. */
  readonly onEnded: (id: string) => void;
  readonly onError: (error: Error) => void;
}

interface Run {
  abort(code: JobAbortCode): void;
  renewed(): void;
}

/** How long results may take to be written while closing, before connections are cut. */
const writeResultsMs = 5_000;

export function startBullmqWorker<N extends JobName>(options: BullmqWorkerOptions<N>): JobWorker {
  const { redis, prefix, policy, cancellation, handler, childrenOf, concurrency, onEnded, onError } = options;
  const runs = new Map<string, Run>();
  const handlers = new Set<Promise<unknown>>();
  let closing: Promise<void> | null = null;
  let aborting = false;

  async function run(job: Job, token: string | undefined): Promise<unknown> {
    const id = job.id ?? '';
    const cancellable = { queue: policy.queue, id, timestamp: job.timestamp };
    if (await cancellation.isCancelled(cancellable)) throw new UnrecoverableError('cancelled');

    const { signal, abort, renewed, end } = startRun(policy.lockMs);
    const stopWatching = cancellation.watch(cancellable, () => abort('cancelled'));
    runs.set(id, { abort, renewed });
    if (aborting) abort('worker-closing');
    const attempt = job.attemptsMade + 1;
    const handling = (async () =>
      handler({
        id,
        payload: job.data,
        attempt,
        lastAttempt: attempt >= policy.attempts,
        begun: Math.max(1, job.attemptsStarted),
        signal,
        progress: (value) => job.updateProgress(value),
        children: (name, payloads) => {
          signal.throwIfAborted();
          return childrenOf(job, token ?? '')(name, payloads);
        },
      }))();
    const settled: Promise<unknown> = handling.then(
      () => handlers.delete(settled),
      () => handlers.delete(settled),
    );
    handlers.add(settled);
    try {
      return await handling;
    } catch (error) {
      throw await outcomeOf(error, signal, () => job.moveToWait(token));
    } finally {
      runs.delete(id);
      stopWatching();
      end();
    }
  }

  const connection = redis.another({
    maxRetriesPerRequest: null,
    // BullMQ's blocking connection is a copy of this one and shares the function.
    retryStrategy: (times) => (closing ? null : reconnectAfterMs(times)),
  });
  const worker = new Worker(policy.queue, run, {
    connection,
    prefix,
    concurrency,
    lockDuration: policy.lockMs,
    stalledInterval: Math.max(500, policy.lockMs / 2),
    // A job that keeps killing its workers ends like one that keeps failing.
    maxStalledCount: policy.attempts,
    runRetryDelay: 1_000,
  });
  worker.on('error', onError);
  worker.on('completed', ({ id }) => onEnded(id ?? ''));
  worker.on('failed', (job) => onEnded(job?.id ?? ''));
  worker.on('lockRenewalFailed', (ids) => {
    for (const id of ids) runs.get(id)?.abort('lock-lost');
  });
  worker.on('locksRenewed', ({ jobIds }) => {
    for (const id of jobIds) runs.get(id)?.renewed();
  });

  async function close(graceMs: number): Promise<void> {
    const closed = worker.close().then(() => true, tellAndPass);
    const grace = setTimeout(() => {
      aborting = true;
      for (const { abort } of runs.values()) abort('worker-closing');
    }, graceMs);
    await noneLeft(handlers);
    clearTimeout(grace);
    // Without Redis results cannot be written, and BullMQ would wait for ever; the lock's end gives such a job on.
    if (!(await within(connection.status === 'ready' ? writeResultsMs : 100, closed))) {
      const { blockingClient } = worker.getBackend();
      await Promise.all([cut(connection), within(100, blockingClient ?? Promise.resolve(null)).then(cut)]);
      await within(writeResultsMs, closed);
    }
    await closeClient(connection);
  }

  const tellAndPass = (error: Error): true => {
    onError(error);
    return true;
  };

  return {
    close(graceMs = 10_000) {
      closing ??= Promise.resolve().then(() => close(graceMs));
      return closing;
    },
  };
}

function startRun(lockMs: number): Run & { readonly signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  const abort = (code: JobAbortCode): void => controller.abort(new JobAbortedError(code));
  const watchdog = setTimeout(() => abort('lock-lost'), lockMs);
  return {
    signal: controller.signal,
    abort,
    renewed: () => void watchdog.refresh(),
    end: () => clearTimeout(watchdog),
  };
}

/** What BullMQ is told of a handler that threw. */
async function outcomeOf(error: unknown, signal: AbortSignal, moveToWait: () => Promise<unknown>): Promise<Error> {
  // It was moved already, whatever came over it since.
  if (error instanceof JobWaitsError) return new WaitingChildrenError();
  const code = signal.reason instanceof JobAbortedError ? signal.reason.code : null;
  if (code === 'cancelled') return new UnrecoverableError('cancelled');
  // The job is another's by now, or will be: BullMQ leaves a job alone whose handler says that it was moved.
  if (code === 'lock-lost') return new WaitingError();
  if (code === 'worker-closing') {
    await moveToWait();
    return new WaitingError();
  }
  if (error instanceof UnrecoverableJobError) {
    return Object.assign(new UnrecoverableError(error.message), { cause: error });
  }
  return error instanceof Error ? error : new Error(String(error));
}

/** Also those that are added while it waits. */
async function noneLeft(promises: ReadonlySet<Promise<unknown>>): Promise<void> {
  while (promises.size > 0) await Promise.all(promises);
}

/** What `work` resolves with, or null when it takes longer or fails. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), ms);
  return Promise.race([work.catch(() => null), late]).finally(() => clearTimeout(timer));
}

interface Cuttable {
  readonly status?: string;
  disconnect(): unknown;
  connect(): Promise<unknown>;
}

/**
 * Ends a connection so that every waiting command is rejected. While ioredis pauses between two attempts, `disconnect`
 * only stops the attempts and leaves the commands waiting: one last attempt, which is not repeated, ends them.
 */
async function cut(client: Cuttable | null): Promise<void> {
  if (!client) return;
  const pausing = client.status === 'reconnecting';
  client.disconnect();
  if (pausing) await client.connect().catch(() => undefined);
}
