import type { JobsOptions } from 'bullmq';
import type { JobPolicy } from '../../jobs/map.ts';

/** A policy of the job map in BullMQ's words. */
export const retryOptions = ({ attempts, backoffMs, keepEndedS }: JobPolicy<never>): RetryOptions => ({
  attempts,
  backoff: { type: 'exponential', delay: backoffMs },
  removeOnComplete: { age: keepEndedS },
  removeOnFail: { age: keepEndedS },
});

type RetryOptions = Pick<JobsOptions, 'attempts' | 'backoff' | 'removeOnComplete' | 'removeOnFail'>;
