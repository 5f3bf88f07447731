/**
 * Replays a region's own past with one and another share of the disk left to pulled parts: at each midnight the planner fills the
 * rest by that day's forecast, and `makeForecastCache` keeps what viewers pull. Both are the modules that decide in service, and
 * both see only the past. The region is replayed as one disk; all shares go through the past side by side, with one forecaster.
 */
import { makeCacheForecaster } from '../caching/forecast-cache.ts';
import { makePlannedDisk } from '../caching/planned-disk.ts';
import type { Forecast } from '../fill.ts';
import type { Region } from '../fleet.ts';
import type { PopularityForecaster } from '../forecasting/popularity/popularity-forecaster.ts';
import { shareForecaster } from '../forecasting/popularity/shared-forecaster.ts';
import type { Asks } from './asks.ts';
import { type PartedTitle, planParts } from './part-planner.ts';
import type { SampledLog } from './sampled-log.ts';

/** A day of the region's calendar, with the forecast that was to be had on its eve. */
export interface ReplayDay {
  readonly date: string;
  /** Seconds since 1970-01-01. */
  readonly startS: number;
  readonly forecast: Forecast;
  /** False while caches warm up. */
  readonly counts: boolean;
}

export interface ReplayWorld {
  readonly region: Region;
  readonly log: SampledLog;
  readonly asks: Asks;
  /** In the order of time, without a gap. */
  readonly days: readonly ReplayDay[];
  /** Of all the region's disks. */
  readonly capacityBytes: number;
}

/** Bytes of one day, of the sample. */
export interface DayServed {
  readonly date: string;
  readonly servedBytes: number;
  readonly hitBytes: number;
}

const hourS = 3_600;
/** The values of pulled parts are renewed so often here; the log tells no more than hours. */
const advanceEveryS = hourS;
const asksAStep = 2_000;

/** By share. */
export function* replayShares(
  world: ReplayWorld,
  shares: readonly number[],
): Generator<void, Map<number, DayServed[]>> {
  const { asks, days } = world;
  const { times } = asks;
  const forecasters = shareForecaster(makeCacheForecaster(asks.sizes.length), shares.length);
  const disks = forecasters.map((forecaster, index) => makeReplayedDisk(world, shares[index] ?? 0, forecaster));

  let at = times.findIndex((timeS) => timeS >= (days[0]?.startS ?? 0));
  if (at < 0) at = times.length;
  for (const [index, day] of days.entries()) {
    for (const disk of disks) {
      disk.begin(day);
      yield;
    }
    const endS = days[index + 1]?.startS ?? Number.POSITIVE_INFINITY;
    let nextS = day.startS + advanceEveryS;
    for (; at < times.length && (times[at] ?? 0) < endS; at += 1) {
      const timeS = times[at] ?? 0;
      for (; nextS <= timeS; nextS += advanceEveryS) for (const disk of disks) yield* steps(disk.advance(nextS));
      for (const disk of disks) disk.serve(at, timeS);
      if (at % asksAStep === 0) yield;
    }
    for (const disk of disks) disk.end(day);
  }
  return new Map(disks.map(({ served }, index) => [shares[index] ?? 0, served]));
}

function makeReplayedDisk(world: ReplayWorld, share: number, forecaster: PopularityForecaster) {
  const { region, log, asks } = world;
  const { parts, counts, sizes, firstPart } = asks;
  const capacityBytes = world.capacityBytes * log.share;
  const titles = log.assets.map(({ assetId }, index): PartedTitle => {
    const first = firstPart[index] ?? 0;
    return { assetId, firstPart: first, parts: (firstPart[index + 1] ?? first) - first };
  });
  let topUpDay = Number.NaN;
  let topUpLeft = 0;
  const disk = makePlannedDisk({
    capacityBytes,
    sizes: { cells: sizes },
    onPush: (part) => {
      topUpLeft -= sizes[part] ?? 0;
    },
    onFetch: () => undefined,
    onEvict: () => undefined,
    pushBudgetBytes: () => topUpLeft,
    forecaster,
  });
  const served: DayServed[] = [];
  let servedBytes = 0;
  let hitBytes = 0;
  return {
    served,
    begin({ date, startS, forecast }: ReplayDay): void {
      const night = { region, date, startS, forecast, titles, capacityBytes, sampledShare: log.share };
      const planned = planParts({
        ...night,
        sizeOf: (part) => sizes[part] ?? 0,
        isHeld: disk.has,
        pulledShare: share,
      });
      disk.plan(planned, startS);
      servedBytes = 0;
      hitBytes = 0;
    },
    advance(timeS: number): Iterator<void> {
      const today = Math.floor(timeS / (24 * hourS));
      if (today !== topUpDay) topUpLeft = (region.topUp?.bytesPerDay ?? 0) * log.share;
      topUpDay = today;
      return disk.cache.advance(timeS);
    },
    serve(at: number, timeS: number): void {
      const part = parts[at] ?? 0;
      const count = counts[at] ?? 0;
      const bytes = (sizes[part] ?? 0) * count;
      servedBytes += bytes;
      if (disk.serve(part, timeS, count) === 'held') hitBytes += bytes;
    },
    end({ date, counts: isCounted }: ReplayDay): void {
      if (isCounted) served.push({ date, servedBytes, hitBytes });
    },
  };
}

function* steps(work: Iterator<void>): Generator<void> {
  while (!work.next().done) yield;
}
