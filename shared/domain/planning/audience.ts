/**
 * How a region watches: how far into titles viewers get, and which renditions they choose. Learnt from what was played on the
 * last days, in space that does not grow with titles, and frozen with the forecast, so that a plan can be made again.
 */
import { positionBins, type WatchedDay } from '../demand.ts';

/** Hours played: what stands behind a curve. */
export interface WatchedCurve {
  readonly hours: number;
  /** How much is played of each of `positionBins` equal parts, relative to their mean: all 1 where nothing is known. */
  readonly curve: readonly number[];
}

export interface Audience extends WatchedCurve {
  /** UTC days with anything played that it was learnt from. */
  readonly days: number;
  /** Share of the played time of each class of renditions; video adds up to 1. */
  readonly mix: Readonly<Record<string, number>>;
  /** Curves of the titles that were watched most, drawn towards the region's. */
  readonly assets: readonly (WatchedCurve & { readonly assetId: string })[];
}

/** A region's curve and mix are drawn towards flat as if by so many hours of flat playing. */
export const priorHours = 20;
/** A title's curve is drawn towards the region's by so many hours. */
const assetPriorHours = 10;
/** Of a title with less than this the region's curve says as much. */
const leastAssetHours = 1;
const mostAssets = 300;
const hourMs = 3_600_000;

/** Null where nothing was played: every byte of a title then has the same value. */
export function learnAudience(days: Iterable<WatchedDay>): Audience | null {
  const region = new Float64Array(positionBins);
  const mixMs = new Map<string, number>();
  const assets = new Map<string, Float64Array>();
  let seen = 0;
  for (const day of days) {
    seen += 1;
    add(region, day.binsMs);
    for (const [name, ms] of Object.entries(day.mixMs)) mixMs.set(name, (mixMs.get(name) ?? 0) + ms);
    for (const { assetId, binsMs } of day.assets) {
      const bins = assets.get(assetId) ?? new Float64Array(positionBins);
      add(bins, binsMs);
      assets.set(assetId, bins);
    }
  }
  const playedMs = total(region);
  if (playedMs <= 0) return null;
  const curve = drawnTo(region, flat, priorHours);
  const videoMs = [...mixMs].reduce((sum, [name, ms]) => sum + (name.startsWith('v') ? ms : 0), 0);
  return {
    days: seen,
    hours: rounded(playedMs / hourMs),
    curve: curve.map(rounded),
    mix: Object.fromEntries(
      [...mixMs]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, ms]) => [name, rounded(ms / (videoMs > 0 ? videoMs : playedMs))]),
    ),
    assets: [...assets]
      .map(([assetId, bins]) => ({ assetId, bins, hours: total(bins) / hourMs }))
      .filter(({ hours }) => hours >= leastAssetHours)
      .sort((a, b) => b.hours - a.hours || (a.assetId < b.assetId ? -1 : 1))
      .slice(0, mostAssets)
      .map(({ assetId, bins, hours }) => ({
        assetId,
        hours: rounded(hours),
        curve: drawnTo(bins, curve, assetPriorHours).map(rounded),
      })),
  };
}

/** Evidence of the mix against its prior, 0 … 1. */
export const trustOf = ({ hours }: Audience): number => hours / (hours + priorHours);

const flat: readonly number[] = Array.from({ length: positionBins }, () => 1);

function drawnTo(bins: Float64Array, prior: readonly number[], hours: number): number[] {
  const ms = total(bins);
  const trust = ms / (ms + hours * hourMs);
  return prior.map((usual, bin) => trust * (((bins[bin] ?? 0) / ms) * positionBins) + (1 - trust) * usual);
}

function add(sum: Float64Array, bins: readonly number[]): void {
  for (let bin = 0; bin < positionBins; bin += 1) sum[bin] = (sum[bin] ?? 0) + (bins[bin] ?? 0);
}

const total = (bins: Float64Array): number => bins.reduce((sum, ms) => sum + ms, 0);
const rounded = (value: number): number => Math.round(value * 1e4) / 1e4;
