import { randomUUID } from 'node:crypto';
import type { FillPlan, Forecast } from '../../../shared/domain/fill.ts';
import type { Region } from '../../../shared/domain/fleet.ts';
import { explainAsset } from '../../../shared/domain/planning/explain.ts';
import { planRoomOf, type RoomNow } from '../../../shared/domain/pulled-room/pulled-room.ts';
import { comingWindow } from '../../../shared/domain/time/fill-window.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { Documents } from '../../../shared/ports/documents.ts';
import type { Fleet } from '../../../shared/ports/fleet.ts';
import type { JobQueue } from '../../../shared/ports/job-queue.ts';
import { isDay } from '../demand/demand-table.ts';
import type { PlanAnswer } from '../schemas/fill.ts';

export interface PreviewDeps {
  readonly fleet: Fleet;
  readonly documents: Documents;
  readonly jobs: JobQueue;
  readonly clock: Clock;
  readonly waitMs?: number;
}

export type Previews = ReturnType<typeof makePreviews>;

/** Forecasts and plans to look at: the frozen ones where there are, else made for this answer by the forecast worker. */
export function makePreviews({ fleet, documents, jobs, clock, waitMs = 30_000 }: PreviewDeps) {
  async function regionOf(regionId: string): Promise<Region> {
    const region = await fleet.getRegion(regionId);
    if (!region) throw new Problem('region-not-found', `There is no region ${regionId}; GET /v1/regions lists them.`);
    return region;
  }

  async function dateOf(regionId: string, asked: string | undefined): Promise<string> {
    const region = await regionOf(regionId);
    if (asked !== undefined && !isDay(asked))
      throw new Problem('invalid-request', `date must be a date (got ${asked}).`);
    return asked ?? comingWindow(clock.now(), region.window, region.timeZone).date;
  }

  async function dryRun(regionId: string, date: string) {
    const job = await jobs.add('plan-region', { regionId, date, dry: true, nonce: randomUUID() });
    try {
      const ended = await jobs.waitFor('plan-region', job.id, waitMs);
      if (ended?.state === 'failed') {
        throw new Problem(
          'forecast-not-ready',
          `The forecast of ${regionId} for ${date} failed: ${ended.failure ?? 'no reason was given'}.`,
        );
      }
      if (ended?.result?.kind === 'dry') return ended.result;
      const why = ended?.failure ?? 'no forecast worker took it up; see that one runs (GET /v1/status)';
      throw new Problem(
        'forecast-not-ready',
        `No forecast came within ${Math.round(waitMs / 1_000)} s: ${why}. Ask again later.`,
        { headers: { 'retry-after': '10' } },
      );
    } finally {
      // Whole plans: kept like other jobs, those of a caller that asks every few seconds would fill Redis.
      await jobs.cancel('plan-region', job.id).catch(() => undefined);
    }
  }

  return {
    async forecast(regionId: string, asked?: string): Promise<Forecast> {
      const date = await dateOf(regionId, asked);
      return (await documents.getForecast(regionId, date)) ?? (await dryRun(regionId, date)).forecast;
    },

    async room(regionId: string): Promise<RoomNow> {
      const { pulledShare = null } = await regionOf(regionId);
      const decision = await documents.getPulledRoom(regionId);
      return { ...planRoomOf(pulledShare, decision), decision };
    },

    /** `assetId` keeps only the lines that say why that asset is, or is not, in the plan. */
    async plan(regionId: string, query: { readonly date?: string; readonly asset?: string }): Promise<PlanAnswer> {
      const date = await dateOf(regionId, query.date);
      const frozen = await latestPlan(documents, regionId, date);
      const made = frozen
        ? { plan: frozen, forecast: () => documents.getForecast(regionId, date, frozen.run) }
        : await dryRun(regionId, date).then(({ plan, forecast }) => ({ plan, forecast: async () => forecast }));
      const { plan } = made;
      if (query.asset === undefined) return { frozen: frozen !== null, ...plan };
      const explanation = explainAsset(plan, await made.forecast(), query.asset);
      return { frozen: frozen !== null, explanation, ...narrow(plan, query.asset) };
    },
  };
}

/** The plan of the date's last run that has one: that is what the appliances were last told. */
async function latestPlan(documents: Documents, regionId: string, date: string): Promise<FillPlan | null> {
  const fills = await documents.listFills({ regionId, date });
  const runs = fills.map(({ run }) => run).sort((a, b) => b - a);
  for (const run of runs.includes(1) ? runs : [...runs, 1]) {
    const plan = await documents.getPlan(regionId, date, run);
    if (plan) return plan;
  }
  return null;
}

/** Totals stay those of the whole plan. */
function narrow(plan: FillPlan, assetId: string): FillPlan {
  const ofAsset = (line: { readonly assetId: string }) => line.assetId === assetId;
  return {
    ...plan,
    appliances: plan.appliances.map((appliance) => ({
      ...appliance,
      fetch: appliance.fetch.filter(ofAsset),
      keep: appliance.keep.filter(ofAsset),
      evict: appliance.evict.filter(({ key }) => key.startsWith(`${assetId}/`)),
    })),
    rejected: plan.rejected.filter(ofAsset),
  };
}
