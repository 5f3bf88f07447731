/**
 * From hours to single requests for parts of titles, in the order of time, as the caching rules take them.
 *
 * A part is 4 MiB, or as much more as keeps the work within its bounds. The hour's views of a title begin at places that a
 * hash gives, and each goes through as many parts on end as its share of the hour's bytes: all parts of a title are equally
 * likely, as the plan has it too. Deterministic.
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

/** @param sizeOf bytes of an asset, > 0. */
export function asksOf(log: SampledLog, sizeOf: (assetId: string) => number, bounds: AskBounds): Asks {
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
    for (const { hour, views, bytes } of cells) {
      const runs = runsOf(views, parts);
      for (let run = 0; run < runs; run += 1) {
        const unit = hashUnit(`${assetId} ${hour} ${run}`);
        const start = Math.floor(unit * parts);
        const timeS = hour * 3_600 + Math.floor(((unit * 4_099) % 1) * 3_600);
        const length = bytes / runs / sizeBytes;
        const steps = Math.min(parts, Math.ceil(length));
        for (let step = 0; step < steps; step += 1)
          asks.push({ timeS, part: first + ((start + step) % parts), count: length / steps });
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
