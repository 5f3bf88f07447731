/** Demand of a region as days on its own calendar, ready for the forecaster. */
import type { DailyDemand } from '../../shared/domain/demand.ts';
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
