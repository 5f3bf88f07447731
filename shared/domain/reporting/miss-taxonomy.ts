/** Why bytes were missed: what the appliance knew of it, joined with what plan, forecast and report know. */
import type { AnswerTotal, ServiceRow } from '../demand.ts';
import type { FillFailureReason, FillPlan, FillReport, Forecast } from '../fill.ts';
import { chain } from '../planning/lines.ts';
import { type MissClass, type MissScore, missClasses } from '../score.ts';
import { isMiss } from './fill-use.ts';
import type { Placement } from './placement.ts';

/** Failures that are the appliance's, not the night's. */
const healthReasons: ReadonlySet<FillFailureReason> = new Set([
  'appliance-unreachable',
  'appliance-full',
  'appliance-slow',
  'appliance-refused',
]);
const failedOutcomes: ReadonlySet<string> = new Set(['upstream-failed', 'upstream-mismatch', 'overloaded']);

export interface MissInput {
  readonly plan: FillPlan | null;
  readonly forecast: Forecast | null;
  readonly report: Pick<FillReport, 'failures'>;
  readonly service: readonly ServiceRow[];
  readonly answers: readonly AnswerTotal[];
  readonly clairvoyant: Placement;
}

export function missScore({ plan, forecast, report, service, answers, clairvoyant }: MissInput): MissScore {
  const classify = makeClassifier(plan, forecast, report);
  const classes = Object.fromEntries(missClasses.map((name) => [name, 0])) as Record<MissClass, number>;
  let missedBytes = 0;
  let avoidableBytes = 0;
  for (const row of service) {
    if (!isMiss(row.cause)) continue;
    missedBytes += row.bytes;
    classes[classify(row)] += row.bytes;
    avoidableBytes += row.bytes * (clairvoyant.get(row.assetId) ?? 0);
  }
  const requests = (of: (outcome: string) => boolean): number =>
    answers.reduce((sum, answer) => sum + (of(answer.outcome) ? answer.requests : 0), 0);
  return {
    missedBytes,
    classes,
    avoidableBytes: Math.round(avoidableBytes),
    refusedRequests: requests((outcome) => outcome.startsWith('denied-')),
    failedRequests: requests((outcome) => failedOutcomes.has(outcome)),
  };
}

export function makeClassifier(
  plan: FillPlan | null,
  forecast: Forecast | null,
  { failures }: Pick<FillReport, 'failures'>,
): (row: ServiceRow) => MissClass {
  const expected = new Set(forecast?.assets.filter(({ expectedBytes }) => expectedBytes > 0).map((one) => one.assetId));
  const plannedOn = new Map<string, Set<string>>();
  for (const { applianceId, keep, fetch } of plan?.appliances ?? []) {
    for (const { assetId } of chain(keep, fetch)) {
      const places = plannedOn.get(assetId) ?? new Set();
      plannedOn.set(assetId, places.add(applianceId));
    }
  }
  const unwell = new Set(
    failures
      .filter(({ reason }) => healthReasons.has(reason))
      .map(({ applianceId, key }) => `${applianceId} ${key.slice(0, key.indexOf('/'))}`),
  );

  return ({ cause, applianceId, assetId }) => {
    if (cause === 'late') return unwell.has(`${applianceId} ${assetId}`) ? 'health' : 'planned-late';
    if (cause === 'evicted') return 'evicted';
    if (cause === 'purged' || cause === 'replaced') return 'purge';
    if (cause !== 'unseen') return 'other';
    const places = plannedOn.get(assetId);
    // The router sends viewers elsewhere only when the places of the plan are not fit.
    if (places && !places.has(applianceId)) return 'health';
    return places || expected.has(assetId) ? 'never-planned' : 'never-forecast';
  };
}
