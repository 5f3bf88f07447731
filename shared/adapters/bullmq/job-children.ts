import type { Job, Queue } from 'bullmq';
import type { JobName, jobMap } from '../../jobs/map.ts';
import { type JobContext, type JobView, JobWaitsError } from '../../ports/job-queue.ts';
import { retryOptions } from './retry-options.ts';

/**
 * Jobs that a running job has done first, as a BullMQ flow: the parent goes to the `waiting-children` state and is taken
 * up again when no child is left to wait for, or one has failed.
 */
export interface ChildAccess {
  queueOf(name: JobName): Promise<Queue>;
  readonly policies: typeof jobMap;
  view<N extends JobName>(name: N, id: string): Promise<JobView<N> | null>;
}

export const makeChildrenOf =
  ({ queueOf, policies, view }: ChildAccess) =>
  (parent: Job, token: string): JobContext<JobName>['children'] =>
  async (name, payloads) => {
    const queue = await queueOf(name);
    const policy = policies[name];
    const ids = payloads.map((payload) => policy.id(payload));
    await removeEarlier(queue, parent, ids);
    const link = { id: parent.id ?? '', queue: parent.queueQualifiedName };
    // One of the same id that is there already is tied to this parent, and counts as done where it has completed.
    await queue.addBulk(
      payloads.map((data, index) => ({
        name,
        data,
        opts: {
          ...retryOptions(policy),
          jobId: ids[index] ?? '',
          parent: link,
          continueParentOnFailure: true,
        },
      })),
    );
    const views = (await Promise.all(ids.map((id) => view(name, id)))).filter((child) => child !== null);
    if (views.length === ids.length && views.every(({ state }) => state === 'completed')) return views;
    if (views.some(({ state }) => state === 'failed')) return views;
    if (await parent.moveToWaitingChildren(token)) throw new JobWaitsError();
    return await Promise.all(ids.map(async (id) => (await view(name, id)) ?? Promise.reject(goneError(id))));
  };

/** What is left of an earlier parent of the same id has done its work for another, which may have thrown it away. */
async function removeEarlier(queue: Queue, parent: Job, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const child = await queue.getJob(id);
    if (child?.finishedOn && child.timestamp < parent.timestamp) await queue.remove(id);
  }
}

const goneError = (id: string): Error => new Error(`The job ${id} was removed while another waited for it`);

/** Children that have not ended, by queue and id. */
export async function unfinishedChildren(job: Job): Promise<{ readonly queue: string; readonly id: string }[]> {
  const { unprocessed = [] } = await job.getDependencies();
  // `<prefix>:<queue>:<id>`; neither a queue nor an id holds a colon.
  return unprocessed.map((key) => {
    const [id = '', queue = ''] = key.split(':').toReversed();
    return { queue, id };
  });
}
