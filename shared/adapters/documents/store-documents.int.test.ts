import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FillPlan, Forecast, PlannedFile } from '../../domain/fill.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { type DocumentsUnderTest, documentsContract } from '../../testing/documents-contract.ts';
import { makeFolderObjectStore } from '../folder/folder-object-store.ts';
import { makeStoreDocuments } from './store-documents.ts';
import { type Part, usualLinesAPart } from './store-parts.ts';
import type { LongLists } from './store-plans.ts';

const makeRoot = (): Promise<string> => mkdtemp(join(tmpdir(), 'nightfill-documents-'));

const inParts = { mostLines: 0, linesAPart: 2 };
documentsContract('object store', () => makeUnderTest());
documentsContract('object store, lists in parts', () => makeUnderTest(inParts));

async function makeUnderTest(lists?: LongLists): Promise<DocumentsUnderTest> {
  const root = await makeRoot();
  let reads = 0;
  const counted = (): ObjectStore => {
    const store = makeFolderObjectStore({ root });
    return {
      ...store,
      get: (...of) => {
        reads += 1;
        return store.get(...of);
      },
    };
  };
  return {
    documents: makeStoreDocuments(counted(), lists),
    other: makeStoreDocuments(counted(), lists),
    countReads: () => reads,
    dispose: () => rm(root, { recursive: true, force: true }),
  };
}

