/**
 * A region's demand by asset and hour, of all its assets or of a fixed sample of them: bounded, whatever the log's size.
 *
 * An asset is in the sample if the hash of its id lies below a threshold, which falls as more comes than there is room for
 * (spatially hashed sampling: Waldspurger et al., "Efficient MRC Construction with SHARDS", FAST 2015, §3.2). A disk of the
 * sampled share of the real one then meets demand like the real one. The same rows in any order give the same sample.
 */
import type { DemandRow } from '../demand.ts';
import { hashUnit } from '../routing/hash.ts';

export interface SampleBounds {
  readonly mostAssets: number;
  /** Cells of an asset and an hour. */
  readonly mostCells: number;
}

/** Demand of one asset in one hour. */
export interface Cell {
  /** Hours since 1970-01-01, UTC. */
  readonly hour: number;
  readonly views: number;
  readonly bytes: number;
}

export interface SampledLog {
  /** Assets are sampled at this rate: 1 is all of them. */
  readonly share: number;
  /** By asset id; cells in the order of time, one an hour. */
  readonly assets: readonly { readonly assetId: string; readonly cells: readonly Cell[] }[];
}

export interface LogSampler {
  add(row: DemandRow): void;
  read(): SampledLog;
}

const hourMs = 3_600_000;

export function makeLogSampler({ mostAssets, mostCells }: SampleBounds): LogSampler {
  const sampled = new Map<string, { readonly unit: number; readonly cells: Map<number, Cell> }>();
  let threshold = 1;
  let count = 0;
  /** Rows come day by day, or asset by asset: mostly the same day again. */
  let lastDay = '';
  let lastHour = 0;

  const firstHourOf = (day: string): number => {
    if (day !== lastDay) lastHour = Date.parse(`${day}T00:00:00Z`) / hourMs;
    lastDay = day;
    return lastHour;
  };
  const lower = (): void => {
    threshold /= 2;
    for (const [assetId, { unit, cells }] of sampled) {
      if (unit < threshold) continue;
      sampled.delete(assetId);
      count -= cells.size;
    }
  };
  return {
    add({ assetId, day, hour, views, bytes }) {
      if (bytes <= 0) return;
      const known = sampled.get(assetId);
      const unit = known?.unit ?? hashUnit(assetId);
      if (unit >= threshold) return;
      const asset = known ?? { unit, cells: new Map<number, Cell>() };
      if (!known) sampled.set(assetId, asset);
      // A day without hours is one lump, at an hour of the asset's own.
      const at = firstHourOf(day) + (hour ?? Math.floor(hashUnit(`${assetId} ${day}`) * 24));
      const cell = asset.cells.get(at);
      if (!cell) count += 1;
      asset.cells.set(at, { hour: at, views: (cell?.views ?? 0) + views, bytes: (cell?.bytes ?? 0) + bytes });
      while ((sampled.size > mostAssets || count > mostCells) && sampled.size > 1) lower();
    },
    read: () => ({
      share: threshold,
      assets: [...sampled]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([assetId, { cells }]) => ({ assetId, cells: [...cells.values()].sort((a, b) => a.hour - b.hour) })),
    }),
  };
}
