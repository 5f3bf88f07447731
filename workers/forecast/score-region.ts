/** The job score-region: writes into the reports of a day that is over how good forecast and fills were. */
import { scoreFill } from '../../shared/domain/reporting/fill-score.ts';
import { addDays, dayBounds, localDate, localInstant } from '../../shared/domain/time/local-time.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { DemandLog } from '../../shared/ports/demand-log.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import type { Fleet } from '../../shared/ports/fleet.ts';
import type { JobHandler } from '../../shared/ports/job-queue.ts';
import { readDays } from './read-history.ts';

export interface ScoreRegionDeps {
  readonly fleet: Fleet;
  readonly documents: Documents;
  readonly demandLog: DemandLog;
  readonly clock: Clock;
}

const mostRuns = 1_000;

/**
 * Without a date, yesterday on the region's clock. Running it again writes the same numbers, or better ones where
 * telemetry came late. Outcomes are kept by UTC day, so the hit ratio is that of the UTC day that holds the local noon.
 */
export function makeScoreRegion({ fleet, documents, demandLog, clock }: ScoreRegionDeps): JobHandler<'score-region'> {
  return async ({ payload }) => {
    const region = await fleet.getRegion(payload.regionId);
    if (!region) return { scored: false };
    const date = payload.date ?? addDays(localDate(clock.now(), region.timeZone), -1);
    if (dayBounds(date, region.timeZone).endMs > clock.now()) return { scored: false };
    const fills = await documents.listFills({ regionId: region.id, date, limit: mostRuns });
    const reports = await Promise.all(fills.map(({ run }) => documents.getReport(region.id, date, run)));
    const written = reports.filter((report) => report !== null);
    if (written.length === 0) return { scored: false };

    const noon = new Date(localInstant(date, '12:00', region.timeZone)).toISOString().slice(0, 10);
    const [demand, served, forecast] = await Promise.all([
      readDays(demandLog, region, date, date),
      demandLog.outcomes(region.id, noon),
      documents.getForecast(region.id, date),
    ]);
    const scoredAt = new Date(clock.now()).toISOString();
    for (const report of written) {
      await documents.putReport({ ...report, score: scoreFill({ scoredAt, report, forecast, demand, served }) });
    }
    return { scored: true };
  };
}
