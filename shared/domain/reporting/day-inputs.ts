/**
 * What a day is scored from, brought together from the logs as they are stored: demand of the day and of the two weeks
 * before it, how bytes stood with the plan, and all answers. All on the region's calendar.
 */
import {
  type AnswerTotal,
  type DailyDemand,
  type DemandRow,
  isAnswer,
  type OutcomeTotal,
  type ServiceDay,
  type ServiceRow,
} from '../demand.ts';
import type { FillReport } from '../fill.ts';
import { sumByLocalDay } from '../forecasting/daily-demand.ts';
import { addDays, dayBounds, dayNumber, localDateOfHour, localInstant } from '../time/local-time.ts';

/** What is read of the demand log; days are UTC, inclusive. */
export interface DayLogs {
  read(query: { readonly regionId: string; readonly from: string; readonly to: string }): AsyncIterable<DemandRow>;
  service(query: { readonly regionId: string; readonly from: string; readonly to: string }): AsyncIterable<ServiceDay>;
  outcomes(regionId: string, day: string): Promise<readonly OutcomeTotal[]>;
}

export interface DayQuery {
  readonly regionId: string;
  /** On the region's calendar. */
  readonly date: string;
  readonly timeZone: string;
  /** All of the date: each is scored knowing of the others. */
  readonly reports: readonly FillReport[];
}

export interface DayInputs {
  readonly date: string;
  /** Of the date and `historyDays` before it. */
  readonly demand: readonly DailyDemand[];
  readonly service: readonly ServiceRow[];
  readonly answers: readonly AnswerTotal[];
  /** Bytes by outcome, also from days on which appliances did not report by the hour. */
  readonly served: readonly { readonly outcome: string; readonly bytes: number }[];
  /** Asset → bytes that a fill of the date brought and somebody asked for, from the first of these fills on. */
  readonly usedBytes: ReadonlyMap<string, number>;
  /** Asset → bytes pushed, by all fills of the date. */
  readonly pushedBytes: ReadonlyMap<string, number>;
  /** Bytes that all fills of the date brought into the region from outside. */
  readonly filledBytes: number;
}

export const historyDays = 14;
const hourMs = 3_600_000;

export async function collectDay(logs: DayLogs, { regionId, date, timeZone, reports }: DayQuery): Promise<DayInputs> {
  const dateOf = localDateOfHour(timeZone);
  const started = reports.map(({ startedAt }) => Date.parse(startedAt)).filter(Number.isFinite);
  const dayStartMs = dayBounds(date, timeZone).startMs;
  const usedFromMs = Math.floor((started.length > 0 ? Math.min(...started) : dayStartMs) / hourMs) * hourMs;
  const to = addDays(date, 1);
  const rows = logs.read({ regionId, from: addDays(date, -historyDays - 1), to });
  const demand = await sumByLocalDay(rows, timeZone, date);

  const service: ServiceRow[] = [];
  const answers: AnswerTotal[] = [];
  const usedBytes = new Map<string, number>();
  const from = new Date(Math.min(usedFromMs, dayStartMs)).toISOString().slice(0, 10);
  for await (const day of logs.service({ regionId, from, to })) {
    for (const row of day.service) {
      const local = dateOf(row.day, row.hour);
      if (local === date) service.push(row);
      const atMs = dayNumber(row.day) * 24 * hourMs + row.hour * hourMs;
      if (row.cause === 'filled' && local <= date && atMs >= usedFromMs) {
        usedBytes.set(row.assetId, (usedBytes.get(row.assetId) ?? 0) + row.firstUseBytes);
      }
    }
    for (const answer of day.answers) if (dateOf(answer.day, answer.hour) === date) answers.push(answer);
  }
  // Older appliances told outcomes by UTC day only: the one that holds the local noon is the nearest.
  const noon = new Date(localInstant(date, '12:00', timeZone)).toISOString().slice(0, 10);
  return {
    date,
    demand: demand.filter((row) => row.date >= addDays(date, -historyDays)),
    service,
    answers,
    served:
      answers.length > 0 ? answers.filter(({ outcome }) => isAnswer(outcome)) : await logs.outcomes(regionId, noon),
    usedBytes,
    pushedBytes: pushedOf(reports),
    filledBytes: reports.reduce((sum, report) => sum + broughtFromOutside(report), 0),
  };
}

function pushedOf(reports: readonly FillReport[]): Map<string, number> {
  const pushed = new Map<string, number>();
  for (const { pushedByAsset = {} } of reports) {
    for (const [assetId, bytes] of Object.entries(pushedByAsset))
      pushed.set(assetId, (pushed.get(assetId) ?? 0) + bytes);
  }
  return pushed;
}

/** What went from one appliance of the region to another crossed no transit. */
function broughtFromOutside({ sentBytes, pushed, appliances }: FillReport): number {
  const fromPeers = appliances.reduce((sum, { sources }) => sum + (sources?.peer?.bytes ?? 0), 0);
  return Math.max(0, (sentBytes ?? pushed.bytes) - fromPeers);
}

/** Bytes by asset on one date. */
export function bytesOn(demand: readonly DailyDemand[], date: string): Map<string, number> {
  const sums = new Map<string, number>();
  for (const row of demand) {
    if (row.date === date && row.bytes > 0) sums.set(row.assetId, (sums.get(row.assetId) ?? 0) + row.bytes);
  }
  return sums;
}

export const sum = (values: Iterable<number>): number => {
  let total = 0;
  for (const value of values) total += value;
  return total;
};

/** Null for what is divided by nothing. */
export const ratio = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null);
