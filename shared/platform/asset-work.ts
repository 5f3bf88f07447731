/**
 * Who may be writing objects of an asset: a worker that was told to stop needs a while to hear it and to remove what it
 * made, one that was killed leaves things as they were until its lock is over. Until none is left, nothing that is
 * removed is gone for good, and nothing may be begun anew in the same place.
 */
import type { JobName } from '../jobs/map.ts';
import type { Clock } from '../ports/clock.ts';
import type { JobQueue, JobRef, JobView } from '../ports/job-queue.ts';

const makers = ['transcode-asset', 'encode-chunk', 'retext-asset'] as const satisfies readonly JobName[];

/** Jobs that workers are at now. A job that is begun later sees what the asset's state is by then. */
export async function workOn(jobs: Pick<JobQueue, 'active'>, assetId: string): Promise<JobRef[]> {
  const active = await Promise.all(makers.map((name) => jobs.active(name)));
  return active.flat().flatMap(({ name, id, payload }) => (payload.assetId === assetId ? [{ name, id }] : []));
}

const pollMs = 100;

/** What is still under way after `timeoutMs`; none as soon as there is none. */
export async function restOfWork(
  { jobs, clock }: { readonly jobs: Pick<JobQueue, 'active'>; readonly clock: Clock },
  assetId: string,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<JobRef[]> {
  const deadlineMs = clock.now() + timeoutMs;
  for (;;) {
    const left = await workOn(jobs, assetId);
    if (left.length === 0 || clock.now() >= deadlineMs) return left;
    await clock.sleep(pollMs, signal);
  }
}

/** A job that ended because its asset was deleted: no mistake, and to be begun anew where that was taken back. */
export const wasWithdrawn = ({ state, failure }: Pick<JobView, 'state' | 'failure'>): boolean =>
  state === 'failed' && /^cancelled$|was deleted$/.test(failure ?? '');
