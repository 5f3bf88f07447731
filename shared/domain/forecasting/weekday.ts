/**
 * How busy the region is on each weekday, as a factor around 1.
 *
 * The factor is the region's, not the asset's: one asset's few weeks say little. With few weeks it is shrunk towards 1,
 * as if `shrinkageWeeks` more had been seen without any difference between the days. Each day is set against the week around
 * it, so that demand that rises or falls over the weeks is no weekday's; of a weekday the median counts, so that no holiday is.
 */
import { mean, median } from 'simple-statistics';
import type { Axis } from './history.ts';

const shrinkageWeeks = 2;

/** Days on either side of one that, with it, make a week. */
const halfWeek = 3;

/** Factors by weekday (index as in `Axis.weekdays`) from the days before `until`. Their mean is 1. */
export function weekdayFactors(axis: Axis, until = axis.totals.length): number[] {
  const totals = axis.totals.slice(0, until);
  if (!totals.some((total) => total > 0)) return new Array<number>(7).fill(1);
  const ratios = totals.map((total, place) => {
    const from = Math.max(0, Math.min(place - halfWeek, until - 2 * halfWeek - 1));
    const level = mean(totals.slice(from, from + 2 * halfWeek + 1));
    return level > 0 ? total / level : 1;
  });
  const factors = Array.from({ length: 7 }, (_, weekday) => {
    const places = totals.flatMap((_, place) => (axis.weekdays[place] === weekday ? [place] : []));
    if (places.length === 0) return 1;
    const ratio = median(places.map((place) => ratios[place] ?? 1));
    return (places.length * ratio + shrinkageWeeks) / (places.length + shrinkageWeeks);
  });
  const middle = mean(factors);
  return factors.map((factor) => factor / middle);
}
