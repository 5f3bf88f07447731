/** From everything that is known now to a forecast and a plan. Reads much, writes nothing. */
import type { FillPlan, Forecast } from '../../shared/domain/fill.ts';
import type { Region } from '../../shared/domain/fleet.ts';
import { forecastRegion } from '../../shared/domain/forecasting/forecast-region.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import { planFill } from '../../shared/domain/planning/plan-fill.ts';
import type { ApplianceApi } from '../../shared/ports/appliance-api.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { DemandLog } from '../../shared/ports/demand-log.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import type { Fleet } from '../../shared/ports/fleet.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { roomNow } from './pulled-room.ts';
import { readElsewhere, readHistory } from './read-history.ts';
import { type Inventories, readInventories } from './read-inventories.ts';
import { readVersions } from './read-versions.ts';

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
    const [history, elsewhere, { versions, titles, mustHave: marked }, inventories, fills, pulledRoom] =
      await Promise.all([
        readHistory(demandLog, { region, nowMs, days: historyDays }),
        fleet.listRegions().then((regions) =>
          readElsewhere(
            demandLog,
            { region, nowMs },
            regions.map(({ id }) => id),
          ),
        ),
        readVersions({ catalogue, store }, signal),
        fleet.listAppliances({ regionId: region.id }).then((views) => readInventories(api, views, signal)),
        documents.listFills({ regionId: region.id, date, limit: runsOfOneDate }),
        roomNow(documents, region),
      ]);
    const madeAt = new Date(nowMs).toISOString();
    const forecast = forecastRegion({ regionId: region.id, date, history, elsewhere, titles, madeAt });
    const plan = planFill({
      region,
      date,
      run,
      fillId,
      start,
      frozenAt: madeAt,
      forecast,
      forecastKey: storeKeys.forecast(region.id, date, run),
      versions,
      mustHave: new Set([...marked, ...mustHave]),
      appliances: inventories.answered,
      pulledRoom,
      spentBytes: fills
        .filter(({ id }) => id !== fillId)
        .reduce((sum, fill) => sum + (fill.sentBytes ?? fill.pushed.bytes), 0),
    });
    return { forecast, plan, silent: inventories.silent };
  };
}
