/**
 * Replays a region's own past with one share of the disk left to pulled parts: at each midnight the planner fills the rest
 * by that day's forecast, and `makeForecastCache` keeps what viewers pull. Both are the modules that decide in service, and
 * both see only the past. The region is replayed as one disk.
 */
import { makePlannedDisk } from '../caching/planned-disk.ts';
import type { Forecast } from '../fill.ts';
import type { Region } from '../fleet.ts';
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

export function* replayShare(world: ReplayWorld, share: number): Generator<void, DayServed[]> {
  const { region, log, asks, days } = world;
  const { times, parts, counts, sizes, firstPart } = asks;
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
  });
  const plan = ({ date, startS, forecast }: ReplayDay): void => {
    const night = { region, date, startS, forecast, titles, capacityBytes, sampledShare: log.share };
    const planned = planParts({
      ...night,
      sizeOf: (part) => sizes[part] ?? 0,
      isHeld: disk.has,
      pulledShare: share,
    });
    disk.plan(planned, startS);
  };

  const served: DayServed[] = [];
  let at = times.findIndex((timeS) => timeS >= (days[0]?.startS ?? 0));
  if (at < 0) at = times.length;
  for (const [index, day] of days.entries()) {
    plan(day);
    yield;
    const endS = days[index + 1]?.startS ?? Number.POSITIVE_INFINITY;
    let nextS = day.startS + advanceEveryS;
    let servedBytes = 0;
    let hitBytes = 0;
    for (; at < times.length && (times[at] ?? 0) < endS; at += 1) {
      const timeS = times[at] ?? 0;
      for (; nextS <= timeS; nextS += advanceEveryS) {
        const today = Math.floor(nextS / (24 * hourS));
        if (today !== topUpDay) topUpLeft = (region.topUp?.bytesPerDay ?? 0) * log.share;
        topUpDay = today;
        yield* steps(disk.cache.advance(nextS));
      }
      const part = parts[at] ?? 0;
      const count = counts[at] ?? 0;
      const bytes = (sizes[part] ?? 0) * count;
      servedBytes += bytes;
      if (disk.serve(part, timeS, count) === 'held') hitBytes += bytes;
      if (at % asksAStep === 0) yield;
    }
    if (day.counts) served.push({ date: day.date, servedBytes, hitBytes });
  }
  return served;
}

function* steps(work: Iterator<void>): Generator<void> {
  while (!work.next().done) yield;
}
