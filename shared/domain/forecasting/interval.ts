/**
 * The interval in which a day's demand lies four times in five, made from a model's own past errors.
 *
 * An asset's scale is the mean absolute error that the model made on it, helped by the forecast itself while the asset is
 * young. How many scales wide the interval is comes from the past of all assets of the class: the factor that would have
 * held 80% of days (split conformal prediction: Lei et al., "Distribution-free predictive inference for regression", JASA
 * 113, 2018).
 */
import { decayOver } from './models/weighted-mean.ts';

export const aim = 0.8;
/** Without a past: 80% of Laplace-like errors lie within 1.6 mean errors. */
export const unknownWidth = 1.6;
/** An asset's own errors outweigh the first guess, an error as large as the forecast, after so many days. */
const guessWeight = 3;

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Recency-weighted absolute errors of forecasts made a day ahead. */
export interface ErrorMeter {
  add(error: number, gapDays: number): void;
  scaleFor(forecast: number): number;
}

export function makeErrorMeter(): ErrorMeter {
  let sum = 0;
  let weight = 0;
  return {
    add(error, gapDays) {
      const decay = decayOver(gapDays);
      sum = sum * decay + error;
      weight = weight * decay + 1;
    },
    scaleFor: (forecast) => (sum + guessWeight * forecast) / (weight + guessWeight),
  };
}

/** Never below zero, and never without the forecast in it. */
export function intervalOf(forecast: number, scale: number, width: number): Interval {
  const half = width * scale;
  return { low: Math.max(0, forecast - half), high: forecast + half };
}
