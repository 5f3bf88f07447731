/** Demand of a region as days on its own calendar, ready for the forecaster. */
import type { DailyDemand, DemandRow } from '../../shared/domain/demand.ts';
import type { Region } from '../../shared/domain/fleet.ts';
import { sumByLocalDay } from '../../shared/domain/forecasting/daily-demand.ts';
import { addDays, localDate } from '../../shared/domain/time/local-time.ts';
import type { DemandLog } from '../../shared/ports/demand-log.ts';

/** A day counts as history once no more than so much of it is missing; a window before midnight plans with such a day. */
const nearlyOverMs = 3 * 3_600_000;

/** The last day that is over, or nearly, on the region's clock. */
const lastWholeDay = (nowMs: number, timeZone: string): string =>
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
export async function readHistory(demandLog: DemandLog, { region, nowMs, days }: HistoryQuery): Promise<DailyDemand[]> {
  const until = lastWholeDay(nowMs, region.timeZone);
  const whole = await readDays(demandLog, region, addDays(until, 1 - days), until);
  if (whole.length > 0) return whole;
  const today = localDate(nowMs, region.timeZone);
  return readDays(demandLog, region, today, today);
}

/** Demand of the local days `from … to`, inclusive. */
export async function readDays(
  demandLog: DemandLog,
  region: Pick<Region, 'id' | 'timeZone'>,
  from: string,
  to: string,
): Promise<DailyDemand[]> {
  // A local day lies within the UTC days around it, wherever the region is.
  const rows = demandLog.read({ regionId: region.id, from: addDays(from, -1), to: addDays(to, 1) });
  const daily = await sumByLocalDay(rows, region.timeZone, to);
  return daily.filter(({ date }) => date >= from);
}

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
): Promise<{ readonly regions: number; readonly history: readonly DailyDemand[] }> {
  const others = regionIds
    .filter((id) => id !== region.id)
    .sort()
    .slice(0, mostOtherRegions);
  const until = lastWholeDay(nowMs, region.timeZone);
  const from = addDays(until, 1 - elsewhereDays);
  async function* rows(): AsyncGenerator<DemandRow> {
    for (const regionId of others) yield* demandLog.read({ regionId, from: addDays(from, -1), to: addDays(until, 1) });
  }
  const daily = await sumByLocalDay(rows(), region.timeZone, until);
  const history = daily.filter(({ date }) => date >= from);
  return { regions: history.length > 0 ? others.length : 0, history };
}
