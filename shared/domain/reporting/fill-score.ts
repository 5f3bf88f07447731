/** How good plan, fill and forecast were, from what was watched on the day they were made for. Pure. */
import { isHit, type Outcome, outcomes } from '../demand.ts';
import type { FillPlan, FillReport, FillScore, Forecast } from '../fill.ts';
import type { Tariff } from '../fleet.ts';
import type { AnswerSum } from '../score.ts';
import { addDays } from '../time/local-time.ts';
import { accuracyByClass, calibrationOf, classesBefore } from './accuracy.ts';
import { bytesOn, type DayInputs, ratio, sum } from './day-inputs.ts';
import { fillUse } from './fill-use.ts';
import { missScore } from './miss-taxonomy.ts';
import { type Placement, regretOf } from './placement.ts';
import { savingsOf } from './savings.ts';

export interface ScoreInput {
  readonly scoredAt: string;
  readonly report: FillReport;
  /** Null when it is lost: what needs it stays out. */
  readonly plan: FillPlan | null;
  /** What the plan was made from; null when it is lost. */
  readonly forecast: Forecast | null;
  readonly inputs: DayInputs;
  readonly tariff: Tariff | null;
}

export function scoreFill({ scoredAt, report, plan, forecast, inputs, tariff }: ScoreInput): FillScore {
  const { demand, served, service } = inputs;
  const actual = bytesOn(demand, report.date);
  const actualBytes = sum(actual.values());
  const forecasts = forecast?.assets ?? [];
  const accuracy = accuracyByClass(forecasts, actual, classesBefore(demand, report.date));
  const error = sum(accuracy.map(({ absoluteErrorBytes }) => absoluteErrorBytes));
  const forecastBytes = forecast?.expectedBytes ?? 0;
  const servedBytes = sum(served.map(({ bytes }) => bytes));
  const hitBytes = sum(served.filter(({ outcome }) => isOutcome(outcome) && isHit(outcome)).map(({ bytes }) => bytes));
  const unwatched = Object.entries(report.pushedByAsset ?? {}).filter(([assetId]) => !actual.get(assetId));
  const regret =
    plan && report.held
      ? regretOf({
          plan,
          held: report.held,
          forecast,
          actual,
          yesterday: bytesOn(demand, addDays(report.date, -1)),
          mean7: meanBefore(inputs, report.date, 7),
        })
      : null;
  const used = sum(
    [...inputs.pushedBytes].map(([assetId, bytes]) => Math.min(bytes, inputs.usedBytes.get(assetId) ?? 0)),
  );
  const clairvoyant: Placement = regret?.clairvoyant ?? new Map();
  return {
    scoredAt,
    servedBytes,
    hitBytes,
    byteHitRatio: ratio(hitBytes, servedBytes) ?? 0,
    forecastBytes,
    actualBytes,
    wape: forecast ? ratio(error, actualBytes) : null,
    bias: forecast && actualBytes > 0 ? (forecastBytes - actualBytes) / actualBytes : null,
    wastedBytes: sum(unwatched.map(([, bytes]) => bytes)),
    ...(service.length > 0
      ? {
          use: fillUse(report, inputs),
          misses: missScore({ plan, forecast, report, service, answers: inputs.answers, clairvoyant }),
        }
      : {}),
    ...(inputs.answers.length > 0 ? { answers: answerSums(inputs) } : {}),
    ...(regret ? { regret: regret.score } : {}),
    ...(forecast ? { accuracy, calibration: calibrationOf(forecasts, actual) } : {}),
    savings: tariff
      ? savingsOf({
          tariff,
          served,
          answers: inputs.answers,
          filledBytes: inputs.filledBytes,
          usedBytes: service.length > 0 ? used : null,
        })
      : null,
  };
}

/** A day's mean over so many days before the date; days without demand count as such. */
function meanBefore({ demand }: DayInputs, date: string, days: number): Map<string, number> {
  const sums = new Map<string, number>();
  const from = addDays(date, -days);
  for (const row of demand) {
    if (row.date >= from && row.date < date) sums.set(row.assetId, (sums.get(row.assetId) ?? 0) + row.bytes / days);
  }
  return sums;
}

function answerSums({ answers }: DayInputs): AnswerSum[] {
  return [...Map.groupBy(answers, ({ outcome }) => outcome)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([outcome, rows]) => ({
      outcome,
      requests: sum(rows.map(({ requests }) => requests)),
      bytes: sum(rows.map(({ bytes }) => bytes)),
    }));
}

const isOutcome = (text: string): text is Outcome => outcomes.some((outcome) => outcome === text);
