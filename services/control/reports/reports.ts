import type { FillReport } from '../../../shared/domain/fill.ts';
import type { Verification } from '../../../shared/domain/reporting/verify-report.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { Page } from '../../../shared/ports/catalogue.ts';
import type { Documents } from '../../../shared/ports/documents.ts';
import type { Fleet } from '../../../shared/ports/fleet.ts';
import type { AskWorker } from '../ask-worker.ts';

export type Reports = ReturnType<typeof makeReports>;

/** Fill reports, as stored: every number in them can be recomputed from the frozen plan and the demand log. */
export interface ReportDeps {
  readonly fleet: Fleet;
  readonly documents: Documents;
  readonly ask: AskWorker;
}

export function makeReports({ fleet, documents, ask }: ReportDeps) {
  const region = async (id: string): Promise<void> => {
    if (await fleet.getRegion(id)) return;
    throw new Problem('region-not-found', `There is no region ${id}; GET /v1/regions lists them.`);
  };

  async function get(regionId: string, date: string, run?: number): Promise<FillReport> {
    await region(regionId);
    const report = await documents.getReport(regionId, date, run);
    if (report) return report;
    const which = run === undefined ? date : `${date}, run ${run}`;
    throw new Problem(
      'report-not-found',
      `Region ${regionId} has no report for ${which}; one is written when a fill ends. GET /v1/regions/${regionId}/fill-reports lists them.`,
    );
  }

  return {
    get,

    async verify(regionId: string, date: string, run?: number): Promise<Verification> {
      const found = await get(regionId, date, run);
      return ask('verify-report', `The verification of ${found.fillId}`, (nonce) => ({
        ...{ regionId, date, nonce },
        run: found.run,
      }));
    },

    /** The last run of each date, newest first. */
    async list(regionId: string, after: string | undefined, limit: number): Promise<Page<FillReport>> {
      await region(regionId);
      const dates = (await documents.listReportDates(regionId)).filter((date) => after === undefined || date < after);
      const shown = dates.slice(0, limit);
      const reports = await Promise.all(shown.map((date) => documents.getReport(regionId, date)));
      const next = dates.length > shown.length ? (shown.at(-1) ?? null) : null;
      return { items: reports.filter((report) => report !== null), next };
    },
  };
}
