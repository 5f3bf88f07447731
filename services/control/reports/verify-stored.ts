/** Brings together what a report can be computed from again. */
import type { FillReport, FillScore } from '../../../shared/domain/fill.ts';
import { sumByLocalDay } from '../../../shared/domain/forecasting/daily-demand.ts';
import { scoreFill } from '../../../shared/domain/reporting/fill-score.ts';
import { type Verification, verifyReport } from '../../../shared/domain/reporting/verify-report.ts';
import { addDays, localInstant } from '../../../shared/domain/time/local-time.ts';
import type { DemandLog } from '../../../shared/ports/demand-log.ts';
import type { Documents } from '../../../shared/ports/documents.ts';

interface Sources {
  readonly documents: Documents;
  readonly demandLog: DemandLog;
}

export async function verifyStored(sources: Sources, report: FillReport): Promise<Verification> {
  const { documents } = sources;
  const [plan, fill] = await Promise.all([
    documents.getPlan(report.regionId, report.date, report.run),
    documents.getFill(report.fillId),
  ]);
  const score = report.score ? await scoreAgain(sources, report, report.score, plan?.timeZone) : null;
  return verifyReport(report, { plan, fill, score });
}

/** As the job score-region does it: the region's calendar was the plan's. */
async function scoreAgain(
  { documents, demandLog }: Sources,
  report: FillReport,
  { scoredAt }: FillScore,
  timeZone: string | undefined,
): Promise<FillScore | string> {
  if (timeZone === undefined) return 'the frozen plan is gone, and with it the region’s calendar';
  const { regionId, date } = report;
  const noon = new Date(localInstant(date, '12:00', timeZone)).toISOString().slice(0, 10);
  const rows = demandLog.read({ regionId, from: addDays(date, -1), to: addDays(date, 1) });
  const [demand, served, forecast] = await Promise.all([
    sumByLocalDay(rows, timeZone, date),
    demandLog.outcomes(regionId, noon),
    documents.getForecast(regionId, date),
  ]);
  if (forecast && forecast.madeAt > scoredAt) return 'the forecast was made anew after the score';
  return scoreFill({ scoredAt, report, forecast, demand, served });
}
