/** Forecasts: of few assets one document, of many the assets are in parts beside it (schema 2). */
import type { AssetForecast, Forecast } from '../../domain/fill.ts';
import { storeKeys } from '../../domain/keys.ts';
import { type ForecastView, forecastPage, nextPage } from '../../domain/planning/plan-view.ts';
import type { Span } from '../../ports/documents.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { readDocument, writeDocument } from './store-json.ts';
import { linesIn, makeParts, type Part, spanIn } from './store-parts.ts';
import type { LongLists } from './store-plans.ts';

interface ForecastInParts extends Omit<Forecast, 'schema' | 'assets'> {
  readonly schema: 2;
  readonly parts: readonly Part[];
}

export function makeStoreForecasts(store: ObjectStore, { mostLines, linesAPart }: LongLists) {
  const read = (key: string) => readDocument<Forecast | ForecastInParts>(store, key, [1, 2]);

  return {
    async get(regionId: string, date: string, run: number): Promise<Forecast | null> {
      const key = storeKeys.forecast(regionId, date, run);
      const found = await read(key);
      if (!found || !('parts' in found)) return found;
      const assets: AssetForecast[] = [];
      const models = new Map<string, string>();
      for await (const lines of linesIn<AssetForecast>(makeParts(store, key), found.parts)) {
        for (const line of lines) {
          // There are few models, and each line brings a text of its own.
          const { model } = line;
          const known = model === undefined ? undefined : (models.get(model) ?? model);
          if (known !== undefined) models.set(known, known);
          assets.push(known === undefined ? line : { ...line, model: known });
        }
      }
      const { parts: _parts, ...forecast } = found;
      return { ...forecast, schema: 1, assets };
    },

    async page(regionId: string, date: string, run: number, span: Span): Promise<ForecastView | null> {
      const key = storeKeys.forecast(regionId, date, run);
      const found = await read(key);
      if (!found) return null;
      if (!('parts' in found)) return forecastPage(found, span.count, span.first);
      const { parts, ...forecast } = found;
      const assets = await spanIn<AssetForecast>(makeParts(store, key), parts, span);
      const assetCount = parts.reduce((sum, { lines }) => sum + lines, 0);
      return { ...forecast, schema: 1, assets, assetCount, next: nextPage(span.first + assets.length, assetCount) };
    },

    async put(forecast: Forecast, run = 1): Promise<void> {
      const key = storeKeys.forecast(forecast.regionId, forecast.date, run);
      if (forecast.assets.length <= mostLines) return writeDocument(store, key, forecast);
      const before = await read(key);
      const parts = makeParts(store, key, linesAPart);
      const { assets, ...rest } = forecast;
      const document: ForecastInParts = { ...rest, schema: 2, parts: await parts.write('assets', assets) };
      await writeDocument(store, key, document);
      if (before && 'parts' in before) await parts.forget(before.parts, document.parts);
    },
  };
}
