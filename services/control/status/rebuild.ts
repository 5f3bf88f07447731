import { isPurgeDue } from '../../../shared/domain/asset.ts';
import type { Fill } from '../../../shared/domain/fill.ts';
import type { Catalogue } from '../../../shared/ports/catalogue.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { DemandLog } from '../../../shared/ports/demand-log.ts';
import type { Documents } from '../../../shared/ports/documents.ts';
import type { Fleet } from '../../../shared/ports/fleet.ts';
import type { JobQueue } from '../../../shared/ports/job-queue.ts';
import { planDelayMs } from '../fills/plan-delay.ts';

export interface RebuildDeps {
  readonly fleet: Fleet;
  readonly catalogue: Catalogue;
  readonly demandLog: DemandLog;
  readonly documents: Documents;
  readonly jobs: JobQueue;
  readonly clock: Clock;
  readonly planLeadMs: number;
}

export interface Rebuilt {
  readonly fleetDocuments: number;
  readonly assets: number;
  readonly demandDays: number;
  /** Unfinished work that has a job now; work whose job still existed kept it. */
  readonly jobs: number;
}

const recentFills = 200;

/** Makes everything in Redis anew from the object store. Safe at any time: nothing durable is changed. */
export const makeRebuild = (deps: RebuildDeps) => async (): Promise<Rebuilt> => {
  const fleetDocuments = await deps.fleet.rebuild();
  const assets = await deps.catalogue.rebuild();
  const demandDays = await deps.demandLog.rebuild();
  return { fleetDocuments, assets, demandDays, jobs: await resumeWork(deps) };
};

/**
 * Queues again what documents say is unfinished. Job ids name the work, so that a job which still waits or runs is
 * found instead of doubled. Returns how many jobs stand now.
 */
export async function resumeWork(deps: RebuildDeps): Promise<number> {
  const { catalogue, documents, jobs } = deps;
  let resumed = 0;
  for (const state of ['uploaded', 'transcoding', 'deleted'] as const) {
    for await (const asset of assetsIn(catalogue, state)) {
      const assetId = asset.id;
      // A deletion that can still be taken back needs no job yet; ingest adds it when its time is over.
      if (state === 'deleted' && !isPurgeDue(asset, deps.clock.now())) continue;
      await jobs.add(state === 'deleted' ? 'delete-asset' : 'transcode-asset', { assetId });
      resumed += 1;
    }
  }
  for (const fill of await documents.listFills({ limit: recentFills })) {
    if (await resumeFill(fill, deps)) resumed += 1;
  }
  return resumed;
}

async function* assetsIn(catalogue: Catalogue, state: 'uploaded' | 'transcoding' | 'deleted') {
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<Catalogue['list']>> = await catalogue.list({
      state,
      limit: 500,
      ...(after === null ? {} : { after }),
    });
    yield* page.items;
    after = page.next;
  } while (after !== null);
}

/** A job that failed without ending its fill, as one does whose workers all died of it, is tried anew: nothing else would end the fill. */
async function resumeFill({ id, regionId, date, state, start }: Fill, deps: RebuildDeps): Promise<boolean> {
  const { fleet, jobs, clock, planLeadMs } = deps;
  if (state === 'scheduled' || state === 'planning') {
    const region = await fleet.getRegion(regionId);
    const waits = region !== null && state === 'scheduled' && start === 'window';
    // Over: planned at once, so that the worker ends it with the reason.
    const delayMs = (waits ? planDelayMs(region, date, clock.now(), planLeadMs) : 0) ?? 0;
    const payload = { regionId, date, fillId: id };
    const job = await jobs.add('plan-region', payload, { delayMs });
    if (job.state === 'failed') await jobs.add('plan-region', payload, { delayMs, replaceEnded: true });
    return true;
  }
  if (state === 'running' || state === 'paused-window' || state === 'paused') {
    const job = await jobs.add('fill-region', { fillId: id });
    if (job.state === 'failed') await jobs.add('fill-region', { fillId: id }, { replaceEnded: true });
    return true;
  }
  return false;
}
