/** From the log's UTC hours to days on the region's calendar. */
import type { DailyDemand, DemandRow } from '../demand.ts';
import { localDateOfHour } from '../time/local-time.ts';
import type { DemandTable } from './demand-table.ts';
import { makeHourCounts } from './missing-hours.ts';

type Rows = AsyncIterable<DemandRow> | Iterable<DemandRow>;

export interface LocalDays {
  readonly timeZone: string;
  /** Local dates, inclusive; rows of others are left out. */
  readonly from: string;
  readonly to: string;
}

/** Adds rows of one region to the table by local date, as they come, and how much of each day was reported. A day-only row counts for the date it names. */
export async function addLocalDays(table: DemandTable, rows: Rows, { timeZone, from, to }: LocalDays): Promise<void> {
  const dateOf = localDateOfHour(timeZone);
  const hours = makeHourCounts(timeZone);
  for await (const { assetId, day, hour, views, bytes } of rows) {
    const date = dateOf(day, hour);
    if (date < from || date > to) continue;
    table.add({ assetId, date, views, bytes });
    hours.add(date, day, hour, bytes);
  }
  for (const [day, share] of hours.reported()) table.reported.set(day, share);
}

/**
 * Sums rows by asset and local date; dates after `until` are left out. A day-only row counts for the date it names.
 *
 * Takes any iterable, so that the log can be read as a stream.
 */
export async function sumByLocalDay(rows: Rows, timeZone: string, until: string): Promise<DailyDemand[]> {
  const dateOf = localDateOfHour(timeZone);
  const cells = new Map<string, { assetId: string; date: string; views: number; bytes: number }>();
  for await (const { assetId, day, hour, views, bytes } of rows) {
    const date = dateOf(day, hour);
    if (date > until) continue;
    const name = `${date}/${assetId}`;
    const cell = cells.get(name);
    if (cell) {
      cell.views += views;
      cell.bytes += bytes;
    } else cells.set(name, { assetId, date, views, bytes });
  }
  return [...cells.values()];
}
