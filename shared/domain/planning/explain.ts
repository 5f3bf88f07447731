/**
 * Why an asset is in a plan or not, in numbers: what it is worth, what a place costs at the margin, and which limit stopped
 * it. Computed from the frozen plan and its forecast alone, so that yesterday's decision can be explained today.
 */

import type { AppliancePlan, FillPlan, Forecast, PlannedFile, PlanReason } from '../fill.ts';
import { plannedSizes } from '../reporting/placement.ts';
import type { Audience } from './audience.ts';
import { expectedOf } from './expected.ts';
import { swapFactor, usableBytes } from './limits.ts';

/** What one appliance's place went for. */
export interface Margin {
  readonly applianceId: string;
  /** What planned files may take there. */
  readonly usableBytes: number;
  readonly plannedBytes: number;
  readonly freeBytes: number;
  /** Expected bytes per byte of the least valuable file brought, and kept; null without any. */
  readonly leastFetched: number | null;
  readonly leastKept: number | null;
  /** What is kept at least value: what the asset would have to displace, least valuable first. */
  readonly displaces: readonly { readonly assetId: string; readonly sizeBytes: number; readonly value: number }[];
}

export interface Explanation {
  readonly assetId: string;
  /** Null where the forecast expects nothing of it. */
  readonly expectedBytes: number | null;
  readonly lowBytes: number | null;
  readonly highBytes: number | null;
  readonly model: string | null;
  /** One copy; null where the plan never met it. */
  readonly sizeBytes: number | null;
  readonly copies: number;
  /** Expected bytes served per byte stored: what the plan ranks by. */
  readonly value: number | null;
  /** Its place by value among the titles that the forecast expects anything of, from 1. */
  readonly rank: number | null;
  readonly ranked: number;
  readonly plannedBytes: number;
  readonly leftOutBytes: number;
  /** Bytes of the night that the plan left unspent. */
  readonly unspentBytes: number;
  readonly margins: readonly Margin[];
  /** What its planned files are worth against its mean byte (1), by rendition; null for playlists and the like. */
  readonly parts: readonly {
    readonly rendition: string | null;
    readonly files: number;
    readonly sizeBytes: number;
    readonly expectedBytes: number;
    readonly leastFactor: number;
    readonly bestFactor: number;
  }[];
  /** How far viewers get, by twentieths against the mean, and the hours played that say so; null where nothing is known. */
  readonly watched: {
    readonly of: 'title' | 'region';
    readonly hours: number;
    readonly curve: readonly number[];
  } | null;
  /** One sentence for each reason that holds for a part of it. */
  readonly words: readonly string[];
}

const mostDisplaced = 3;

export function explainAsset(plan: FillPlan, forecast: Forecast | null, assetId: string): Explanation {
  const asset = forecast ? expectedOf(forecast, assetId) : undefined;
  const sizes = plannedSizes(plan, forecast);
  const size = sizes.get(assetId);
  const worthOf = (id: string, expectedBytes: number): number | null => {
    const known = sizes.get(id);
    return known && known.sizeBytes > 0 ? expectedBytes / known.copies / known.sizeBytes : null;
  };
  const value = asset ? worthOf(assetId, asset.expectedBytes) : null;
  let [better, ranked] = [0, 0];
  for (const one of forecast?.assets ?? []) {
    const other = worthOf(one.assetId, one.expectedBytes) ?? 0;
    if (other > 0) ranked += 1;
    if (value !== null && other > value) better += 1;
  }
  const seen = plan.appliances.map((part) => walk(part, assetId, plan.pulledRoom?.share));
  const files = seen.flatMap(({ about }) => about);
  const rejected = linesAbout(plan.rejected, assetId);
  const base: Omit<Explanation, 'words'> = {
    assetId,
    expectedBytes: asset?.expectedBytes ?? null,
    lowBytes: asset?.lowBytes ?? null,
    highBytes: asset?.highBytes ?? null,
    model: asset?.model ?? forecast?.model ?? null,
    sizeBytes: size?.sizeBytes ?? null,
    copies: size?.copies ?? 0,
    value,
    rank: value === null ? null : better + 1,
    ranked,
    plannedBytes: bytesOf(files),
    leftOutBytes: rejected.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    parts: partsOf(files, value),
    watched: watchedOf(forecast, assetId),
    unspentBytes: Math.max(0, plan.budget.bytesPerNight - (plan.crossingBytes ?? plan.fetchBytes)),
    margins: seen.map(({ margin }) => margin),
  };
  const reasons = new Set([...files.map(({ reason }) => reason), ...rejected.map(({ reason }) => reason)]);
  return {
    ...base,
    words: [...[...reasons].map((reason) => wordsFor(reason, base)), ...audienceWords(base, forecast?.audience)],
  };
}

function partsOf(files: readonly PlannedFile[], mean: number | null): Explanation['parts'] {
  return [...Map.groupBy(files, ({ rendition }) => rendition)].map(([rendition, list]) => {
    const factors = list.map(({ value }) => (mean && mean > 0 ? value / mean : 1));
    return {
      rendition,
      files: list.length,
      sizeBytes: bytesOf(list),
      expectedBytes: list.reduce((sum, { expectedBytes }) => sum + expectedBytes, 0),
      leastFactor: factors.reduce((most, factor) => Math.min(most, factor), Number.POSITIVE_INFINITY),
      bestFactor: factors.reduce((most, factor) => Math.max(most, factor), 0),
    };
  });
}

function watchedOf(forecast: Forecast | null, assetId: string): Explanation['watched'] {
  const audience = forecast?.audience;
  if (!audience) return null;
  const own = audience.assets.find((one) => one.assetId === assetId);
  const { hours, curve } = own ?? audience;
  return { of: own ? 'title' : 'region', hours, curve };
}

