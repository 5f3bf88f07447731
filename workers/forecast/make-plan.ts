/** From everything that is known now to a forecast and a plan. Reads much, writes nothing. */
import type { FillPlan, Forecast } from '../../shared/domain/fill.ts';
import type { Region } from '../../shared/domain/fleet.ts';
import type { Title } from '../../shared/domain/forecasting/cold-start.ts';
import { forecastRegion } from '../../shared/domain/forecasting/forecast-region.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import { makeValuer, type ValuedVersion } from '../../shared/domain/planning/file-values.ts';
import { planFillOf } from '../../shared/domain/planning/plan-fill.ts';
import { makeShortlist } from '../../shared/domain/planning/shortlist.ts';
import type { ApplianceApi } from '../../shared/ports/appliance-api.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { DemandLog } from '../../shared/ports/demand-log.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import type { Fleet } from '../../shared/ports/fleet.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { roomNow } from './pulled-room.ts';
import { readAudience } from './read-audience.ts';
import { readElsewhere, readHistory } from './read-history.ts';
import { type Inventories, readInventories } from './read-inventories.ts';
import { readTitles, readVersions } from './read-versions.ts';

export interface PlanSources {
  readonly fleet: Fleet;
  readonly catalogue: Catalogue;
  readonly documents: Documents;
  readonly demandLog: DemandLog;
  readonly store: ObjectStore;
  readonly api: ApplianceApi;
  readonly clock: Clock;
  readonly historyDays: number;
}

export interface PlanRequest {
  readonly region: Region;
  readonly date: string;
  readonly run: number;
  readonly fillId: string;
  readonly start: 'now' | 'window';
  /** Assets that come first, besides those marked so in the catalogue. */
  readonly mustHave?: readonly string[];
}

export interface MadePlan {
  readonly forecast: Forecast;
  readonly plan: FillPlan;
  readonly silent: Inventories['silent'];
}

const runsOfOneDate = 1_000;

export function makeMakePlan(sources: PlanSources) {
  const { fleet, catalogue, documents, demandLog, store, api, clock, historyDays } = sources;

  return async (
    { region, date, run, fillId, start, mustHave = [] }: PlanRequest,
    signal?: AbortSignal,
  ): Promise<MadePlan> => {
    const nowMs = clock.now();
    const madeAt = new Date(nowMs).toISOString();
    const { titles, known, mustHave: marked } = await readTitles(catalogue, signal);
    const [forecast, inventories, fills, pulledRoom] = await Promise.all([
      forecastDay({ region, date, nowMs, madeAt, known }),
      fleet.listAppliances({ regionId: region.id }).then((views) => readInventories(api, views, signal)),
      documents.listFills({ regionId: region.id, date, limit: runsOfOneDate }),
      roomNow(documents, region),
    ]);
    const wanted = new Set([...marked, ...mustHave]);
    const shortlist = makeShortlist({
      titles,
      forecast,
      appliances: inventories.answered,
      mustHave: wanted,
      budgetBytes: region.budget.bytesPerNight,
    });
    const valued = makeValuer(forecast.audience ?? null);
    const versions: ValuedVersion[] = [];
    let plan: FillPlan | null = null;
    while (!plan) {
      for (const version of await readVersions(store, shortlist.next(), valued, signal)) versions.push(version);
      plan = planFillOf(
        {
          region,
          date,
          run,
          fillId,
          start,
          frozenAt: madeAt,
          forecast,
          forecastKey: storeKeys.forecast(region.id, date, run),
          versions,
          mustHave: wanted,
          appliances: inventories.answered,
          pulledRoom,
          spentBytes: fills
            .filter(({ id }) => id !== fillId)
            .reduce((sum, fill) => sum + (fill.sentBytes ?? fill.pushed.bytes), 0),
        },
        shortlist.rest,
      );
    }
    return { forecast, plan, silent: inventories.silent };
  };

  /** On its own, so that a region's past is no longer in memory when its plan is made. */
  async function forecastDay({ region, date, nowMs, madeAt, known }: ForecastRequest): Promise<Forecast> {
    const [history, elsewhere, audience] = await Promise.all([
      readHistory(demandLog, { region, nowMs, days: historyDays }),
      fleet.listRegions().then((regions) =>
        readElsewhere(
          demandLog,
          { region, nowMs },
          regions.map(({ id }) => id),
        ),
      ),
      readAudience(demandLog, region.id, nowMs),
    ]);
    const forecast = forecastRegion({ regionId: region.id, date, history, elsewhere, titles: known, madeAt });
    return audience ? { ...forecast, audience } : forecast;
  }
}

interface ForecastRequest {
  readonly region: Region;
  readonly date: string;
  readonly nowMs: number;
  readonly madeAt: string;
  readonly known: readonly Title[];
}
