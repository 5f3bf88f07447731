import pLimit from 'p-limit';
import type { Fill, FillReport } from '../../domain/fill.ts';
import { storeKeys } from '../../domain/keys.ts';
import type { Manifest } from '../../domain/manifest.ts';
import type { PulledRoom } from '../../domain/pulled-room/pulled-room.ts';
import type { Documents } from '../../ports/documents.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { type DatedName, newestFirst, parseDatedKey } from './dated-key.ts';
import { makeStoreForecasts } from './store-forecasts.ts';
import { createDocument, readDocument, writeDocument } from './store-json.ts';
import { usualLinesAPart } from './store-parts.ts';
import { type LongLists, makeStorePlans } from './store-plans.ts';
import { sweepParts } from './sweep-parts.ts';

const schema = 1;
const defaultFills = 50;
const parallelReads = 8;
/** Two megabytes of text or so: what is longer nobody reads from its beginning. */
const usualLists: LongLists = { mostLines: 5_000, linesAPart: usualLinesAPart };

/** A fill as it is stored; the domain's has no schema number because it is also what the API answers. */
type StoredFill = Fill & { readonly schema: typeof schema };

/**
 * Documents as JSON files in the object store.
 *
 * Lists are made from keys alone, which say region, date and run; only the documents that are returned are read.
 */
export function makeStoreDocuments(store: ObjectStore, lists = usualLists): Documents {
  const forecasts = makeStoreForecasts(store, lists);
  const getFill = async (id: string): Promise<Fill | null> => {
    const stored = await readDocument<StoredFill>(store, storeKeys.fill(id), schema);
    if (!stored) return null;
    const { schema: _schema, ...fill } = stored;
    return fill;
  };
  const asStored = (fill: Fill): StoredFill => ({ schema, ...fill });

  return {
    getManifest: (assetId, version) => readDocument<Manifest>(store, storeKeys.manifest(assetId, version), schema),
    putManifest: (manifest) => createDocument(store, storeKeys.manifest(manifest.assetId, manifest.version), manifest),

    async getForecast(regionId, date, run) {
      const number = run ?? (await lastRun(store, storeKeys.forecastsPrefix(regionId), date));
      return number === null ? null : forecasts.get(regionId, date, number);
    },
    async getForecastPage(regionId, date, span, run) {
      const number = run ?? (await lastRun(store, storeKeys.forecastsPrefix(regionId), date));
      return number === null ? null : forecasts.page(regionId, date, number, span);
    },
    putForecast: forecasts.put,

    ...makeStorePlans(store, lists),

    sweepParts: (before, signal) => sweepParts(store, before, signal),

    async getPulledRoom(regionId) {
      const prefix = storeKeys.roomsPrefix(regionId);
      const [last] = await listDated(store, prefix, prefix);
      return last ? readDocument<PulledRoom>(store, last.key, schema) : null;
    },
    putPulledRoom: (room) => createDocument(store, storeKeys.room(room.regionId, room.date), room),

    getFill,
    createFill: (fill) => createDocument(store, storeKeys.fill(fill.id), asStored(fill)),
    putFill: (fill) => writeDocument(store, storeKeys.fill(fill.id), asStored(fill)),

    isFillPaused: async (id) => (await store.head(storeKeys.fillPause(id))) !== null,
    setFillPaused: (id, paused) =>
      paused ? writeDocument(store, storeKeys.fillPause(id), { schema }) : store.delete(storeKeys.fillPause(id)),

    async listFills({ regionId, date, limit = defaultFills } = {}) {
      const prefix = storeKeys.fillsPrefix + (regionId === undefined ? '' : `${regionId}-${date ?? ''}`);
      const fills = await listDated(store, prefix, storeKeys.fillsPrefix);
      const wanted = fills
        .filter(({ name }) => regionId === undefined || name.owner === regionId)
        .filter(({ name }) => date === undefined || name.date === date)
        .slice(0, limit);
      const atOnce = pLimit(parallelReads);
      const read = await atOnce.map(wanted, ({ key }) => getFill(idOf(key)));
      return read.filter((fill) => fill !== null);
    },

    async getReport(regionId, date, run) {
      const number = run ?? (await lastRun(store, storeKeys.reportsPrefix(regionId), date));
      return number === null ? null : readDocument<FillReport>(store, storeKeys.report(regionId, date, number), schema);
    },
    putReport: (report) => writeDocument(store, storeKeys.report(report.regionId, report.date, report.run), report),

    async listReportDates(regionId, limit) {
      const prefix = storeKeys.reportsPrefix(regionId);
      const reports = await listDated(store, prefix, prefix);
      return [...new Set(reports.map(({ name }) => name.date))].slice(0, limit);
    },
  };
}

const idOf = (key: string): string => key.slice(storeKeys.fillsPrefix.length, -'.json'.length);

async function lastRun(store: ObjectStore, folder: string, date: string): Promise<number | null> {
  const [last] = await listDated(store, folder + date, folder);
  return last?.name.run ?? null;
}

interface DatedKey {
  readonly key: string;
  readonly name: DatedName;
}

/** Keys that begin with `prefix` and name a date behind `folder`, newest first. */
async function listDated(store: ObjectStore, prefix: string, folder: string): Promise<DatedKey[]> {
  const found: DatedKey[] = [];
  for await (const { key } of store.list(prefix)) {
    const name = parseDatedKey(key, folder);
    if (name) found.push({ key, name });
  }
  return found.sort((a, b) => newestFirst(a.name, b.name));
}
