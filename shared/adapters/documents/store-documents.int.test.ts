import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../ports/object-store.ts';
import { documentsContract } from '../../testing/documents-contract.ts';
import { makeFolderObjectStore } from '../folder/folder-object-store.ts';
import { makeStoreDocuments } from './store-documents.ts';

const makeRoot = (): Promise<string> => mkdtemp(join(tmpdir(), 'nightfill-documents-'));

documentsContract('object store', async () => {
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
    documents: makeStoreDocuments(counted()),
    other: makeStoreDocuments(counted()),
    countReads: () => reads,
    dispose: () => rm(root, { recursive: true, force: true }),
  };
});

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
    ['of a later schema', '{"schema":2}', 'its schema is 2, this Nightfill reads 1'],
  ])('says what is wrong with one that is %s', async (_name, text, message) => {
    await store.put('forecasts/eu/2026-11-21.json', Buffer.from(text));
    const reading = makeStoreDocuments(store).getForecast('eu', '2026-11-21');
    await expect(reading).rejects.toThrow(`forecasts/eu/2026-11-21.json: ${message}`);
  });

  it('are text for people, with their schema', async () => {
    await makeStoreDocuments(store).putForecast({
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
      assets: [],
    });
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
});
