import { makeChangeWatch } from '../redis/change-watch.ts';
import type { RedisConnection } from '../redis/connection.ts';

/** One run of the work that an id names: the same id may be added anew later, and that is not cancelled. */
export interface CancellableJob {
  readonly queue: string;
  readonly id: string;
  /** When the job was added, Unix milliseconds. */
  readonly timestamp: number;
}

/**
 * Cancelling of running jobs: a key that is looked at every few seconds, and a message that makes it fast.
 */
export interface JobCancellation {
  /** @param keepMs How long the wish is remembered, in case a worker takes the job up again. */
  cancel(job: CancellableJob, keepMs: number): Promise<void>;
  isCancelled(job: CancellableJob): Promise<boolean>;
  /** Calls `onCancel` when the job is cancelled or was already, until the returned function is called. */
  watch(job: CancellableJob, onCancel: () => void): () => void;
}

const pollMs = 5_000;

export function makeJobCancellation(redis: RedisConnection, onError: (error: Error) => void): JobCancellation {
  const changes = makeChangeWatch(redis, redis.key('job-cancelled'));
  const nameOf = ({ queue, id }: CancellableJob): string => `${queue}:${id}`;
  const keyOf = (job: CancellableJob): string => redis.key('cancelled', nameOf(job));
  const tell = (error: unknown): void => onError(error instanceof Error ? error : new Error(String(error)));

  const isCancelled = async (job: CancellableJob): Promise<boolean> =>
    (await redis.client.get(keyOf(job))) === String(job.timestamp);

  return {
    isCancelled,

    async cancel(job, keepMs) {
      await redis.client.set(keyOf(job), String(job.timestamp), 'PX', keepMs);
      await changes.announce(nameOf(job));
    },

    watch(job, onCancel) {
      let over = false;
      const check = async (): Promise<void> => {
        if (!over && (await isCancelled(job)) && !over) onCancel();
      };
      const watching = changes.watch(nameOf(job), () => void check().catch(tell));
      // What was cancelled before the watch was in place is found by asking once.
      watching.then(check).catch(tell);
      const polling = setInterval(() => void check().catch(tell), pollMs);
      return () => {
        over = true;
        clearInterval(polling);
        watching.then((stop) => stop()).catch(() => undefined);
      };
    },
  };
}
