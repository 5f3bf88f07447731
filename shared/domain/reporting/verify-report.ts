/**
 * Computes every number of a report again from stored documents, by the functions that wrote it. A number for which a
 * document is missing, or of which only the result was kept, is named with the reason; nothing is passed over.
 */
import type {
  ApplianceFillReport,
  Fill,
  FillCount,
  FillFailureReason,
  FillPlan,
  FillReport,
  FillScore,
  LentFile,
} from '../fill.ts';
import { fillSources } from '../fill.ts';
import { chain } from '../planning/lines.ts';
import { ratesOf } from '../rate-curve.ts';
import { totalsOfRuns } from './failures.ts';
import { addCounts, applianceCoverage, countFiles, forecastCoverage, noCount, totalsOf } from './fill-report.ts';
import { heldKeys } from './held-files.ts';
import { leavesOf } from './leaves.ts';

export const verdicts = ['equal', 'different', 'not-recomputable'] as const;
export type Verdict = (typeof verdicts)[number];
type Value = number | string | null;
type Either = (field: string, reported: Value, recomputed: Value | undefined, reason: string) => void;

export interface NumberCheck {
  /** Where it stands in the report, with dots; lists by their id. */
  readonly field: string;
  readonly verdict: Verdict;
  readonly reported: Value;
  /** Null where it is not recomputable. */
  readonly recomputed: Value;
  /** Why it is not recomputable; null otherwise. */
  readonly reason: string | null;
}

export interface Verification {
  readonly regionId: string;
  readonly date: string;
  readonly run: number;
  readonly equal: number;
  readonly different: number;
  readonly notRecomputable: number;
  readonly checks: readonly NumberCheck[];
}

export interface StoredDocuments {
  readonly plan: FillPlan | null;
  readonly fill: Fill | null;
  /** Made anew from the stored forecast and demand; a string says why it cannot be. Null for a report without a score. */
  readonly score: FillScore | string | null;
}

const sampled = 'measured while bytes flowed; only the result is kept';
const noPlan = 'the frozen plan is gone';
const noFill = 'the fill’s document is gone';
const noResults = 'the fill’s document has no counts for each appliance';

