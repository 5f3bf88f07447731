/** How right the forecast was, by how much its titles were watched before, and how well its intervals held. */
import type { DailyDemand } from '../demand.ts';
import type { AssetForecast } from '../fill.ts';
import { type Calibration, type ClassAccuracy, type SeriesClass, seriesClasses } from '../score.ts';
import { ratio, sum } from './day-inputs.ts';

/** Of the intervals in a stored forecast. */
export const intervalLevel = 0.8;
const headShare = 0.5;
const torsoShare = 0.9;

/**
 * Classes by the bytes of the days before `date` in `demand`: the most watched assets that together make half are the head,
 * those up to 90% the torso; assets without any demand then are new. The day itself has no say, or the head would be those
 * that were underrated.
 */
export function classesBefore(demand: readonly DailyDemand[], date: string): Map<string, SeriesClass> {
  const volumes = new Map<string, number>();
  for (const row of demand) {
    if (row.date < date && row.bytes > 0) volumes.set(row.assetId, (volumes.get(row.assetId) ?? 0) + row.bytes);
  }
  const total = sum(volumes.values());
  let above = 0;
  return new Map(
    [...volumes]
      .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      .map(([assetId, bytes]) => {
        const share = above / total;
        above += bytes;
        return [assetId, share < headShare ? 'head' : share < torsoShare ? 'torso' : 'tail'];
      }),
  );
}

export function accuracyByClass(
  forecasts: readonly AssetForecast[],
  actual: ReadonlyMap<string, number>,
  classes: ReadonlyMap<string, SeriesClass>,
): ClassAccuracy[] {
  const expected = new Map(forecasts.map(({ assetId, expectedBytes }) => [assetId, expectedBytes]));
  const ids = [...new Set([...expected.keys(), ...actual.keys()])];
  return seriesClasses.flatMap((seriesClass) => {
    const members = ids.filter((id) => (classes.get(id) ?? 'new') === seriesClass);
    if (members.length === 0) return [];
    const forecastBytes = sum(members.map((id) => expected.get(id) ?? 0));
    const actualBytes = sum(members.map((id) => actual.get(id) ?? 0));
    const absoluteErrorBytes = sum(members.map((id) => Math.abs((expected.get(id) ?? 0) - (actual.get(id) ?? 0))));
    return [
      {
        seriesClass,
        assets: members.length,
        forecastBytes,
        actualBytes,
        absoluteErrorBytes,
        wape: ratio(absoluteErrorBytes, actualBytes),
        bias: actualBytes > 0 ? (forecastBytes - actualBytes) / actualBytes : null,
      },
    ];
  });
}

export function calibrationOf(forecasts: readonly AssetForecast[], actual: ReadonlyMap<string, number>): Calibration[] {
  const inside = forecasts.filter(({ assetId, lowBytes, highBytes }) => {
    const bytes = actual.get(assetId) ?? 0;
    return lowBytes <= bytes && bytes <= highBytes;
  }).length;
  const count = forecasts.length;
  return [{ level: intervalLevel, forecasts: count, inside, share: ratio(inside, count) }];
}
