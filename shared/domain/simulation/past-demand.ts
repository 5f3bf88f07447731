/**
 * What the demand log of a region would hold by now, from its requests: by hour and object of the last weeks, by day and object
 * of all days that are over, here and in all other regions together.
 */
import type { DemandRow } from '../demand.ts';
import { type DemandTable, makeDemandTable } from '../forecasting/demand-table.ts';
import { dateOfDayNumber } from '../time/local-time.ts';
import { replayedRegion } from './replayed-region.ts';
import { hourS } from './trace.ts';

export interface PastDemand {
  see(object: number, timeS: number, bytes: number): void;
  seeElsewhere(object: number, region: number): void;
  /** The day (days since 1970-01-01) is over: it counts from now on. */
  endDay(day: number): void;
  /** By hour, of the days that are over, oldest first. */
  rows(): Iterable<DemandRow>;
  readonly here: DemandTable;
  readonly elsewhere: DemandTable;
  /** Of which there was any demand. */
  readonly otherRegions: () => number;
}

const digits = 10;
/** Names that sort as their numbers do. */
export const nameOf = (object: number): string => String(object).padStart(digits, '0');
export const objectOf = (name: string): number => Number(name);

type Cells = Map<number, { views: number; bytes: number }>;

/** @param hourlyDays so many days are kept by the hour. */
export function makePastDemand(sizes: Float64Array, hourlyDays: number): PastDemand {
  const here = makeDemandTable();
  const elsewhere = makeDemandTable();
  let hours: { readonly hour: number; readonly cells: Cells }[] = [];
  let counts = new Map<number, number>();
  const others = new Set<number>();

  const add = (cells: Cells, object: number, views: number, bytes: number): void => {
    const cell = cells.get(object);
    if (cell) {
      cell.views += views;
      cell.bytes += bytes;
    } else cells.set(object, { views, bytes });
  };
  return {
    see(object, timeS, bytes) {
      const hour = Math.floor(timeS / hourS);
      let last = hours.at(-1);
      if (last?.hour !== hour) {
        last = { hour, cells: new Map() };
        hours.push(last);
      }
      add(last.cells, object, 1, bytes);
    },
    seeElsewhere(object, region) {
      others.add(region);
      counts.set(object, (counts.get(object) ?? 0) + 1);
    },
    endDay(day) {
      const date = dateOfDayNumber(day);
      const today: Cells = new Map();
      for (const { hour, cells } of hours)
        if (Math.floor(hour / 24) === day)
          for (const [object, { views, bytes }] of cells) add(today, object, views, bytes);
      for (const [object, cell] of today) here.add({ assetId: nameOf(object), date, ...cell });
      for (const [object, views] of counts)
        elsewhere.add({ assetId: nameOf(object), date, views, bytes: views * (sizes[object] ?? 0) });
      counts = new Map();
      hours = hours.filter(({ hour }) => Math.floor(hour / 24) > day - hourlyDays);
    },
    *rows() {
      for (const { hour, cells } of hours) {
        const day = dateOfDayNumber(Math.floor(hour / 24));
        for (const [object, { views, bytes }] of cells)
          yield { regionId: replayedRegion.id, assetId: nameOf(object), day, hour: hour % 24, views, bytes };
      }
    },
    here,
    elsewhere,
    otherRegions: () => others.size,
  };
}
