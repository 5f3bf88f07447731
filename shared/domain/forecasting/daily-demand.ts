/** From the log's UTC hours to days on the region's calendar. */
import type { DailyDemand, DemandRow } from '../demand.ts';
import { localDateOfHour } from '../time/local-time.ts';

/**
 * Sums rows by asset and local date; dates after `until` are left out. A day-only row counts for the date it names.
 *
 * Takes any iterable, so that the log can be read as a stream.
 */
export async function sumByLocalDay(
  rows: AsyncIterable<DemandRow> | Iterable<DemandRow>,
  timeZone: string,
  until: string,
): Promise<DailyDemand[]> {
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
