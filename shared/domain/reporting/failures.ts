/** Failures of a fill: summed by reason, kept in few numbers, and what to do about each. */
import type { FailedFiles, FillCount, FillFailure, FillFailureReason, FillPlan, FillReport } from '../fill.ts';
import { filesIn, runsOf } from './held-files.ts';

export type FailureTotals = Readonly<Partial<Record<FillFailureReason, FillCount>>>;

export function failureTotals(failures: readonly Pick<FillFailure, 'reason' | 'sizeBytes'>[]): FailureTotals {
  const totals: Partial<Record<FillFailureReason, FillCount>> = {};
  for (const { reason, sizeBytes } of failures) {
    const { files, bytes } = totals[reason] ?? { files: 0, bytes: 0 };
    totals[reason] = { files: files + 1, bytes: bytes + sizeBytes };
  }
  return totals;
}

export function failedRuns(plan: FillPlan, failures: readonly FillFailure[]): FailedFiles[] {
  const parts = new Map(plan.appliances.map((part) => [part.applianceId, part]));
  const groups = Map.groupBy(failures, ({ applianceId, reason }) => `${applianceId}\n${reason}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    const part = first && parts.get(first.applianceId);
    if (!first || !part) return [];
    const runs = runsOf(part, new Set(group.map(({ key }) => key)));
    return [{ applianceId: first.applianceId, reason: first.reason, runs }];
  });
}

/** The totals again. */
export const totalsOfRuns = (plan: FillPlan, failed: readonly FailedFiles[]): FailureTotals =>
  failureTotals(
    failed.flatMap(({ applianceId, reason, runs }) => {
      const part = plan.appliances.find((one) => one.applianceId === applianceId);
      return part ? filesIn(part, runs).map(({ sizeBytes }) => ({ reason, sizeBytes })) : [];
    }),
  );

/** What somebody who reads the report in the morning can do. */
export const fillFailureMends: Readonly<Record<FillFailureReason, string>> = {
  'appliance-unreachable':
    'The appliance did not answer: see that it runs and that its internal address can be reached from the fill worker (nightfill appliances, nightfill doctor), then start a fill by hand.',
  'appliance-slow':
    'The appliance took bytes so slowly that others were served first: look for a busy disk or a thin line there (nightfill appliances shows its load), or give it fewer viewers by a smaller weight.',
  'appliance-full':
    'The disk had no room for it: raise the capacity (nightfill appliances set --capacity), or free the disk it lies on; the next plan takes the capacity as it is then.',
  'appliance-refused':
    'The appliance took none of it; its detail says why. If it is draining or disabled on purpose nothing is to be done, otherwise set it active (nightfill appliances set --mode active).',
  'digest-mismatch':
    'The bytes that arrived were not those published, twice: look for a damaged object in the store or a faulty link, and upload the title again if the store is at fault.',
  'source-missing':
    'The object store has no such object: upload or transcode the title again (nightfill assets shows it).',
  'source-unreachable':
    'The object store did not answer: see that it runs and that the fill worker’s credentials for it hold (nightfill doctor).',
  'window-ended':
    'The window was over before its turn came: widen the window or raise the rate of the region (nightfill regions set). The next night goes on with what is worth most.',
  'night-budget-spent':
    'The night’s bytes were used up: raise them (nightfill regions set --night-bytes) if this happens often. The next night goes on with what is worth most.',
  'asset-deleted': 'The title was deleted after the plan was made: nothing is to be done.',
  cancelled:
    'An operator cancelled the fill: start another (nightfill fill --region … --now) if that was not meant for long.',
};

export interface FillAction extends FillCount {
  readonly reason: FillFailureReason;
  readonly appliances: readonly string[];
  readonly mend: string;
}

/** What to do, the most bytes first. Older reports tell the bytes of listed failures only. */
export function actionsOf(report: FillReport): FillAction[] {
  const listed = failureTotals(report.failures);
  const reasons = [...new Set([...Object.keys(report.failureTotals ?? listed), ...Object.keys(report.failureCounts)])];
  return (reasons as FillFailureReason[])
    .map((reason) => {
      const { files, bytes } = (report.failureTotals ?? listed)[reason] ?? { files: 0, bytes: 0 };
      const unlisted = report.failureTotals ? 0 : (report.failureCounts[reason] ?? 0);
      const where = [
        ...(report.failedFiles ?? []).filter((one) => one.reason === reason),
        ...report.failures.filter((one) => one.reason === reason),
      ];
      return {
        reason,
        files: files + unlisted,
        bytes,
        appliances: [...new Set(where.map(({ applianceId }) => applianceId))].sort(),
        mend: fillFailureMends[reason],
      };
    })
    .sort((a, b) => b.bytes - a.bytes || (a.reason < b.reason ? -1 : 1));
}
