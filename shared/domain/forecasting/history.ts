/**
 * Demand history in the shape the model walks over: one axis of observed days, one sparse series for each asset.
 *
 * A day on which the region reported nothing, or less than half, is missing: it is not on the axis, and says nothing about anybody; one
 * of which some hours are missing is made whole (`missing-hours.ts`). A day
 * with demand in the region but none for an asset is a zero for that asset, from the day the asset was first seen.
 */
import { dateOfDayNumber, dayNumber } from '../time/local-time.ts';
import type { DemandTable } from './demand-table.ts';
import { leastReported } from './missing-hours.ts';
import { capFactor, levelCapFactor, makeCapper } from './winsorise.ts';
import { makeYoungCells } from './young-cells.ts';

/** The observed days, oldest first. */
export interface Axis {
  readonly dates: readonly string[];
  /** Days since 1970-01-01, so that gaps are known. */
  readonly dayNumbers: readonly number[];
  /** 0 … 6, Thursday first: the weekday of 1970-01-01. */
  readonly weekdays: readonly number[];
  /** Bytes of the whole region, of each asset as much as says something of the others. */
  readonly totals: readonly number[];
}

/** One asset's days with demand, oldest first; the first `length` places of each array. Never empty. */
export interface Series {
  readonly assetId: string;
  readonly length: number;
  /** Places on the axis. */
  readonly days: Uint16Array;
  readonly bytes: Float64Array;
  readonly views: Float64Array;
  /** `bytes` as far as they are believed (`winsorise.ts`); what models learn from. */
  readonly believed: Float64Array;
}

export interface History {
  readonly axis: Axis;
  /** Assets with any demand. */
  readonly size: number;
  /**
   * An asset's series; assets are in the order of their ids. It is one and the same object each time, with other
   * content: a region's past is too large to be laid out twice.
   *
   * @throws RangeError beyond `size`.
   */
  series(place: number): Series;
  /** The place of an asset; undefined where it had no demand. */
  placeOf(assetId: string): number | undefined;
}

/** Place on the axis. */
export const firstDayOf = ({ days }: Series): number => days[0] ?? 0;

export const weekdayOf = (day: number): number => ((day % 7) + 7) % 7;

/**
 * Rows of one asset and date are summed; rows of `before` and later are left out, so that no forecast sees its own day.
 * Reads from the table, which must not change any more.
 */
export function readHistory(table: DemandTable, before: string): History {
  const limit = dayNumber(before);
  const dayNumbers = [...table.days]
    .filter((day) => day < limit && (table.reported.get(day) ?? 1) >= leastReported)
    .sort((a, b) => a - b);
  const read = makeReader(table, dayNumbers);
  const totals = new Array<number>(dayNumbers.length).fill(0);
  const assets: number[] = [];
  const levels = new Float64Array(dayNumbers.length);
  const young = makeYoungCells(dayNumbers.length);
  for (const asset of orderById(table.assetIds)) {
    const one = read(asset);
    const { length, days } = one;
    if (length > 0) assets.push(asset);
    believe(one, levels, levelCapFactor);
    for (let at = 0; at < length; at += 1) {
      const day = days[at] ?? 0;
      totals[day] = (totals[day] ?? 0) + (levels[at] ?? 0);
    }
    young.add(one, levels);
  }
  const mostOfYoung = young.most();
  for (const { day, excess } of young.beyond(mostOfYoung)) totals[day] = (totals[day] ?? 0) - excess;
  const idAt = (place: number): string => table.assetIds[assets[place] ?? 0] ?? '';
  return {
    axis: { dayNumbers, dates: dayNumbers.map(dateOfDayNumber), weekdays: dayNumbers.map(weekdayOf), totals },
    size: assets.length,
    series(place) {
      const asset = assets[place];
      if (asset === undefined) throw new RangeError(`there are ${assets.length} series, none at ${place}`);
      return read(asset, mostOfYoung);
    },
    placeOf(assetId) {
      let [low, high] = [0, assets.length];
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (idAt(middle) < assetId) low = middle + 1;
        else high = middle;
      }
      return low < assets.length && idAt(low) === assetId ? low : undefined;
    },
  };
}

/** Places in the order of the ids; a log has its assets in that order already. */
function orderById(ids: readonly string[]): Uint32Array {
  const order = Uint32Array.from(ids, (_, asset) => asset);
  const isOrdered = ids.every((id, asset) => asset === 0 || (ids[asset - 1] ?? '') < id);
  return isOrdered ? order : order.sort((a, b) => ((ids[a] ?? '') < (ids[b] ?? '') ? -1 : 1));
}

function makeReader(
  { assetIds, visit, reported }: DemandTable,
  dayNumbers: readonly number[],
): (asset: number, mostOfYoung?: number) => Series {
  const firstDay = dayNumbers[0] ?? 0;
  /** By days since the first; -1 for one that is not on the axis. */
  const places = new Int32Array((dayNumbers.at(-1) ?? firstDay) - firstDay + 1).fill(-1);
  for (const [place, day] of dayNumbers.entries()) places[day - firstDay] = place;
  const size = dayNumbers.length;
  /** By place: what makes a day whole of which hours are missing. */
  const scales = dayNumbers.some((day) => reported.has(day))
    ? dayNumbers.map((day) => 1 / (reported.get(day) ?? 1))
    : null;
  const series = {
    assetId: '',
    length: 0,
    days: new Uint16Array(size),
    bytes: new Float64Array(size),
    views: new Float64Array(size),
    believed: new Float64Array(size),
  };
  const { days, bytes, views, believed } = series;
  /** Nearly always the last place, or after it. */
  const insert = (day: number, cellBytes: number, cellViews: number): void => {
    const { length } = series;
    let at = length;
    while (at > 0 && (days[at - 1] ?? 0) > day) at -= 1;
    if (at > 0 && days[at - 1] === day) {
      bytes[at - 1] = (bytes[at - 1] ?? 0) + cellBytes;
      views[at - 1] = (views[at - 1] ?? 0) + cellViews;
      return;
    }
    if (at < length) for (const values of [days, bytes, views]) values.copyWithin(at + 1, at, length);
    days[at] = day;
    bytes[at] = cellBytes;
    views[at] = cellViews;
    series.length += 1;
  };
  const add = (day: number, cellBytes: number, cellViews: number): void => {
    if (cellBytes === 0 && cellViews === 0) return;
    const place = places[day - firstDay] ?? -1;
    const scale = scales?.[place] ?? 1;
    if (place >= 0) insert(place, cellBytes * scale, cellViews * scale);
  };
  return (asset, mostOfYoung) => {
    series.assetId = assetIds[asset] ?? '';
    series.length = 0;
    visit(asset, add);
    believe(series, believed, capFactor, mostOfYoung);
    return series;
  };
}

function believe(
  { length, days, bytes }: Series,
  believed: Float64Array,
  factor: number,
  mostOfYoung = Number.POSITIVE_INFINITY,
): void {
  const capper = makeCapper(factor, mostOfYoung);
  let last = -1;
  for (let at = 0; at < length; at += 1) {
    const day = days[at] ?? 0;
    if (last >= 0 && day > last + 1) capper.cap(0);
    last = day;
    believed[at] = capper.cap(bytes[at] ?? 0);
  }
}
