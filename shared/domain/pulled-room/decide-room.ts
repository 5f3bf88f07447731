/** The weekly decision on a region's room for pulled slices, from its own log. Bounded work, in steps. Pure. */
import type { Region } from '../fleet.ts';
import { demandTableOf } from '../forecasting/demand-table.ts';
import { forecastRegion } from '../forecasting/forecast-region.ts';
import type { Audience } from '../planning/audience.ts';
import { curveFor } from '../planning/file-values.ts';
import { addDays, dateOfDayNumber, dayBounds, dayNumber, localDateOfHour } from '../time/local-time.ts';
import { type AskBounds, asksOf } from './asks.ts';
import { chooseShare, type PulledRoom, sharesToReplay } from './pulled-room.ts';
import { type ReplayDay, replayShares } from './replay-share.ts';
import type { SampleBounds, SampledLog } from './sampled-log.ts';

/** Days of the log that are read, and of them replayed: the first forecasts need a past, too. */
export const readDays = 28;
const replayedDays = 21;
/** Fewer days of history decide nothing. */
export const leastDays = 7;
/** Of the replayed days so many warm caches up, at most. */
const mostWarmUpDays = 7;

/** So much is replayed at most, once for each share; docs/decisions/0063 says how long that takes. */
export const sampleBounds: SampleBounds = { mostAssets: 3_000, mostCells: 60_000 };
export const askBounds: AskBounds = { mostParts: 3_000, mostAsks: 60_000 };

export interface DecideRoomInput {
  readonly region: Region;
  /** ISO 8601, UTC. */
  readonly decidedAt: string;
  /** The last day (region's calendar) that is over. */
  readonly until: string;
  /** Of the days before `until` and of it. */
  readonly log: SampledLog;
  /** Bytes of an asset; undefined for one that is no longer published. */
  readonly sizeOf: (assetId: string) => number | undefined;
  /** How far viewers get into titles; null where nothing is known of it. */
  readonly audience: Audience | null;
  /** Of all the region's disks. */
  readonly capacityBytes: number;
  /** The share that holds now. */
  readonly present: number;
}

/** Null when the log is too short, or there is no disk. Each step takes some milliseconds, those of a midnight more. */
export function* decideRoom(input: DecideRoomInput): Generator<void, PulledRoom | null> {
  const { region, log, until, audience, capacityBytes, present } = input;
  const { timeZone } = region;
  const dateOf = memoised(dateOfHourIn(timeZone));
  const rows = log.assets.flatMap(({ assetId, cells }) =>
    cells.flatMap(({ hour, views, bytes }) => {
      const date = dateOf(hour);
      return date <= until ? [{ assetId, date, views, bytes }] : [];
    }),
  );
  const firstNumber = rows.reduce((least, { date }) => Math.min(least, dayNumber(date)), dayNumber(until));
  const first = dateOfDayNumber(firstNumber);
  if (capacityBytes <= 0 || daysBetween(first, until) < leastDays) return null;

  const start = daysBetween(first, until) > replayedDays ? addDays(until, 1 - replayedDays) : first;
  const number = daysBetween(start, until);
  const warmUp = Math.min(mostWarmUpDays, Math.ceil(number * 0.4));
  const history = demandTableOf(rows);
  const days: ReplayDay[] = [];
  for (let at = 0; at < number; at += 1) {
    const date = addDays(start, at);
    const made = forecastRegion({ regionId: region.id, date, history, madeAt: input.decidedAt });
    const forecast = audience ? { ...made, audience } : made;
    days.push({ date, startS: dayBounds(date, timeZone).startMs / 1_000, forecast, counts: at >= warmUp });
    yield;
  }
  const span = { startS: dayBounds(start, timeZone).startMs / 1_000, endS: dayBounds(until, timeZone).endMs / 1_000 };
  const asks = asksOf(within(log, span), {
    sizeOf: sizesOf(input),
    curveOf: (assetId) => curveFor(assetId, audience).curve,
    bounds: askBounds,
  });
  yield;
  const replays = yield* replayShares({ region, log, asks, days, capacityBytes }, sharesToReplay(present));
  return {
    schema: 1,
    regionId: region.id,
    date: input.decidedAt.slice(0, 10),
    decidedAt: input.decidedAt,
    ...chooseShare(present, replays),
    days: number,
    countedDays: number - warmUp,
    requests: asks.times.length,
    sampledShare: log.share,
    capacityBytes,
  };
}

const daysBetween = (from: string, to: string): number => dayNumber(to) - dayNumber(from) + 1;

/** The region's date at an hour, which is counted from 1970-01-01, UTC. */
function dateOfHourIn(timeZone: string): (hour: number) => string {
  const dateOf = localDateOfHour(timeZone);
  return (hour) => dateOf(dateOfDayNumber(Math.floor(hour / 24)), hour % 24);
}

/** A log has many thousand cells, and a few hundred hours. */
function memoised<T>(of: (hour: number) => T): (hour: number) => T {
  const known = new Map<number, T>();
  return (hour) => {
    const found = known.get(hour) ?? of(hour);
    known.set(hour, found);
    return found;
  };
}

/** Without what is earlier or later; every asset stays. */
const within = ({ share, assets }: SampledLog, { startS, endS }: { startS: number; endS: number }): SampledLog => ({
  share,
  assets: assets.map(({ assetId, cells }) => ({
    assetId,
    cells: cells.filter(({ hour }) => hour * 3_600 >= startS && hour * 3_600 < endS),
  })),
});

/** What is not published any more counts as large as the mean of what is; where nothing is, as what was asked for at once. */
function sizesOf({ log, sizeOf }: DecideRoomInput): (assetId: string) => number {
  const known = log.assets.flatMap(({ assetId }) => sizeOf(assetId) ?? []);
  const meanBytes = known.length > 0 ? known.reduce((sum, size) => sum + size, 0) / known.length : null;
  const largest = new Map(
    log.assets.map(({ assetId, cells }) => [
      assetId,
      cells.reduce((most, { views, bytes }) => Math.max(most, bytes / Math.max(1, views)), 1),
    ]),
  );
  return (assetId) => sizeOf(assetId) ?? meanBytes ?? largest.get(assetId) ?? 1;
}
