/** Demand of a region as days on its own calendar, ready for the forecaster. */
import type { DailyDemand, DemandRow } from '../../shared/domain/demand.ts';
import type { Region } from '../../shared/domain/fleet.ts';
import { addLocalDays, sumByLocalDay } from '../../shared/domain/forecasting/daily-demand.ts';
import { type DemandTable, makeDemandTable } from '../../shared/domain/forecasting/demand-table.ts';
import { addDays, localDate } from '../../shared/domain/time/local-time.ts';
import type { DemandLog } from '../../shared/ports/demand-log.ts';

/** A day counts as history once no more than so much of it is missing; a window before midnight plans with such a day. */
const nearlyOverMs = 3 * 3_600_000;

/** The last day that is over, or nearly, on the region's clock. */
export const lastWholeDay = (nowMs: number, timeZone: string): string =>
  addDays(localDate(nowMs + nearlyOverMs, timeZone), -1);

export interface HistoryQuery {
  readonly region: Pick<Region, 'id' | 'timeZone'>;
  readonly nowMs: number;
  readonly days: number;
}

/**
 * The whole days up to now. A day half reported would look like falling demand, so today is left out, unless there is
 * nothing else: a region that was first watched today is better planned by half a day than by nothing.
 */
export async function readHistory(demandLog: DemandLog, { region, nowMs, days }: HistoryQuery): Promise<DemandTable> {
  const until = lastWholeDay(nowMs, region.timeZone);
  const table = makeDemandTable();
  const read = (from: string, to: string): Promise<void> =>
    addLocalDays(table, rowsAround(demandLog, region.id, from, to), { timeZone: region.timeZone, from, to });
  await read(addDays(until, 1 - days), until);
  const today = localDate(nowMs, region.timeZone);
  if (table.days.size === 0) await read(today, today);
  return table;
}

/** Demand of the local days `from … to`, inclusive. */
export async function readDays(
  demandLog: DemandLog,
  region: Pick<Region, 'id' | 'timeZone'>,
  from: string,
  to: string,
): Promise<DailyDemand[]> {
  const daily = await sumByLocalDay(rowsAround(demandLog, region.id, from, to), region.timeZone, to);
  return daily.filter(({ date }) => date >= from);
}

/** A local day lies within the UTC days around it, wherever the region is. */
const rowsAround = (demandLog: DemandLog, regionId: string, from: string, to: string): AsyncIterable<DemandRow> =>
  demandLog.read({ regionId, from: addDays(from, -1), to: addDays(to, 1) });

/** So much of the others' past tells which titles come, and how demand goes with age. */
const elsewhereDays = 28;
/** Bounds what a plan reads, whatever the number of regions. */
const mostOtherRegions = 16;

/**
 * Demand of other regions, summed, on this region's calendar: of the first sixteen by id, for 28 days. Read as a stream;
 * what is kept grows with assets times days, not with regions.
 */
export async function readElsewhere(
  demandLog: DemandLog,
  { region, nowMs }: Omit<HistoryQuery, 'days'>,
  regionIds: readonly string[],
): Promise<{ readonly regions: number; readonly history: DemandTable }> {
  const others = regionIds
    .filter((id) => id !== region.id)
    .sort()
    .slice(0, mostOtherRegions);
  const to = lastWholeDay(nowMs, region.timeZone);
  const from = addDays(to, 1 - elsewhereDays);
  const history = makeDemandTable();
  for (const regionId of others)
    await addLocalDays(history, rowsAround(demandLog, regionId, from, to), { timeZone: region.timeZone, from, to });
  return { regions: history.days.size > 0 ? others.length : 0, history };
}