export function verifyReport(report: FillReport, { plan, fill, score }: StoredDocuments): Verification {
  const checks: NumberCheck[] = [];
  const check = (field: string, reported: Value, recomputed: Value): void => {
    checks.push({
      field,
      verdict: same(reported, recomputed) ? 'equal' : 'different',
      reported,
      recomputed,
      reason: null,
    });
  };
  const cannot = (field: string, reported: Value, reason: string): void => {
    checks.push({ field, verdict: 'not-recomputable', reported, recomputed: null, reason });
  };
  const either: Either = (field, reported, recomputed, reason) =>
    recomputed === undefined ? cannot(field, reported, reason) : check(field, reported, recomputed);
  const count = (field: string, reported: FillCount, recomputed: FillCount | undefined, reason: string): void => {
    either(`${field}.files`, reported.files, recomputed?.files, reason);
    either(`${field}.bytes`, reported.bytes, recomputed?.bytes, reason);
  };

  either('state', report.state, fill?.state, noFill);
  either('startedAt', report.startedAt, fill?.startedAt ?? undefined, noFill);
  either('finishedAt', report.finishedAt, fill?.finishedAt ?? undefined, noFill);
  check('durationS', report.durationS, durationOf(report));

  const totals = fill?.appliances && totalsOf(fill.appliances);
  const kept = new Map(plan?.appliances.map(({ applianceId, keep }) => [applianceId, countFiles(keep)]));
  const fetched = new Map(plan?.appliances.map(({ applianceId, fetch }) => [applianceId, countFiles(fetch)]));
  count('planned', report.planned, plan ? [...fetched.values()].reduce(addCounts, noCount) : undefined, noPlan);
  count('kept', report.kept, plan ? [...kept.values()].reduce(addCounts, noCount) : undefined, noPlan);
  for (const name of ['pushed', 'skipped', 'failed'] as const) {
    count(name, report[name], totals?.[name], fill ? noResults : noFill);
  }
  for (const appliance of unitedById(report, plan)) {
    const { applianceId } = appliance;
    const at = (name: string): string => `appliances.${applianceId}.${name}`;
    const done = fill?.appliances?.find((one) => one.applianceId === applianceId);
    count(at('planned'), appliance.planned, plan ? (fetched.get(applianceId) ?? noCount) : undefined, noPlan);
    count(at('kept'), appliance.kept, plan ? (kept.get(applianceId) ?? noCount) : undefined, noPlan);
    for (const name of ['pushed', 'skipped', 'failed', 'evicted'] as const) {
      count(at(name), appliance[name], done?.[name], fill ? noResults : noFill);
    }
  }

  const unlisted = Object.values(report.failureCounts).reduce((sum, files) => sum + files, 0);
  check('failures', report.failures.length + unlisted, report.failed.files);
  verifyFailures(report, plan, either);
  verifyPushedByAsset(report, plan, either);
  const keys = plan && report.held ? heldKeys(plan, report.held) : undefined;
  const noHeld = plan ? 'what was held at the end was not kept then' : noPlan;
  either('forecastCoverage', report.forecastCoverage, plan && keys ? forecastCoverage(plan, keys) : undefined, noHeld);
  for (const { applianceId, forecastCoverage: part } of report.appliances) {
    if (part === undefined) continue;
    const again = plan && keys ? applianceCoverage(plan, applianceId, keys) : undefined;
    either(`appliances.${applianceId}.forecastCoverage`, part, again, noHeld);
  }
  if (report.sentBytes !== undefined) either('sentBytes', report.sentBytes, fill?.sentBytes, noFill);
  if (report.plannedCrossingBytes !== undefined)
    either('plannedCrossingBytes', report.plannedCrossingBytes, plan ? plannedAcross(plan) : undefined, noPlan);
  const rates = fill?.rateCurve && ratesOf(fill.rateCurve, durationOf(report));
  for (const name of ['meanRateBps', 'peakRateBps'] as const) either(name, report[name], rates?.[name], sampled);
  verifySources(report, fill, either);
  if (report.score) {
    const again = typeof score === 'string' ? undefined : (score ?? undefined);
    const why = typeof score === 'string' ? score : 'the demand of the day is gone';
    verifyScore(report.score, again, why, either);
  }

  const number = (verdict: Verdict): number => checks.filter((one) => one.verdict === verdict).length;
  return {
    regionId: report.regionId,
    date: report.date,
    run: report.run,
    equal: number('equal'),
    different: number('different'),
    notRecomputable: number('not-recomputable'),
    checks,
  };
}

/** When it was made, and the tariff of that day, are what it was computed with rather than from. */
const given = /^(scoredAt|savings\.tariff\b.*)$/;

/** Groups that an older score does not have are no mistake of it; within a group, each number has to be there. */
function verifyScore(score: FillScore, again: FillScore | undefined, why: string, either: Either): void {
  const reported = leavesOf(score);
  const recomputed = leavesOf(again ?? {});
  const groups = new Set(Object.keys(score));
  for (const field of new Set([...reported.keys(), ...recomputed.keys()])) {
    const [group = ''] = field.split('.');
    if (given.test(field) || !groups.has(group)) continue;
    const isGone = again !== undefined && !(group in again);
    const value = recomputed.get(field) ?? (again && !isGone ? null : undefined);
    either(`score.${field}`, reported.get(field) ?? null, value, isGone ? 'the logs of the day tell it no more' : why);
  }
}

