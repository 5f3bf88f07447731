/**
 * How demand of a title goes with its age, learned from titles whose first day was seen.
 *
 * The development from each age to the next is the ratio of sums over all titles that lived through both (the chain
 * ladder of insurers: Mack, ASTIN Bulletin 23, 1993), so titles that are still young help with their early days. A ratio
 * that few titles stand behind is drawn towards that of all regions, and that towards 1: no change.
 */
import { firstDayOf, type History } from './history.ts';

/** Demand at an age in days, as a share of the first day's. */
export type AgeCurve = (ageDays: number) => number;

export const curveDays = 28;
/** Titles whose first day is this near to the log's first may have been there before. */
export const unseenBeforeDays = 7;
const priorTitles = 5;
/** From one day to the next a title grows or falls at most so much; what is seen once often falls to nearly nothing. */
const mostGrowth = 4;
const mostFall = 0.02;

interface Development {
  readonly from: number;
  readonly to: number;
  readonly titles: number;
}

export function learnAgeCurve(
  region: History,
  factors: readonly number[],
  until: number,
  elsewhere?: History,
): AgeCurve {
  const own = develop(region, factors, until);
  const lastDay = region.axis.dayNumbers[until - 1] ?? Number.POSITIVE_INFINITY;
  const theirUntil = elsewhere?.axis.dayNumbers.filter((day) => day <= lastDay).length ?? 0;
  const pooled = elsewhere ? develop(elsewhere, [], theirUntil) : [];
  const shares = [1];
  for (let age = 0; age + 1 < curveDays; age += 1) {
    const ratio = drawn(own[age], drawn(pooled[age], 1));
    shares.push((shares[age] ?? 1) * ratio);
  }
  return (ageDays) => shares[Math.min(Math.max(0, ageDays), curveDays - 1)] ?? 1;
}

function drawn(seen: Development | undefined, towards: number): number {
  if (!seen || seen.from <= 0) return towards;
  const ratio = Math.min(mostGrowth, Math.max(mostFall, seen.to / seen.from));
  return (seen.titles * ratio + priorTitles * towards) / (seen.titles + priorTitles);
}

function develop(history: History, factors: readonly number[], until: number): Development[] {
  const sums = Array.from({ length: curveDays }, () => ({ from: 0, to: 0, titles: 0 }));
  const { axis, size } = history;
  const begin = axis.dayNumbers[0] ?? 0;
  for (let place = 0; place < size; place += 1) {
    const one = history.series(place);
    const first = firstDayOf(one);
    const firstNumber = axis.dayNumbers[first] ?? 0;
    if (first >= until || firstNumber - begin < unseenBeforeDays) continue;
    let next = 0;
    let before = 0;
    for (let day = first; day < until; day += 1) {
      const isSeen = next < one.length && one.days[next] === day;
      const believed = isSeen ? (one.believed[next] ?? 0) : 0;
      if (isSeen) next += 1;
      const bytes = believed / (factors[axis.weekdays[day] ?? 0] ?? 1);
      const age = (axis.dayNumbers[day] ?? 0) - firstNumber;
      const sum = sums[age - 1];
      if (age >= curveDays) break;
      if (sum && axis.dayNumbers[day - 1] === firstNumber + age - 1) {
        sum.from += before;
        sum.to += bytes;
        sum.titles += 1;
      }
      before = bytes;
    }
  }
  return sums;
}
