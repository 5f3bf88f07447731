/**
 * Demand history in the shape the model walks over: one axis of observed days, one sparse series for each asset.
 *
 * A day on which the region reported nothing is missing: it is not on the axis, and says nothing about anybody. A day
 * with demand in the region but none for an asset is a zero for that asset, from the day the asset was first seen.
 */
import type { DailyDemand } from '../demand.ts';
import { dayNumber } from '../time/local-time.ts';
import { makeCapper } from './winsorise.ts';

/** The observed days, oldest first. */
export interface Axis {
  readonly dates: readonly string[];
  /** Days since 1970-01-01, so that gaps are known. */
  readonly dayNumbers: readonly number[];
  /** 0 … 6, Thursday first: the weekday of 1970-01-01. */
  readonly weekdays: readonly number[];
  /** Bytes of the whole region, of each asset as much as is believed. */
  readonly totals: readonly number[];
}

export interface Observation {
  /** Place on the axis. */
  readonly day: number;
  readonly bytes: number;
  readonly views: number;
  /** `bytes` as far as they are believed (`winsorise.ts`); what models learn from. */
  readonly believed: number;
}

export interface Series {
  readonly assetId: string;
  /** Oldest first, one for each day with demand; never empty. */
  readonly observations: readonly Observation[];
}

export interface History {
  readonly axis: Axis;
  /** By asset id. */
  readonly series: readonly Series[];
}

export const weekdayOf = (day: number): number => ((day % 7) + 7) % 7;

/**
 * Rows of one asset and date are summed; rows of `before` and later are left out, so that no forecast sees its own day.
 *
 * @throws RangeError for a negative or non-finite number and for what is no date, naming the row.
 */
export function readHistory(rows: readonly DailyDemand[], before: string): History {
  const limit = dayNumber(before);
  const totals = new Map<number, number>();
  const byAsset = new Map<string, Map<number, { bytes: number; views: number }>>();
  const known = new Map<string, number>();
  for (const row of rows) {
    check(row);
    const day = known.get(row.date) ?? dayNumber(row.date);
    known.set(row.date, day);
    if (day >= limit) continue;
    totals.set(day, (totals.get(day) ?? 0) + row.bytes);
    if (row.bytes === 0 && row.views === 0) continue;
    const days = byAsset.get(row.assetId) ?? new Map();
    byAsset.set(row.assetId, days);
    const cell = days.get(day) ?? { bytes: 0, views: 0 };
    days.set(day, { bytes: cell.bytes + row.bytes, views: cell.views + row.views });
  }
  const dayNumbers = [...totals.keys()].sort((a, b) => a - b);
  const place = new Map(dayNumbers.map((day, index) => [day, index]));
  const dateOf = new Map([...known].map(([date, day]) => [day, date]));
  const series = [...byAsset]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([assetId, days]) => ({ assetId, observations: believe(days, place) }));
  const believedTotals = new Array<number>(dayNumbers.length).fill(0);
  for (const { observations } of series) {
    for (const { day, believed } of observations) believedTotals[day] = (believedTotals[day] ?? 0) + believed;
  }
  return {
    axis: {
      dayNumbers,
      dates: dayNumbers.map((day) => dateOf.get(day) ?? ''),
      weekdays: dayNumbers.map(weekdayOf),
      totals: believedTotals,
    },
    series,
  };
}

function believe(
  days: ReadonlyMap<number, { readonly bytes: number; readonly views: number }>,
  place: ReadonlyMap<number, number>,
): Observation[] {
  const capper = makeCapper();
  let last = -1;
  return [...days]
    .map(([day, cell]) => ({ day: place.get(day) ?? 0, ...cell }))
    .sort((a, b) => a.day - b.day)
    .map((observation) => {
      if (last >= 0 && observation.day > last + 1) capper.cap(0);
      last = observation.day;
      return { ...observation, believed: capper.cap(observation.bytes) };
    });
}

function check({ assetId, date, bytes, views }: DailyDemand): void {
  if (!Number.isFinite(bytes) || bytes < 0) throw new RangeError(`demand of ${assetId} on ${date}: ${bytes} bytes`);
  if (!Number.isFinite(views) || views < 0) throw new RangeError(`demand of ${assetId} on ${date}: ${views} views`);
}
