/** A forecast's assets by name. Made once for a forecast, however many steps of a plan ask: there may be a million of them. */
import type { AssetForecast, Forecast } from '../fill.ts';

/** Place of each asset in `forecast.assets`. */
export function placesIn(forecast: Forecast): ReadonlyMap<string, number> {
  const places = known.get(forecast) ?? new Map(forecast.assets.map(({ assetId }, place) => [assetId, place]));
  known.set(forecast, places);
  return places;
}

export const expectedOf = (forecast: Forecast, assetId: string): AssetForecast | undefined =>
  forecast.assets[placesIn(forecast).get(assetId) ?? -1];

const known = new WeakMap<Forecast, ReadonlyMap<string, number>>();
