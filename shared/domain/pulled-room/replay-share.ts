/**
 * Replays a region's own past with one share of the disk left to pulled parts: at each midnight the planner fills the rest
 * by that day's forecast, and `makeForecastCache` keeps what viewers pull. Both are the modules that decide in service, and
 * both see only the past. The region is replayed as one disk.
 */
import { makeForecastCache } from '../caching/forecast-cache.ts';
import type { Forecast } from '../fill.ts';
import type { Appliance, Region } from '../fleet.ts';
import { makeValuer } from '../planning/file-values.ts';
import { nightBudgetBytes } from '../planning/limits.ts';
import { planFill } from '../planning/plan-fill.ts';
import type { PlannableFile, PlannableVersion } from '../planning/version-files.ts';
import { windowFor } from '../time/fill-window.ts';
import type { Asks } from './asks.ts';
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
  const { times, parts, counts, sizes } = asks;
  const capacityBytes = world.capacityBytes * log.share;
  const planner = makePartPlanner(world, share);
  const pinned = new Set<number>();
  let topUpDay = Number.NaN;
  let topUpLeft = 0;
  const cache = makeForecastCache({
    capacityBytes,
    sizes: { cells: sizes },
    onPush: (part) => {
      topUpLeft -= sizes[part] ?? 0;
    },
    onEvict: () => undefined,
    mayPush: (part) => !pinned.has(part),
    pushBudgetBytes: () => topUpLeft,
  });

  const plan = (day: ReplayDay): void => {
    const planned = planner(day, (part) => pinned.has(part) || cache.has(part));
    for (const part of pinned) {
      if (planned.has(part)) continue;
      pinned.delete(part);
      cache.adopt(part, day.startS);
    }
    let bytes = 0;
    for (const part of planned) {
      bytes += sizes[part] ?? 0;
      if (pinned.has(part)) continue;
      cache.release(part);
      pinned.add(part);
    }
    cache.setCapacity(capacityBytes - bytes);
  };
  const serve = (part: number, timeS: number, count: number): boolean => {
    if (cache.ask(part, timeS, count)) return true;
    if (pinned.has(part)) return true;
    cache.offer(part, timeS);
    return false;
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
        yield* steps(cache.advance(nextS));
      }
      const part = parts[at] ?? 0;
      const count = counts[at] ?? 0;
      const bytes = (sizes[part] ?? 0) * count;
      servedBytes += bytes;
      if (serve(part, timeS, count)) hitBytes += bytes;
      if (at % asksAStep === 0) yield;
    }
    if (day.counts) served.push({ date: day.date, servedBytes, hitBytes });
  }
  return served;
}

function* steps(work: Iterator<void>): Generator<void> {
  while (!work.next().done) yield;
}

/** The nightly planner over parts: which of them a day's plan has. */
function makePartPlanner({ region, log, asks, capacityBytes }: ReplayWorld, share: number) {
  const { sizes, firstPart } = asks;
  const partOf = new Map<string, number>();
  const keys: string[] = [];
  const versions = log.assets.map(({ assetId }, at): PlannableVersion => {
    const first = firstPart[at] ?? 0;
    const files = Array.from({ length: (firstPart[at + 1] ?? first) - first }, (_, index): PlannableFile => {
      const key = `${assetId}/${versionName}/${index}`;
      partOf.set(key, first + index);
      keys[first + index] = key;
      return fileOf(index, sizes[first + index] ?? 0);
    });
    const manifest = { assetId, version: versionName, durationS: files.length, renditions: [], files };
    return { manifest, manifestFile: { sizeBytes: 0, sha256: '' } };
  });
  const appliance: Appliance = {
    id: region.id,
    regionId: region.id,
    role: 'edge',
    mode: 'active',
    publicUrl: '',
    internalUrl: '',
    capacityBytes: capacityBytes * log.share,
    weight: 1,
    createdAt: region.createdAt,
    updatedAt: region.updatedAt,
  };

  return ({ date, startS, forecast }: ReplayDay, isHeld: (part: number) => boolean): Set<number> => {
    const span = windowFor(date, region.window, region.timeZone);
    const nightBytes = nightBudgetBytes(region.budget, 0, span, span.startMs) * log.share;
    const plan = planFill({
      region: { ...region, budget: { ...region.budget, bytesPerNight: nightBytes } },
      date,
      run: 1,
      fillId: date,
      start: 'now',
      frozenAt: new Date(startS * 1_000).toISOString(),
      forecast,
      forecastKey: date,
      versions: versions.map(makeValuer(forecast.audience ?? null)),
      appliances: [
        { appliance, inventory: keys.flatMap((key, at) => (isHeld(at) ? [{ key, heldBytes: sizes[at] ?? 0 }] : [])) },
      ],
      spentBytes: 0,
      pulledRoom: { share, key: null, reason: '' },
    });
    const files = plan.appliances.flatMap(({ keep, fetch }) => [...keep, ...fetch]);
    return new Set(files.flatMap(({ key }) => partOf.get(key) ?? []));
  };
}

const versionName = 'parts';

/** Parts lie in the title one after the other, a second each. */
const fileOf = (index: number, sizeBytes: number): PlannableFile => ({
  path: String(index),
  role: 'segment',
  sizeBytes,
  sha256: '',
  rendition: null,
  index,
  startS: index,
  durationS: 1,
});
