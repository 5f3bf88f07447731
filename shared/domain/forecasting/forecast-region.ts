/**
 * Forecast of one region's day: for each asset its recency-weighted level times the region's weekday factor, with an
 * 80% interval and the score of a back-test. Pure; time and memory grow with the number of assets times the observed days.
 */
import type { DailyDemand } from '../demand.ts';
import type { AssetForecast, Forecast } from '../fill.ts';
import { dayNumber } from '../time/local-time.ts';
import { backtest } from './backtest.ts';
import { readHistory, weekdayOf } from './history.ts';
import { calibrate, intervalOf } from './interval.ts';
import { halfLifeDays, walkSeries } from './level.ts';
import { weekdayFactors } from './weekday.ts';

/** Changes whenever the same history would give other numbers. */
export const modelName = `weighted-mean-weekday/1 (half-life ${halfLifeDays} d)`;

export interface ForecastInput {
  readonly regionId: string;
  /** The day to forecast, on the region's calendar. */
  readonly date: string;
  /** In any order, on the region's calendar. Rows of `date` and later are left out. */
  readonly history: readonly DailyDemand[];
  /** ISO 8601, UTC. */
  readonly madeAt: string;
}

/** @throws RangeError for a history with negative or non-finite numbers. */
export function forecastRegion({ regionId, date, history: rows, madeAt }: ForecastInput): Forecast {
  const history = readHistory(rows, date);
  const { axis, series } = history;
  const days = axis.dates.length;
  const factors = weekdayFactors(axis);
  const calibration = calibrate(history, factors, days);
  const factor = factors[weekdayOf(dayNumber(date))] ?? 1;
  const assets = series
    .map((one): AssetForecast => {
      const level = walkSeries(one, axis, factors, days);
      const expected = level.bytes * factor;
      const { low, high } = intervalOf(expected, level, calibration);
      return {
        assetId: one.assetId,
        expectedViews: Math.round(level.views * factor * 1_000) / 1_000,
        expectedBytes: Math.round(expected),
        lowBytes: Math.round(low),
        highBytes: Math.round(high),
        observedDays: one.observations.length,
      };
    })
    // What has faded to less than one byte a day is no demand any more.
    .filter(({ expectedBytes, expectedViews }) => expectedBytes > 0 || expectedViews > 0)
    .sort((a, b) => b.expectedBytes - a.expectedBytes || (a.assetId < b.assetId ? -1 : 1));
  return {
    schema: 1,
    regionId,
    date,
    model: modelName,
    madeAt,
    historyUntil: axis.dates.at(-1) ?? null,
    historyDays: days,
    expectedViews: Math.round(assets.reduce((sum, { expectedViews }) => sum + expectedViews, 0) * 1_000) / 1_000,
    expectedBytes: assets.reduce((sum, { expectedBytes }) => sum + expectedBytes, 0),
    score: backtest(history),
    assets,
  };
}
