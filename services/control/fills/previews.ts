import type { Region } from '../../../shared/domain/fleet.ts';
import type { PlanListName, PlanLists, PlanOutline } from '../../../shared/domain/planning/outline.ts';
import { type ForecastView, viewOf } from '../../../shared/domain/planning/plan-view.ts';
import { planRoomOf, type RoomNow } from '../../../shared/domain/pulled-room/pulled-room.ts';
import { comingWindow } from '../../../shared/domain/time/fill-window.ts';
import type { DryRun } from '../../../shared/jobs/map.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { Page } from '../../../shared/ports/catalogue.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { Documents } from '../../../shared/ports/documents.ts';
import type { Fleet } from '../../../shared/ports/fleet.ts';
import type { AskWorker } from '../ask-worker.ts';
import { isDay } from '../demand/demand-table.ts';
import type { PlanAnswer } from '../schemas/fill.ts';

export interface PreviewDeps {
  readonly fleet: Fleet;
  readonly documents: Documents;
  readonly clock: Clock;
  readonly ask: AskWorker;
}

export type Previews = ReturnType<typeof makePreviews>;

/**
 * Forecasts and plans to look at: the frozen ones where there are, of which no more is read than is shown, else made for this answer
 * by the forecast worker. It explains, too, which takes all of a plan.
 */
export function makePreviews({ fleet, documents, clock, ask }: PreviewDeps) {
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

  async function dryRun(regionId: string, date: string, dry: DryRun) {
    const what = `The forecast of ${regionId} for ${date}`;
    const made = await ask('plan-region', what, (nonce) => ({ regionId, date, dry, nonce }));
    if (made.kind === 'dry') return made;
    throw new Error(`A dry run of ${regionId} ended as ${made.kind}`);
  }

  return {
    async forecast(regionId: string, query: ForecastQuery): Promise<ForecastView> {
      const date = await dateOf(regionId, query.date);
      const { limit = usualLines } = query;
      const after = placeOf(query.after);
      const frozen = await documents.getForecastPage(regionId, date, { first: after, count: limit });
      return frozen ?? (await dryRun(regionId, date, { lines: limit, after })).forecast;
    },

    async room(regionId: string): Promise<RoomNow> {
      const { pulledShare = null } = await regionOf(regionId);
      const decision = await documents.getPulledRoom(regionId);
      return { ...planRoomOf(pulledShare, decision), decision };
    },

    /** `asset` keeps only the lines that say why that asset is, or is not, in the plan. */
    async plan(regionId: string, query: PlanQuery): Promise<PlanAnswer> {
      const date = await dateOf(regionId, query.date);
      const { asset, limit = usualLines } = query;
      const outline = await latestPlan(documents, regionId, date);
      if (!outline) {
        const { plan, explanation } = await dryRun(regionId, date, {
          lines: limit,
          ...(asset === undefined ? {} : { asset }),
        });
        return { frozen: false, ...(explanation ? { explanation } : {}), ...plan };
      }
      if (asset !== undefined) {
        const { run } = outline;
        const { plan, explanation } = await ask('explain-asset', `The explanation of ${asset}`, (nonce) => ({
          ...{ regionId, date, run, nonce },
          assetId: asset,
        }));
        return { frozen: true, explanation, ...plan };
      }
      const view = await viewOf(outline, (list, applianceId) =>
        documents.getPlanLines(outline, list, { applianceId, first: 0, count: limit }),
      );
      return { frozen: true, ...view };
    },

    /** Any list of a frozen plan, page by page. */
    async planLines(regionId: string, query: PlanLinesQuery): Promise<Page<PlanLists[PlanListName]>> {
      const date = await dateOf(regionId, query.date);
      const outline = query.run
        ? await documents.getPlanOutline(regionId, date, query.run)
        : await latestPlan(documents, regionId, date);
      if (!outline) {
        throw new Problem(
          'plan-not-found',
          `${regionId} has no frozen plan for ${date}; one is made before its window.`,
        );
      }
      const { list, appliance, limit = 1_000 } = query;
      const part = outline.appliances.find(({ applianceId }) => applianceId === appliance);
      if (list !== 'rejected' && !part) {
        const names = outline.appliances.map(({ applianceId }) => applianceId).join(', ');
        throw new Problem('invalid-request', `appliance must be one of the plan’s: ${names || 'it has none'}.`);
      }
      const first = placeOf(query.after);
      const applianceId = list === 'rejected' ? null : (appliance ?? null);
      const items = await documents.getPlanLines(outline, list, { applianceId, first, count: limit });
      const length = list === 'rejected' ? outline.rejected : (part?.[list]?.files ?? 0);
      const seen = first + items.length;
      return { items, next: items.length > 0 && seen < length ? String(seen) : null };
    },
  };
}

interface ForecastQuery {
  readonly date?: string;
  readonly after?: string;
  readonly limit?: number;
}
interface PlanQuery {
  readonly date?: string;
  readonly asset?: string;
  readonly limit?: number;
}
interface PlanLinesQuery extends ForecastQuery {
  readonly run?: number;
  readonly list: PlanListName;
  readonly appliance?: string;
}

/** Of each list, where nobody says how many. */
const usualLines = 1_000;

function placeOf(cursor: string | undefined): number {
  const place = Number(cursor ?? 0);
  if (!Number.isSafeInteger(place) || place < 0)
    throw new Problem('invalid-request', `after must be the next of the page before (got ${cursor}).`);
  return place;
}

/** The plan of the date's last run that has one: that is what the appliances were last told. */
async function latestPlan(documents: Documents, regionId: string, date: string): Promise<PlanOutline | null> {
  const fills = await documents.listFills({ regionId, date });
  const runs = fills.map(({ run }) => run).sort((a, b) => b - a);
  for (const run of runs.includes(1) ? runs : [...runs, 1]) {
    const plan = await documents.getPlanOutline(regionId, date, run);
    if (plan) return plan;
  }
  return null;
}
