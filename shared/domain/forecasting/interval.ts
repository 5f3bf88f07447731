/**
 * The interval in which a day's demand lies four times in five, made from the model's own past errors.
 *
 * An asset's scale is its mean absolute error, helped by what the region's assets show in common while it is young. How
 * many scales wide the interval is comes from the pooled past: the factor that would have held 80% of days (split
 * conformal prediction: Lei et al., "Distribution-free predictive inference for regression", JASA 113, 2018).
 */
import { quantile } from 'simple-statistics';
import type { History } from './history.ts';
import { type Level, walkSeries } from './level.ts';

const aim = 0.8;
/** An asset's own errors outweigh the pooled ones after so many days. */
const pooledWeight = 3;
const fewestErrors = 20;
/** Without a past: a Laplace-like error as large as the forecast itself; 80% of it lie within 1.6 mean errors. */
const unknown: Calibration = { relativeError: 1, widthInScales: 1.6 };

export interface Calibration {
  /** Mean absolute error as a share of the forecast, over all assets. */
  readonly relativeError: number;
  readonly widthInScales: number;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

const scaleOf = (forecast: number, level: Level, relativeError: number): number =>
  (level.errorWeight * level.absoluteError + pooledWeight * relativeError * forecast) /
  (level.errorWeight + pooledWeight);

/** Learns from the days before `until`. */
export function calibrate({ axis, series }: History, factors: readonly number[], until: number): Calibration {
  let errors = 0;
  let forecasts = 0;
  let count = 0;
  for (const one of series) {
    walkSeries(one, axis, factors, until, ({ actual, forecast }) => {
      if (forecast === null) return;
      errors += Math.abs(actual - forecast);
      forecasts += forecast;
      count += 1;
    });
  }
  if (count < fewestErrors || forecasts === 0) return unknown;
  const relativeError = errors / forecasts;
  const ratios: number[] = [];
  for (const one of series) {
    walkSeries(one, axis, factors, until, ({ actual, forecast, level }) => {
      if (forecast === null) return;
      const scale = scaleOf(forecast, level, relativeError);
      if (scale > 0) ratios.push(Math.abs(actual - forecast) / scale);
    });
  }
  return { relativeError, widthInScales: ratios.length < fewestErrors ? unknown.widthInScales : quantile(ratios, aim) };
}

/** Never below zero, and never without the forecast in it. */
export function intervalOf(forecast: number, level: Level, calibration: Calibration): Interval {
  const width = calibration.widthInScales * scaleOf(forecast, level, calibration.relativeError);
  return { low: Math.max(0, forecast - width), high: forecast + width };
}
