/** The job verify-report: brings together what a report can be computed from again, and computes it. */
import type { FillPlan, FillReport, FillScore } from '../../shared/domain/fill.ts';
import { collectDay } from '../../shared/domain/reporting/day-inputs.ts';
import { scoreFill } from '../../shared/domain/reporting/fill-score.ts';
import { type Verification, verifyReport } from '../../shared/domain/reporting/verify-report.ts';
import type { DemandLog } from '../../shared/ports/demand-log.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import { type JobHandler, UnrecoverableJobError } from '../../shared/ports/job-queue.ts';

export interface VerifyReportDeps {
  readonly documents: Documents;
  readonly demandLog: DemandLog;
}

const mostRuns = 1_000;

export function makeVerifyReport(deps: VerifyReportDeps): JobHandler<'verify-report'> {
  return async ({ payload: { regionId, date, run } }) => {
    const report = await deps.documents.getReport(regionId, date, run);
    if (!report) throw new UnrecoverableJobError(`${regionId} has no report for ${date}, run ${run}`);
    return verifyStored(deps, report);
  };
}

async function verifyStored(deps: VerifyReportDeps, report: FillReport): Promise<Verification> {
  const { documents } = deps;
  const [plan, fill] = await Promise.all([
    documents.getPlan(report.regionId, report.date, report.run),
    documents.getFill(report.fillId),
  ]);
  const score = report.score ? await scoreAgain(deps, report, report.score, plan) : null;
  return verifyReport(report, { plan, fill, score });
}

/** As the job score-region does it: the region's calendar was the plan's, the tariff that of the score. */
async function scoreAgain(
  { documents, demandLog }: VerifyReportDeps,
  report: FillReport,
  { scoredAt, savings }: FillScore,
  plan: FillPlan | null,
): Promise<FillScore | string> {
  if (!plan) return 'the frozen plan is gone, and with it the region’s calendar';
  const { regionId, date, run } = report;
  const [forecast, fills] = await Promise.all([
    // Before each run kept its own, a later one of the date wrote over the first.
    documents.getForecast(regionId, date, run).then((found) => found ?? documents.getForecast(regionId, date, 1)),
    documents.listFills({ regionId, date, limit: mostRuns }),
  ]);
  if (forecast && forecast.madeAt > scoredAt) return 'the forecast was made anew after the score';
  const others = await Promise.all(
    fills.filter((fill) => fill.run !== run).map((fill) => documents.getReport(regionId, date, fill.run)),
  );
  const reports = [report, ...others.filter((one) => one !== null)];
  const inputs = await collectDay(demandLog, { regionId, date, timeZone: plan.timeZone, reports });
  return scoreFill({ scoredAt, report, plan, forecast, inputs, tariff: savings?.tariff ?? null });
}
