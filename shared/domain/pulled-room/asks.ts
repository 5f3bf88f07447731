/**
 * From hours to single requests for parts of titles, in the order of time, as the caching rules take them.
 *
 * A part is 4 MiB, or as much more as keeps the work within its bounds. Each of the hour's views of a title asks for as many
 * parts as its share of the hour's bytes, each part as likely as the curve of how far viewers get says: the plan goes by the same
 * curve. Without one all are equally likely. Deterministic.
 */
import { sliceSizeBytes } from '../manifest.ts';
import { hashUnit } from '../routing/hash.ts';
import type { SampledLog } from './sampled-log.ts';

export interface AskBounds {
  readonly mostParts: number;
  readonly mostAsks: number;
}

export interface Asks {
  /** Seconds since 1970-01-01, never decreasing. */
  readonly times: Float64Array;
  readonly parts: Uint32Array;
  /** How often the part is asked for then; 0.25 is a quarter of it, once. */
  readonly counts: Float64Array;
  /** Bytes of each part. */
  readonly sizes: Float64Array;
  /** The first part of each asset of the log, and behind the last one the number of all. */
  readonly firstPart: Uint32Array;
}

/** Of an hour's views so many are told apart. */
const mostRuns = 4;

export interface AskOptions {
  /** Bytes of an asset, > 0. */
  readonly sizeOf: (assetId: string) => number;
  /** How much is watched of each of as many equal parts of the title, relative to each other. */
  readonly curveOf: (assetId: string) => readonly number[];
  readonly bounds: AskBounds;
}

export function asksOf(log: SampledLog, { sizeOf, curveOf, bounds }: AskOptions): Asks {
  const sizes = log.assets.map(({ assetId }) => Math.max(1, sizeOf(assetId)));
  let partBytes = sliceSizeBytes;
  while (!fits(log, sizes, partBytes, bounds)) partBytes *= 2;

  const firstPart = new Uint32Array(sizes.length + 1);
  for (const [at, size] of sizes.entries()) firstPart[at + 1] = (firstPart[at] ?? 0) + partsOf(size, partBytes);
  const partSizes = new Float64Array(firstPart.at(-1) ?? 0);
  const asks: { readonly timeS: number; readonly part: number; readonly count: number }[] = [];
  for (const [at, { assetId, cells }] of log.assets.entries()) {
    const first = firstPart[at] ?? 0;
    const parts = partsOf(sizes[at] ?? 1, partBytes);
    const sizeBytes = (sizes[at] ?? 1) / parts;
    partSizes.fill(sizeBytes, first, first + parts);
    const placeAt = quantilesOf(curveOf(assetId));
    for (const { hour, views, bytes } of cells) {
      const runs = runsOf(views, parts);
      for (let run = 0; run < runs; run += 1) {
        const unit = hashUnit(`${assetId} ${hour} ${run}`);
        const timeS = hour * 3_600 + Math.floor(((unit * 4_099) % 1) * 3_600);
        const length = bytes / runs / sizeBytes;
        const steps = Math.min(parts, Math.ceil(length));
        // Evenly through the curve's area, from a chance place on: each part by its height, none twice where it is low.
        for (let step = 0; step < steps; step += 1) {
          const place = placeAt((unit + step) / steps);
          asks.push({ timeS, part: first + Math.min(parts - 1, Math.floor(place * parts)), count: length / steps });
        }
      }
    }
  }
  asks.sort((a, b) => a.timeS - b.timeS || a.part - b.part);
  return {
    times: Float64Array.from(asks, ({ timeS }) => timeS),
    parts: Uint32Array.from(asks, ({ part }) => part),
    counts: Float64Array.from(asks, ({ count }) => count),
    sizes: partSizes,
    firstPart,
  };
}

/** The place in the title, 0 … 1, before which a given share of all that is watched of it lies. */
function quantilesOf(curve: readonly number[]): (share: number) => number {
  const sums = [0];
  for (const height of curve) sums.push((sums.at(-1) ?? 0) + Math.max(0, height));
  const all = sums.at(-1) ?? 0;
  if (all <= 0) return (share) => share;
  return (share) => {
    const wanted = share * all;
    let bin = 0;
    while (bin < curve.length - 1 && (sums[bin + 1] ?? 0) <= wanted) bin += 1;
    const height = curve[bin] ?? 0;
    return (bin + (height > 0 ? (wanted - (sums[bin] ?? 0)) / height : 0)) / curve.length;
  };
}

const partsOf = (sizeBytes: number, partBytes: number): number => Math.max(1, Math.ceil(sizeBytes / partBytes));
const runsOf = (views: number, parts: number): number => Math.min(mostRuns, parts, Math.max(1, Math.round(views)));

/** With one part a title there is one ask a cell, and no larger part makes it fewer: the sample's bounds hold then. */
function fits(log: SampledLog, sizes: readonly number[], partBytes: number, bounds: AskBounds): boolean {
  let allParts = 0;
  let asks = 0;
  let isSplit = false;
  for (const [at, { cells }] of log.assets.entries()) {
    const parts = partsOf(sizes[at] ?? 1, partBytes);
    const sizeBytes = (sizes[at] ?? 1) / parts;
    if (parts > 1) isSplit = true;
    allParts += parts;
    for (const { views, bytes } of cells) {
      const runs = runsOf(views, parts);
      asks += runs * Math.min(parts, Math.ceil(bytes / runs / sizeBytes));
    }
  }
  return !isSplit || (allParts <= bounds.mostParts && asks <= bounds.mostAsks);
}