describe('stored documents', () => {
  let root: string;
  let store: ObjectStore;
  beforeEach(async () => {
    root = await makeRoot();
    store = makeFolderObjectStore({ root });
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it.each([
    ['not JSON', '{"schema": 1', 'it is not JSON'],
    ['without a schema', '[]', 'it has no schema number'],
    ['of a later schema', '{"schema":3}', 'its schema is 3, this Nightfill reads 1 and 2'],
  ])('says what is wrong with one that is %s', async (_name, text, message) => {
    await store.put('forecasts/eu/2026-11-21.json', Buffer.from(text));
    const reading = makeStoreDocuments(store).getForecast('eu', '2026-11-21');
    await expect(reading).rejects.toThrow(`forecasts/eu/2026-11-21.json: ${message}`);
  });

  it('are text for people, with their schema', async () => {
    await makeStoreDocuments(store).putForecast(forecastOf(0));
    const text = await readFile(join(root, 'objects/forecasts/eu/2026-11-21.json'), 'utf8');
    expect(text).toMatch(/^\{\n {2}"schema": 1,\n {2}"regionId": "eu",\n[\s\S]*\}\n$/);
  });

  it('that someone else left among fills and reports are passed over', async () => {
    await store.put('fills/README.txt', Buffer.from('hello'));
    await store.put('fills/eu-someday.json', Buffer.from('{}'));
    await store.put('reports/eu/2026-11-21-0.json', Buffer.from('{}'));
    const documents = makeStoreDocuments(store);
    expect(await documents.listFills()).toEqual([]);
    expect(await documents.getReport('eu', '2026-11-21')).toBeNull();
  });

  const files = (count: number): PlannedFile[] =>
    Array.from({ length: count }, (_, at) => ({
      key: `film-${at % 7}/v${at % 2}/video/${at}.m4s`,
      assetId: `film-${at % 7}`,
      rendition: at % 3 ? 'video' : null,
      sizeBytes: at,
      sha256: at.toString(16).padStart(64, '0'),
      expectedBytes: at / 3,
      value: 1 / 3,
      reason: at % 2 ? 'expected-demand' : 'must-have',
    }));
  const planOf = (fetch: PlannedFile[]): FillPlan => ({
    schema: 1,
    id: 'eu-2026-11-21',
    regionId: 'eu',
    date: '2026-11-21',
    run: 1,
    frozenAt: '2026-11-20T22:00:00.000Z',
    window: { start: '01:00', end: '05:00' },
    timeZone: 'Europe/Berlin',
    budget: { bytesPerNight: 1_000, rateBps: 1_000 },
    forecastKey: 'forecasts/eu/2026-11-21.json',
    forecastModel: 'mean',
    expectedBytes: 1,
    plannedCoverage: 1,
    fetchBytes: 1,
    fetchFiles: fetch.length,
    appliances: [{ applianceId: 'e0', capacityBytes: 1, fetch, keep: [], evict: [] }],
    rejected: [],
  });
  const forecastOf = (assets: number): Forecast => ({
    schema: 1,
    regionId: 'eu',
    date: '2026-11-21',
    model: 'mean',
    madeAt: '2026-11-20T22:00:00.000Z',
    historyUntil: null,
    historyDays: 0,
    expectedViews: 0,
    expectedBytes: 0,
    score: null,
    assets: Array.from({ length: assets }, (_, at) => ({
      assetId: `film-${at}`,
      ...{ expectedViews: 1, expectedBytes: 1, lowBytes: 0, highBytes: 1, observedDays: 1 },
    })),
  });
  const headOf = async (): Promise<{ parts?: Part[] }> =>
    JSON.parse(await readFile(join(root, 'objects/plans/eu/2026-11-21.json'), 'utf8'));
  const partsOf = async (): Promise<string[]> => {
    const keys: string[] = [];
    for await (const { key } of store.list('plans/eu/2026-11-21.parts/')) keys.push(key);
    return keys;
  };

  it('of a short plan are one text, of a long one a short text and gzipped parts', async () => {
    const documents = makeStoreDocuments(store);
    expect(await documents.putPlan(planOf(files(100)))).toBe(true);
    expect(await headOf()).toMatchObject({ schema: 1, appliances: [{ fetch: files(100) }] });
    expect(await partsOf()).toEqual([]);
    await store.delete('plans/eu/2026-11-21.json');

    const fetch = files(usualLinesAPart + 5_000);
    expect(await documents.putPlan(planOf(fetch))).toBe(true);
    const { parts = [], ...head } = await headOf();
    expect(head).toMatchObject({ schema: 2, appliances: [{ applianceId: 'e0', fetch: { files: fetch.length } }] });
    expect(parts.map(({ list, first, lines }) => [list, first, lines])).toEqual([
      ['fetch/e0', 0, usualLinesAPart],
      ['fetch/e0', usualLinesAPart, 5_000],
    ]);
    const read = await documents.getPlan('eu', '2026-11-21');
    expect([...(read?.appliances[0]?.fetch ?? [])]).toEqual(fetch);
    for (const at of [0, 4_095, 4_096, usualLinesAPart + 4_999])
      expect(read?.appliances[0]?.fetch.at(at)).toEqual(fetch[at]);
    expect(read?.appliances[0]?.fetch.at(fetch.length)).toBeUndefined();
    const object = await store.get(`plans/eu/2026-11-21.parts/${parts[1]?.sha256}.ndjson.gz`);
    const text = gunzipSync(await buffer(object?.body ?? Readable.from([]))).toString();
    expect(JSON.parse(text.slice(0, text.indexOf('\n')))).toEqual(fetch[usualLinesAPart]);
  });

  it('from before there were parts are read whatever their length', async () => {
    const frozen = planOf(files(30));
    await store.put('plans/eu/2026-11-21.json', Buffer.from(JSON.stringify(frozen)));
    const documents = makeStoreDocuments(store, inParts);
    expect(await documents.getPlan('eu', '2026-11-21')).toEqual(frozen);
    expect(await documents.getPlanOutline('eu', '2026-11-21')).toMatchObject({
      appliances: [{ fetch: { files: 30 } }],
      copies: {},
    });
    const span = { applianceId: 'e0', first: 28, count: 5 };
    expect(await documents.getPlanLines(frozen, 'fetch', span)).toEqual(files(30).slice(28));
    expect(await documents.putPlan(planOf(files(9)))).toBe(false);
  });

  it('say which part is damaged or gone', async () => {
    const documents = makeStoreDocuments(store, inParts);
    await documents.putPlan(planOf(files(4)));
    const [key = ''] = await partsOf();
    await store.put(key, Buffer.from('other bytes'));
    await expect(documents.getPlan('eu', '2026-11-21')).rejects.toThrow(`${key}: its bytes are not those`);
    await store.delete(key);
    await expect(documents.getPlan('eu', '2026-11-21')).rejects.toThrow(`${key}: it is gone`);
    expect((await documents.getPlanOutline('eu', '2026-11-21'))?.fetchFiles).toBe(4);
  });

  it('leave nothing of a planner that died or came second, and never overwrite a plan', async () => {
    const documents = makeStoreDocuments(store, inParts);
    await store.put('plans/eu/2026-11-21.parts/0123.ndjson.gz', Buffer.from('of one that died'));
    expect(await documents.putPlan(planOf(files(5)))).toBe(true);
    const parts = await partsOf();
    expect(parts).toHaveLength(3);
    expect(await documents.putPlan(planOf(files(9)))).toBe(false);
    expect(await partsOf()).toEqual(parts);
    expect([...((await documents.getPlan('eu', '2026-11-21'))?.appliances[0]?.fetch ?? [])]).toEqual(files(5));
  });

  describe('of writers that died before their document', () => {
    const tomorrow = new Date(Date.now() + 24 * 3_600_000);
    const yesterday = new Date(Date.now() - 24 * 3_600_000);
    const documents = () => makeStoreDocuments(store, inParts);
    const leave = async (stem: string, name: string): Promise<string> => {
      await store.put(`${stem}.parts/${name}.ndjson.gz`, Buffer.from(name));
      return `${stem}.parts/${name}.ndjson.gz`;
    };
    const keysIn = async (prefix: string): Promise<string[]> => {
      const keys: string[] = [];
      for await (const { key } of store.list(prefix)) keys.push(key);
      return keys;
    };

    it('go, if they are old, and what a document names stays', async () => {
      await documents().putForecast(forecastOf(5));
      await documents().putPlan(planOf(files(5)));
      // With few lines it is one text, and names no part.
      await makeStoreDocuments(store).putForecast({ ...forecastOf(1), date: '2026-11-22' }, 2);
      const frozen = [...(await keysIn('forecasts/')), ...(await keysIn('plans/'))];
      const left = [
        await leave('forecasts/eu/2026-11-21', 'aa'),
        await leave('forecasts/eu/2026-11-22-2', 'bb'),
        await leave('plans/eu/2026-11-21', 'cc'),
      ];
      expect(await documents().sweepParts(yesterday)).toBe(0);
      expect(await documents().sweepParts(tomorrow)).toBe(left.length);
      expect([...(await keysIn('forecasts/')), ...(await keysIn('plans/'))]).toEqual(frozen);
    });

    it('stay where neither a document nor its fill is there, or the document cannot be read', async () => {
      const orphan = await leave('plans/eu/2026-11-21-2', 'aa');
      const unreadable = await leave('plans/eu/2026-11-22', 'bb');
      const odd = await leave('plans/eu/someday', 'cc');
      await store.put('plans/eu/2026-11-22.json', Buffer.from('{'));
      expect(await documents().sweepParts(tomorrow)).toBe(0);
      await store.put('fills/eu-2026-11-21-2.json', Buffer.from('{"schema":1}'));
      expect(await documents().sweepParts(tomorrow)).toBe(1);
      expect(await store.head(orphan)).toBeNull();
      for (const key of [unreadable, odd]) expect(await store.head(key)).not.toBeNull();
    });

    it('stay when another writes the same meanwhile', async () => {
      const key = await leave('plans/eu/2026-11-21', 'aa');
      await store.put('fills/eu-2026-11-21.json', Buffer.from('{"schema":1}'));
      const old = new Date(0);
      const listing: ObjectStore = {
        ...store,
        async *list(prefix, of) {
          for await (const object of store.list(prefix, of)) yield { ...object, lastModified: old };
        },
      };
      expect(await makeStoreDocuments(listing).sweepParts(yesterday)).toBe(0);
      expect(await store.head(key)).not.toBeNull();
    });
  });

  it('of a store that breaks off leave no plan behind', async () => {
    let puts = 0;
    const breaking: ObjectStore = {
      ...store,
      put: async (key, ...of) => {
        puts += 1;
        if (puts === 2) throw new Error('the disk is gone');
        return store.put(key, ...of);
      },
    };
    const failing = makeStoreDocuments(breaking, inParts).putPlan(planOf(files(9)));
    await expect(failing).rejects.toThrow('the disk is gone');
    expect(await makeStoreDocuments(store).getPlan('eu', '2026-11-21')).toBeNull();
    expect(await makeStoreDocuments(store, inParts).putPlan(planOf(files(9)))).toBe(true);
  });
});
