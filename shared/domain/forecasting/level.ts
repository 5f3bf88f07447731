/**
 * The level of one asset: the recency-weighted mean of its daily demand with the weekday taken out.
 *
 * The walk goes through the observed days once, oldest first, and at each day tells what it would have forecast the
 * evening before. So the same pass gives the level, the errors the interval is made from, and the back-test.
 */
import type { Axis, Series } from './history.ts';

/** What was watched a week ago counts half. */
export const halfLifeDays = 7;

export interface Level {
  /** Per day, weekday taken out. */
  readonly bytes: number;
  readonly views: number;
  /** Recency-weighted mean of absolute errors of the forecasts made a day ahead, and how many days it stands on. */
  readonly absoluteError: number;
  readonly errorWeight: number;
}

export interface Step {
  /** Place on the axis. */
  readonly day: number;
  readonly actual: number;
  /** What was forecast for the day from the days before it; null on the day the asset is first seen. */
  readonly forecast: number | null;
  /** Bytes on the observed day before. */
  readonly previous: number;
  /** The state before the day. */
  readonly level: Level;
}

const nothing: Level = { bytes: 0, views: 0, absoluteError: 0, errorWeight: 0 };

/** Walks from the asset's first day to the day before `until`; returns the level after the last day. */
export function walkSeries(
  { observations }: Series,
  axis: Axis,
  factors: readonly number[],
  until: number,
  visit?: (step: Step) => void,
): Level {
  let bytes = 0;
  let views = 0;
  let weight = 0;
  let error = 0;
  let errorWeight = 0;
  let next = 0;
  let previous = 0;
  const state = (): Level => ({
    bytes: bytes / weight,
    views: views / weight,
    absoluteError: errorWeight > 0 ? error / errorWeight : 0,
    errorWeight,
  });
  const first = observations[0]?.day ?? until;
  for (let day = first; day < until; day += 1) {
    const observation = observations[next]?.day === day ? observations[next] : undefined;
    if (observation) next += 1;
    const actual = observation?.bytes ?? 0;
    const factor = factors[axis.weekdays[day] ?? 0] ?? 1;
    const forecast = weight > 0 ? (bytes / weight) * factor : null;
    visit?.({ day, actual, forecast, previous, level: weight > 0 ? state() : nothing });

    const gapDays = (axis.dayNumbers[day] ?? 0) - (axis.dayNumbers[day - 1] ?? axis.dayNumbers[day] ?? 0);
    const decay = 0.5 ** (gapDays / halfLifeDays);
    bytes = bytes * decay + actual / factor;
    views = views * decay + (observation?.views ?? 0) / factor;
    weight = weight * decay + 1;
    if (forecast !== null) {
      error = error * decay + Math.abs(actual - forecast);
      errorWeight = errorWeight * decay + 1;
    }
    previous = actual;
  }
  return weight > 0 ? state() : nothing;
}
