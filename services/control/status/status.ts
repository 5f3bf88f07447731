import { assetStates } from '../../../shared/domain/asset.ts';
import type { ApplianceHealth } from '../../../shared/domain/fleet.ts';
import { type JobName, jobMap } from '../../../shared/jobs/map.ts';
import type { Catalogue } from '../../../shared/ports/catalogue.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { Fleet } from '../../../shared/ports/fleet.ts';
import type { JobCounts, JobQueue } from '../../../shared/ports/job-queue.ts';
import type { SystemStatus } from '../schemas/status.ts';

export interface StatusDeps {
  readonly fleet: Fleet;
  readonly catalogue: Catalogue;
  readonly jobs: JobQueue;
  readonly clock: Clock;
  /** What control needs, by name; a check throws what is wrong. */
  readonly checks: Readonly<Record<string, () => Promise<void>>>;
}

export type ReadStatus = ReturnType<typeof makeReadStatus>;

const countedTo = 500;
/** The front page asks every few seconds, and counting reads documents. */
const assetCountsAgeMs = 10_000;
const jobNames = Object.keys(jobMap) as readonly JobName[];

/** What runs and what waits, told even while parts are down: that is when it is asked. */
export function makeReadStatus({ fleet, catalogue, jobs, clock, checks }: StatusDeps) {
  let counted: { readonly atMs: number; readonly counts: SystemStatus['assets'] } | null = null;

  async function assetCounts(): Promise<SystemStatus['assets']> {
    if (counted && clock.now() - counted.atMs < assetCountsAgeMs) return counted.counts;
    const pages = await Promise.all(assetStates.map((state) => catalogue.list({ state, limit: countedTo })));
    const counts = Object.fromEntries(assetStates.map((state, i) => [state, pages[i]?.items.length ?? 0]));
    counted = { atMs: clock.now(), counts: { ...noAssets, ...counts } };
    return counted.counts;
  }

  return async (): Promise<SystemStatus> => {
    const [regions, appliances, assets, queues, checked] = await Promise.all([
      fleet.listRegions().catch(() => []),
      fleet.listAppliances().catch(() => []),
      assetCounts().catch(() => noAssets),
      jobCounts(jobs).catch(() => null),
      runChecks(checks),
    ]);
    const health: Record<ApplianceHealth, number> = { healthy: 0, unfit: 0, silent: 0, 'never-seen': 0 };
    for (const appliance of appliances) health[appliance.health] += 1;
    return {
      at: new Date(clock.now()).toISOString(),
      checks: checked,
      jobs: queues,
      regions: regions.length,
      appliances: health,
      assets,
      assetsCountedTo: countedTo,
    };
  };
}

const noAssets: SystemStatus['assets'] = { uploaded: 0, transcoding: 0, published: 0, failed: 0, deleted: 0 };

async function jobCounts(jobs: JobQueue): Promise<Record<JobName, JobCounts>> {
  const counts = await Promise.all(jobNames.map(async (name) => [name, await jobs.counts(name)] as const));
  return Object.fromEntries(counts) as Record<JobName, JobCounts>;
}

async function runChecks(checks: StatusDeps['checks']): Promise<Record<string, string>> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      const result = await check().then(
        () => 'ok',
        (error: unknown) => (error as Error).message || String(error),
      );
      return [name, result] as const;
    }),
  );
  return Object.fromEntries(results);
}
