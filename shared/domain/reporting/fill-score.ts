/** How good plan and forecast were, from what was watched on the day they were made for. */
import { type DailyDemand, isHit, type Outcome, outcomes } from '../demand.ts';
import type { FillReport, FillScore, Forecast } from '../fill.ts';

export interface ScoreInput {
  readonly scoredAt: string;
  readonly report: FillReport;
  /** Null when it is lost; the day's error then stays unknown. */
  readonly forecast: Forecast | null;
  /** Of the region; rows of other dates are left out. */
  readonly demand: readonly DailyDemand[];
  /** Bytes by outcome; those of answers without media count for nothing. */
  readonly served: readonly { readonly outcome: string; readonly bytes: number }[];
}

export function scoreFill({ scoredAt, report, forecast, demand, served }: ScoreInput): FillScore {
  const actual = new Map<string, number>();
  for (const { assetId, date, bytes } of demand) {
    if (date === report.date) actual.set(assetId, (actual.get(assetId) ?? 0) + bytes);
  }
  const actualBytes = sum([...actual.values()]);
  const expected = new Map(forecast?.assets.map(({ assetId, expectedBytes }) => [assetId, expectedBytes]));
  const error = sum(
    [...new Set([...actual.keys(), ...expected.keys()])].map((id) =>
      Math.abs((expected.get(id) ?? 0) - (actual.get(id) ?? 0)),
    ),
  );
  const servedBytes = sum(served.map(({ bytes }) => bytes));
  const hitBytes = sum(served.filter(({ outcome }) => isOutcome(outcome) && isHit(outcome)).map(({ bytes }) => bytes));
  const wasted = Object.entries(report.pushedByAsset ?? {}).filter(([assetId]) => !actual.get(assetId));
  return {
    scoredAt,
    servedBytes,
    hitBytes,
    byteHitRatio: servedBytes > 0 ? hitBytes / servedBytes : 0,
    forecastBytes: forecast?.expectedBytes ?? 0,
    actualBytes,
    wape: forecast && actualBytes > 0 ? error / actualBytes : null,
    wastedBytes: sum(wasted.map(([, bytes]) => bytes)),
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const isOutcome = (text: string): text is Outcome => outcomes.some((outcome) => outcome === text);
