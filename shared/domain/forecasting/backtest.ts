/**
 * Rolling-origin back-test: on each of the last days, what would have been forecast the evening before, against what came.
 *
 * Weekday factors and calibration come from the days before the test only; the level rolls on day by day as it does in
 * service. An asset first seen on a test day counts as a forecast of nothing: nobody could know it, and it was missed.
 */
import type { ForecastScore } from '../fill.ts';
import type { History } from './history.ts';
import { calibrate, intervalOf } from './interval.ts';
import { walkSeries } from './level.ts';
import { weekdayFactors } from './weekday.ts';

const mostTestDays = 14;
const fewestDays = 4;

/** Null when there are fewer than four observed days, or nothing was watched on the test days. */
export function backtest(history: History): ForecastScore | null {
  const { axis, series } = history;
  const days = axis.dates.length;
  if (days < fewestDays) return null;
  const testDays = Math.min(mostTestDays, Math.floor(days / 2));
  const from = days - testDays;
  const factors = weekdayFactors(axis, from);
  const calibration = calibrate(history, factors, from);

  let error = 0;
  let persistenceError = 0;
  let forecastSum = 0;
  let actualSum = 0;
  let inside = 0;
  let intervals = 0;
  for (const one of series) {
    walkSeries(one, axis, factors, days, ({ day, actual, forecast, previous, level }) => {
      if (day < from) return;
      error += Math.abs((forecast ?? 0) - actual);
      persistenceError += Math.abs(previous - actual);
      forecastSum += forecast ?? 0;
      actualSum += actual;
      if (forecast === null) return;
      const { low, high } = intervalOf(forecast, level, calibration);
      intervals += 1;
      if (low <= actual && actual <= high) inside += 1;
    });
  }
  if (actualSum === 0) return null;
  return {
    wape: round(error / actualSum),
    bias: round((forecastSum - actualSum) / actualSum),
    intervalCoverage: intervals > 0 ? round(inside / intervals) : 0,
    backtestDays: testDays,
    persistenceWape: round(persistenceError / actualSum),
  };
}

const round = (value: number): number => Math.round(value * 1e6) / 1e6;
