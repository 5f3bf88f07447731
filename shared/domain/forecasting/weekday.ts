/**
 * How busy the region is on each weekday, as a factor around 1.
 *
 * The factor is the region's, not the asset's: one asset's few weeks say little. With few weeks it is shrunk towards 1,
 * as if `shrinkageWeeks` more had been seen without any difference between the days.
 */
import { mean, weightedMean } from 'simple-statistics';
import type { Axis } from './history.ts';

/** A month-old week counts half: habits change more slowly than what is watched. */
const halfLifeDays = 28;
const shrinkageWeeks = 2;

/** Factors by weekday (index as in `Axis.weekdays`) from the days before `until`. Their mean is 1. */
export function weekdayFactors(axis: Axis, until = axis.totals.length): number[] {
  const totals = axis.totals.slice(0, until);
  const last = axis.dayNumbers[until - 1];
  if (last === undefined) return new Array<number>(7).fill(1);
  const weights = axis.dayNumbers.slice(0, until).map((day) => 0.5 ** ((last - day) / halfLifeDays));
  const level = weightedMean(totals, weights);
  if (!(level > 0)) return new Array<number>(7).fill(1);
  const factors = Array.from({ length: 7 }, (_, weekday) => {
    const places = totals.flatMap((_, place) => (axis.weekdays[place] === weekday ? [place] : []));
    if (places.length === 0) return 1;
    const ratio = weightedMean(
      places.map((place) => (totals[place] ?? 0) / level),
      places.map((place) => weights[place] ?? 0),
    );
    return (places.length * ratio + shrinkageWeeks) / (places.length + shrinkageWeeks);
  });
  const middle = mean(factors);
  return factors.map((factor) => factor / middle);
}
