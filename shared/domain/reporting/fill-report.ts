/**
 * The fill report: what a run did, from its frozen plan and what happened to each file. Pure, so that every number can
 * be computed again from stored documents.
 */
import type {
  ApplianceFillResult,
  FillCount,
  FillFailure,
  FillFailureReason,
  FillPlan,
  FillReport,
  FillState,
  HeldFiles,
  PlannedFile,
} from '../fill.ts';
import { chain, type Lines } from '../planning/lines.ts';
import { coverageShare } from '../planning/plan-fill.ts';
import { type RatePoint, ratesOf } from '../rate-curve.ts';
import { failedRuns, failureTotals } from './failures.ts';
import { heldRuns } from './held-files.ts';

/** Failures that a report lists one by one; the rest is counted by reason. */
export const listedFailures = 500;

export const noCount: FillCount = { files: 0, bytes: 0 };

export const addCounts = (a: FillCount, b: FillCount): FillCount => ({
  files: a.files + b.files,
  bytes: a.bytes + b.bytes,
});

export function countFiles(files: Lines<{ readonly sizeBytes: number }>): FillCount {
  let bytes = 0;
  for (const { sizeBytes } of files) bytes += sizeBytes;
  return { files: files.length, bytes };
}

/** What an appliance held already, whether the plan knew it or found it out file by file. */
export const heldBefore = ({ kept, skipped }: { readonly kept: FillCount; readonly skipped: FillCount }): FillCount =>
  addCounts(kept, skipped);

export type FillTotals = Pick<FillReport, 'planned' | 'pushed' | 'skipped' | 'failed'>;

export const totalsOf = (appliances: readonly ApplianceFillResult[]): FillTotals => {
  const sum = (pick: (result: ApplianceFillResult) => FillCount): FillCount =>
    appliances.reduce((total, result) => addCounts(total, pick(result)), noCount);
  return {
    planned: sum(({ planned }) => planned),
    pushed: sum(({ pushed }) => pushed),
    skipped: sum(({ skipped }) => skipped),
    failed: sum(({ failed }) => failed),
  };
};

export interface FillOutcome {
  readonly state: FillState;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly appliances: readonly ApplianceFillResult[];
  readonly failures: readonly FillFailure[];
  /** Planned keys that each appliance holds wholly now. */
  readonly held: ReadonlyMap<string, ReadonlySet<string>>;
  readonly pushedByAsset: Readonly<Record<string, number>>;
  readonly meanRateBps: number;
  readonly peakRateBps: number;
  /** Where it was recorded, the rates are computed from it, so that they can be computed again. */
  readonly rateCurve?: readonly RatePoint[];
  readonly sentBytes?: number;
  readonly heldBefore?: readonly HeldFiles[];
}

export function buildFillReport(plan: FillPlan, outcome: FillOutcome): FillReport {
  const durationS = Math.max(0, Date.parse(outcome.finishedAt) - Date.parse(outcome.startedAt)) / 1_000;
  const { listed, counts } = capFailures(outcome.failures);
  const keptBy = new Map(plan.appliances.map(({ applianceId, keep }) => [applianceId, countFiles(keep)]));
  return {
    schema: 1,
    fillId: plan.id,
    regionId: plan.regionId,
    date: plan.date,
    run: plan.run,
    state: outcome.state,
    startedAt: outcome.startedAt,
    finishedAt: outcome.finishedAt,
    durationS,
    ...totalsOf(outcome.appliances),
    kept: [...keptBy.values()].reduce(addCounts, noCount),
    meanRateBps: Math.round(outcome.meanRateBps),
    peakRateBps: Math.round(outcome.peakRateBps),
    ...(outcome.rateCurve && outcome.rateCurve.length > 0
      ? { rateCurve: outcome.rateCurve, ...ratesOf(outcome.rateCurve, durationS) }
      : {}),
    ...(outcome.sentBytes === undefined ? {} : { sentBytes: outcome.sentBytes }),
    ...(plan.crossingBytes === undefined ? {} : { plannedCrossingBytes: plan.crossingBytes }),
    forecastCoverage: forecastCoverage(plan, outcome.held),
    appliances: outcome.appliances.map((result) => ({
      ...result,
      kept: keptBy.get(result.applianceId) ?? noCount,
      forecastCoverage: applianceCoverage(plan, result.applianceId, outcome.held),
    })),
    failures: listed,
    failureCounts: counts,
    failureTotals: failureTotals(outcome.failures),
    failedFiles: failedRuns(plan, outcome.failures),
    pushedByAsset: outcome.pushedByAsset,
    ...(outcome.heldBefore ? { heldBefore: outcome.heldBefore } : {}),
    held: heldRuns(plan, outcome.held),
    score: null,
  };
}

/** Share of the day's expected bytes that can be served where the plan wanted them. */
export function forecastCoverage(plan: FillPlan, held: ReadonlyMap<string, ReadonlySet<string>>): number {
  const covered = plan.appliances.reduce(
    (sum, { applianceId, keep, fetch }) => sum + expectedOf(chain(keep, fetch), held.get(applianceId)),
    0,
  );
  return coverageShare(covered, plan.expectedBytes);
}

/** The part of it that one appliance can serve; the parts add up to the whole. */
export function applianceCoverage(
  plan: FillPlan,
  applianceId: string,
  held: ReadonlyMap<string, ReadonlySet<string>>,
): number {
  const part = plan.appliances.find((one) => one.applianceId === applianceId);
  const covered = part ? expectedOf(chain(part.keep, part.fetch), held.get(applianceId)) : 0;
  return coverageShare(covered, plan.expectedBytes);
}

function expectedOf(files: Iterable<PlannedFile>, held: ReadonlySet<string> | undefined): number {
  let sum = 0;
  for (const file of files) if (held?.has(file.key)) sum += file.expectedBytes;
  return sum;
}

/** The first failure of each reason is always listed. */
function capFailures(failures: readonly FillFailure[]): {
  readonly listed: readonly FillFailure[];
  readonly counts: Readonly<Partial<Record<FillFailureReason, number>>>;
} {
  const seen = new Set<FillFailureReason>();
  const firsts = failures.filter(({ reason }) => !seen.has(reason) && seen.add(reason));
  const rest = failures.filter((failure) => !firsts.includes(failure));
  const listed = [...firsts, ...rest.slice(0, Math.max(0, listedFailures - firsts.length))];
  const counts: Partial<Record<FillFailureReason, number>> = {};
  for (const { reason } of rest.slice(Math.max(0, listedFailures - firsts.length))) {
    counts[reason] = (counts[reason] ?? 0) + 1;
  }
  return { listed, counts };
}