function verifyFailures(
  { failureCounts, failureTotals, failedFiles, failures }: FillReport,
  plan: FillPlan | null,
  either: Either,
): void {
  const again = plan && failedFiles ? totalsOfRuns(plan, failedFiles) : undefined;
  const why = plan ? 'failures over the list’s cap were only counted then' : noPlan;
  const reasons = new Set([
    ...Object.keys(failureTotals ?? {}),
    ...Object.keys(again ?? {}),
    ...Object.keys(failureCounts),
  ]);
  for (const reason of reasons as Set<FillFailureReason>) {
    const total = failureTotals?.[reason] ?? noCount;
    const files = again && (again[reason]?.files ?? 0);
    if (failureTotals) {
      either(`failureTotals.${reason}.files`, total.files, files, why);
      either(`failureTotals.${reason}.bytes`, total.bytes, again && (again[reason]?.bytes ?? 0), why);
    }
    const unlisted = failureCounts[reason];
    const listed = failures.filter((failure) => failure.reason === reason).length;
    if (unlisted !== undefined)
      either(`failureCounts.${reason}`, unlisted, files === undefined ? undefined : files - listed, why);
  }
}

/** Each file once, and not what some appliance keeps or lends. */
function plannedAcross({ appliances }: FillPlan): number {
  const seen = new Set<string>();
  for (const { keep, lend = [] } of appliances) for (const { key } of chain<LentFile>(keep, lend)) seen.add(key);
  let bytes = 0;
  for (const { fetch } of appliances) {
    for (const { key, sizeBytes } of fetch) {
      if (!seen.has(key)) bytes += sizeBytes;
      seen.add(key);
    }
  }
  return bytes;
}

/** Sums may be taken in another order than they were. */
const same = (a: Value, b: Value): boolean =>
  a === b || (typeof a === 'number' && typeof b === 'number' && Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a)));

const durationOf = ({ startedAt, finishedAt }: FillReport): number =>
  Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt)) / 1_000;

function verifySources(report: FillReport, fill: Fill | null, either: Either): void {
  for (const { applianceId, sources } of report.appliances) {
    const done = fill?.appliances?.find((one) => one.applianceId === applianceId);
    for (const source of fillSources) {
      const reported = sources?.[source];
      if (!reported) continue;
      const again = done && (done.sources?.[source] ?? noCount);
      either(`appliances.${applianceId}.sources.${source}.files`, reported.files, again?.files, noFill);
      either(`appliances.${applianceId}.sources.${source}.bytes`, reported.bytes, again?.bytes, noFill);
    }
  }
}

/** An appliance of the plan that the report leaves out shows with nothing. */
function unitedById(report: FillReport, plan: FillPlan | null): ApplianceFillReport[] {
  const named = new Set(report.appliances.map(({ applianceId }) => applianceId));
  const none = {
    planned: noCount,
    pushed: noCount,
    skipped: noCount,
    failed: noCount,
    evicted: noCount,
    kept: noCount,
  };
  const missing = (plan?.appliances ?? []).filter(({ applianceId }) => !named.has(applianceId));
  return [...report.appliances, ...missing.map(({ applianceId }) => ({ applianceId, ...none }))];
}

/** What was fetched and neither held before nor failed was pushed; known exactly where nothing was held before. */
function verifyPushedByAsset(report: FillReport, plan: FillPlan | null, either: Either): void {
  const { pushedByAsset, held, heldBefore } = report;
  if (!pushedByAsset) return;
  const isExact = plan && held && (heldBefore || report.skipped.files === 0);
  const why = !plan
    ? noPlan
    : held
      ? 'which files were held before the first push is only counted'
      : 'what was held at the end was not kept then';
  const again: Record<string, number> = {};
  if (isExact) {
    const keys = heldKeys(plan, held);
    const before = heldKeys(plan, heldBefore ?? []);
    for (const { applianceId, fetch } of plan.appliances) {
      for (const { key, assetId, sizeBytes } of fetch) {
        if (keys.get(applianceId)?.has(key) && !before.get(applianceId)?.has(key))
          again[assetId] = (again[assetId] ?? 0) + sizeBytes;
      }
    }
  }
  for (const assetId of [...new Set([...Object.keys(pushedByAsset), ...Object.keys(again)])].sort()) {
    either(`pushedByAsset.${assetId}`, pushedByAsset[assetId] ?? 0, isExact ? (again[assetId] ?? 0) : undefined, why);
  }
}
