/** The job score-region: writes into the reports of a day that is over how good forecast, plan and fills were. */
import { collectDay, type DayInputs } from '../../shared/domain/reporting/day-inputs.ts';
import { scoreFill } from '../../shared/domain/reporting/fill-score.ts';
import { addDays, dayBounds, localDate } from '../../shared/domain/time/local-time.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { DemandLog } from '../../shared/ports/demand-log.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import type { Fleet } from '../../shared/ports/fleet.ts';
import type { JobHandler } from '../../shared/ports/job-queue.ts';

export interface ScoreRegionDeps {
  readonly fleet: Fleet;
  readonly documents: Documents;
  readonly demandLog: DemandLog;
  readonly clock: Clock;
}

const mostRuns = 1_000;

/**
 * Without a date, yesterday on the region's clock. Running it again writes the same numbers, or better ones where
 * telemetry came late. The day is that of the plan's calendar, which a region may have left since.
 */
export function makeScoreRegion({ fleet, documents, demandLog, clock }: ScoreRegionDeps): JobHandler<'score-region'> {
  return async ({ payload }) => {
    const region = await fleet.getRegion(payload.regionId);
    if (!region) return { scored: false };
    const regionId = region.id;
    const date = payload.date ?? addDays(localDate(clock.now(), region.timeZone), -1);
    if (dayBounds(date, region.timeZone).endMs > clock.now()) return { scored: false };
    const fills = await documents.listFills({ regionId, date, limit: mostRuns });
    const found = await Promise.all(fills.map(({ run }) => documents.getReport(regionId, date, run)));
    const reports = found.filter((report) => report !== null);
    if (reports.length === 0) return { scored: false };

    // All runs of a date share its day, but for a region that changed its time zone in between.
    const days = new Map<string, Promise<DayInputs>>();
    const dayIn = (timeZone: string): Promise<DayInputs> => {
      const known = days.get(timeZone) ?? collectDay(demandLog, { regionId, date, timeZone, reports });
      days.set(timeZone, known);
      return known;
    };
    const scoredAt = new Date(clock.now()).toISOString();
    for (const report of reports) {
      const [plan, forecast] = await Promise.all([
        documents.getPlan(regionId, date, report.run),
        documents.getForecast(regionId, date, report.run),
      ]);
      const inputs = await dayIn(plan?.timeZone ?? region.timeZone);
      const tariff = region.tariff ?? null;
      await documents.putReport({ ...report, score: scoreFill({ scoredAt, report, plan, forecast, inputs, tariff }) });
    }
    return { scored: true };
  };
}