/** How the title's bytes differ in worth, and by what that is known. */
function audienceWords(
  { watched, expectedBytes }: Omit<Explanation, 'words'>,
  audience: Audience | undefined,
): string[] {
  if (!watched || !audience || expectedBytes === null) return [];
  const { of, hours, curve } = watched;
  const mix = Object.entries(audience.mix)
    .filter(([name]) => name.startsWith('v'))
    .sort((a, b) => b[1] - a[1])
    .slice(0, 3)
    .map(([name, share]) => `${name.slice(1).replace('-', ' lines ')} ${Math.round(share * 100)}%`);
  return [
    `Of its beginning ${number(curve[0] ?? 1)} times the mean is watched, of its end ${number(curve.at(-1) ?? 1)} times (${of === 'title' ? 'this title' : 'the region’s titles'}, ${number(hours)} hours played): files there are worth that much more or less.`,
    ...(mix.length > 0
      ? [`Viewers choose ${mix.join(', ')}; the lowest rendition counts as much as the most chosen one.`]
      : []),
  ];
}

/** What a list says of one asset. */
export function linesAbout<T extends { readonly assetId: string } | { readonly key: string }>(
  lines: Iterable<T>,
  assetId: string,
): T[] {
  const about: T[] = [];
  for (const line of lines)
    if ('assetId' in line ? line.assetId === assetId : line.key.startsWith(`${assetId}/`)) about.push(line);
  return about;
}

function bytesOf(files: Iterable<{ readonly sizeBytes: number }>): number {
  let bytes = 0;
  for (const { sizeBytes } of files) bytes += sizeBytes;
  return bytes;
}

/** Once through the lists of an appliance, which may be long: what there is of the asset, and what its place goes for. */
function walk({ applianceId, capacityBytes, keep, fetch }: AppliancePlan, asked: string, pulledShare?: number) {
  const about: PlannedFile[] = [];
  const assets = new Map<string, { readonly assetId: string; sizeBytes: number; value: number }>();
  const least = { fetched: Number.POSITIVE_INFINITY, kept: Number.POSITIVE_INFINITY };
  let plannedBytes = 0;
  for (const file of keep) {
    const { assetId, sizeBytes, value } = file;
    plannedBytes += sizeBytes;
    least.kept = Math.min(least.kept, value);
    if (assetId === asked) about.push(file);
    else {
      const sum = assets.get(assetId) ?? { assetId, sizeBytes: 0, value };
      sum.sizeBytes += sizeBytes;
      sum.value = Math.min(sum.value, value);
      assets.set(assetId, sum);
    }
  }
  for (const file of fetch) {
    plannedBytes += file.sizeBytes;
    least.fetched = Math.min(least.fetched, file.value);
    if (file.assetId === asked) about.push(file);
  }
  const usable = usableBytes(capacityBytes, pulledShare);
  const margin: Margin = {
    applianceId,
    usableBytes: usable,
    plannedBytes,
    freeBytes: Math.max(0, usable - plannedBytes),
    leastFetched: fetch.length > 0 ? least.fetched : null,
    leastKept: keep.length > 0 ? least.kept : null,
    displaces: [...assets.values()]
      .sort((a, b) => a.value - b.value || (a.assetId < b.assetId ? -1 : 1))
      .slice(0, mostDisplaced),
  };
  return { about, margin };
}

const number = (value: number | null): string =>
  value === null ? 'nothing known' : String(Number(value.toPrecision(3)));
const lowest = (values: readonly (number | null)[]): number | null => {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? Math.min(...known) : null;
};

function wordsFor(
  reason: PlanReason,
  { value, lowBytes, margins, unspentBytes, leftOutBytes }: Omit<Explanation, 'words'>,
): string {
  const worth =
    value === null || value === 0
      ? 'The forecast expects nobody to ask for it'
      : `Each of its bytes is expected to be served ${number(value)} times`;
  const lowEnd = `from ${lowBytes ?? 0} bytes a day on`;
  const fetched = lowest(margins.map(({ leastFetched }) => leastFetched));
  const kept = lowest(margins.map(({ leastKept }) => leastKept));
  switch (reason) {
    case 'expected-demand':
      return `${worth}; the least valuable file that the night brings has ${number(fetched)}: it is brought.`;
    case 'must-have':
      return `${worth}, but an operator wants it there: it goes before all that is only expected.`;
    case 'already-held':
      return `${worth}, and it lies there already: kept, since what comes in its place would have to be worth ${swapFactor} times as much.`;
    case 'no-demand-forecast':
      return 'The forecast expects nobody to ask for it, so no byte of it has a value.';
    case 'over-capacity':
      return `${worth}, but the disks are full of what is worth more: nothing below ${number(lowest([fetched, kept]))} found room. More capacity would take it.`;
    case 'over-night-budget':
      return `${worth}, but the night’s bytes (or what the rate brings in the window) went to what is worth more, down to ${number(fetched)}: ${leftOutBytes} bytes were left out with ${unspentBytes} unspent. A larger budget, rate or window would take it.`;
    case 'worth-less-than-held':
      return `${worth}; to make room it would displace what is held at ${number(kept)}, and a swap has to bring ${swapFactor} times as much.`;
    case 'not-sure':
      return `${worth}, which is not sure enough (${lowEnd}): on a full disk only what is sure, at the low end of its forecast, to be asked for nine times in ten takes the place of what viewers pulled. Whoever asks for it will have it pulled.`;
    case 'no-appliance':
      return 'The region had no active edge that answered when the plan was made.';
    case 'asset-deleted':
      return 'The forecast knows it, but it is not published (any more).';
  }
}
