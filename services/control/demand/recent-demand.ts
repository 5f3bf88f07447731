/**
 * What each region asked for within the last half hour, for the others: a title that rises somewhere is likely to rise
 * elsewhere.
 *
 * In memory and bounded; what was known is lost with the process, and appliances hear of what comes after. A second
 * control process would know of its own appliances only.
 */
import type { TelemetryRow } from '../../../shared/domain/demand.ts';
import type { Clock } from '../../../shared/ports/clock.ts';

export interface RecentDemand {
  add(regionId: string, rows: readonly Pick<TelemetryRow, 'assetId' | 'bytes'>[]): void;
  /**
   * Bytes by asset that regions other than `regionId` asked for within the spans that ended after `afterMs`, and the end
   * of the last of them.
   */
  elsewhere(
    regionId: string,
    afterMs: number,
  ): { readonly untilMs: number; readonly bytes: ReadonlyMap<string, number> };
}

/** Appliances are told of whole spans, so that each hears of everything once. */
export const spanMs = 5 * 60_000;
const keptSpans = 6;
/** Assets that are counted in one region and span: some 100 bytes each. */
const mostAssets = 20_000;

export function makeRecentDemand(clock: Pick<Clock, 'now'>): RecentDemand {
  /** By the number of the span, then region, then asset. */
  const spans = new Map<number, Map<string, Map<string, number>>>();

  return {
    add(regionId, rows) {
      const span = Math.floor(clock.now() / spanMs);
      const regions = spans.get(span) ?? new Map<string, Map<string, number>>();
      spans.set(span, regions);
      for (const old of spans.keys()) if (old < span - keptSpans) spans.delete(old);
      const assets = regions.get(regionId) ?? new Map<string, number>();
      regions.set(regionId, assets);
      for (const { assetId, bytes } of rows) {
        if (bytes > 0 && (assets.has(assetId) || assets.size < mostAssets))
          assets.set(assetId, (assets.get(assetId) ?? 0) + bytes);
      }
    },

    elsewhere(regionId, afterMs) {
      const current = Math.floor(clock.now() / spanMs);
      const bytes = new Map<string, number>();
      for (const [span, regions] of spans) {
        if (span >= current || (span + 1) * spanMs <= afterMs) continue;
        for (const [region, assets] of regions) {
          if (region === regionId) continue;
          for (const [assetId, more] of assets) bytes.set(assetId, (bytes.get(assetId) ?? 0) + more);
        }
      }
      return { untilMs: current * spanMs, bytes };
    },
  };
}
