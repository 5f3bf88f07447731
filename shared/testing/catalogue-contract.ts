import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Asset, TranscodeProgress } from '../domain/asset.ts';
import { storeKeys } from '../domain/keys.ts';
import type { Catalogue } from '../ports/catalogue.ts';
import type { ObjectStore } from '../ports/object-store.ts';

export interface CatalogueSetup {
  /** Two users of one catalogue, as two processes would have it. */
  readonly catalogue: Catalogue;
  readonly other: Catalogue;
  readonly store: ObjectStore;
  /** Empties what is live; the object store stays. */
  loseLiveData(): Promise<void>;
  dispose(): Promise<void>;
}

export const makeTestAsset = (id: string, changes: Partial<Asset> = {}): Asset => ({
  schema: 1,
  id,
  title: `Title of ${id}`,
  tags: [],
  state: 'uploaded',
  profile: 'standard',
  source: {
    fileName: `${id}.mp4`,
    sizeBytes: 1_000,
    sha256: '0'.repeat(64),
    container: 'mp4',
    durationS: 10,
    video: null,
    audio: null,
  },
  sourceKey: `uploads/${id}`,
  version: null,
  durationS: null,
  sizeBytes: null,
  failure: null,
  createdAt: '2026-11-20T10:00:00.000Z',
  updatedAt: '2026-11-20T10:00:00.000Z',
  publishedAt: null,
  ...changes,
});

const progress = (fraction: number, renditions: Readonly<Record<string, number>> = {}): TranscodeProgress => ({
  stage: 'encode',
  fraction,
  renditions,
  speed: null,
});

export function describeCatalogue(name: string, setUp: () => Promise<CatalogueSetup>): void {
  describe(`catalogue contract: ${name}`, () => {
    let setup: CatalogueSetup;
    let catalogue: Catalogue;
    let other: Catalogue;

    beforeEach(async () => {
      setup = await setUp();
      ({ catalogue, other } = setup);
    });
    afterEach(() => setup.dispose());

    const second = (i: number): string => new Date(Date.UTC(2026, 10, 20, 10, 0, i)).toISOString();
    const ids = async (from: Catalogue, options?: Parameters<Catalogue['list']>[0]): Promise<readonly string[]> =>
      (await from.list(options)).items.map(({ id }) => id);

    it('shows a created asset to everyone and refuses its id a second time', async () => {
      await catalogue.create(makeTestAsset('one'));
      expect(await other.get('one')).toEqual(makeTestAsset('one'));
      await expect(other.create(makeTestAsset('one', { title: 'Thief' }))).rejects.toMatchObject({
        code: 'already-exists',
      });
      expect((await catalogue.get('one'))?.title).toBe('Title of one');
      expect(await catalogue.get('two')).toBeNull();
    });

    it('has the document in the object store when a write returns', async () => {
      await catalogue.create(makeTestAsset('one'));
      expect(await setup.store.head(storeKeys.catalog('one'))).not.toBeNull();
      await catalogue.update('one', (asset) => ({ ...asset, title: 'Durable' }));
      await setup.loseLiveData();
      expect((await other.get('one'))?.title).toBe('Durable');
    });

    it('loses no update when two processes change one asset at once', async () => {
      await catalogue.create(makeTestAsset('one'));
      const add = (from: Catalogue, tag: string) =>
        from.update('one', (asset) => ({ ...asset, tags: [...asset.tags, tag] }));
      const tags = Array.from({ length: 20 }, (_, i) => `t${i}`);
      await Promise.all(tags.map((tag, i) => add(i % 2 ? catalogue : other, tag)));
      expect(new Set((await catalogue.get('one'))?.tags)).toEqual(new Set(tags));
      await setup.loseLiveData();
      expect((await catalogue.get('one'))?.tags).toHaveLength(20);
    });

    it('writes nothing for a change that returns its argument, and knows what is missing', async () => {
      await catalogue.create(makeTestAsset('one'));
      const before = await setup.store.head(storeKeys.catalog('one'));
      await catalogue.update('one', (asset) => asset);
      expect((await setup.store.head(storeKeys.catalog('one')))?.etag).toBe(before?.etag);
      await expect(catalogue.update('none', (asset) => asset)).rejects.toMatchObject({ code: 'not-found' });
    });

    it('leaves the asset as it was when the change throws', async () => {
      await catalogue.create(makeTestAsset('one'));
      const refuse = () => {
        throw new Error('not allowed');
      };
      await expect(catalogue.update('one', refuse)).rejects.toThrow('not allowed');
      expect(await catalogue.get('one')).toEqual(makeTestAsset('one'));
      await catalogue.update('one', (asset) => ({ ...asset, title: 'Free again' }));
    });

    it('pages newest first, also where many were created at one time', async () => {
      for (let i = 0; i < 7; i++) await catalogue.create(makeTestAsset(`a${i}`, { createdAt: second(i < 4 ? 0 : i) }));
      const seen: string[] = [];
      for (let after: string | undefined; ; ) {
        const page = await other.list(after === undefined ? { limit: 2 } : { limit: 2, after });
        seen.push(...page.items.map(({ id }) => id));
        if (page.next === null) break;
        after = page.next;
        // What is created between two pages is newer than both: it disturbs neither.
        await catalogue.create(makeTestAsset(`late${seen.length}`, { createdAt: second(50 + seen.length) }));
      }
      expect(seen).toEqual(['a6', 'a5', 'a4', 'a3', 'a2', 'a1', 'a0']);
    });

    it('lists by state, following each change of it', async () => {
      for (let i = 0; i < 4; i++) await catalogue.create(makeTestAsset(`a${i}`, { createdAt: second(i) }));
      await catalogue.update('a1', (asset) => ({ ...asset, state: 'transcoding' }));
      await other.update('a3', (asset) => ({ ...asset, state: 'transcoding' }));
      expect(await ids(catalogue, { state: 'transcoding' })).toEqual(['a3', 'a1']);
      expect(await ids(catalogue, { state: 'uploaded' })).toEqual(['a2', 'a0']);
      await catalogue.update('a3', (asset) => ({ ...asset, state: 'failed' }));
      const first = await catalogue.list({ state: 'transcoding', limit: 1 });
      expect(first).toMatchObject({ items: [{ id: 'a1' }], next: null });
      expect(await ids(catalogue, { state: 'published' })).toEqual([]);
    });

    it('removes an asset, twice without complaint, and lets its id be used again', async () => {
      await catalogue.create(makeTestAsset('one'));
      await catalogue.setProgress('one', progress(0.5));
      await other.remove('one');
      await other.remove('one');
      expect(await catalogue.get('one')).toBeNull();
      expect(await ids(catalogue)).toEqual([]);
      expect(await catalogue.getProgress('one')).toBeNull();
      expect(await setup.store.head(storeKeys.catalog('one'))).toBeNull();
      await catalogue.create(makeTestAsset('one'));
    });

    it('finds everything again after the live data was lost', async () => {
      for (let i = 0; i < 5; i++) await catalogue.create(makeTestAsset(`a${i}`, { createdAt: second(i) }));
      await catalogue.update('a2', (asset) => ({ ...asset, state: 'failed' }));
      await catalogue.remove('a4');
      await setup.loseLiveData();
      expect((await catalogue.get('a2'))?.state).toBe('failed');
      expect(await ids(other)).toEqual(['a3', 'a2', 'a1', 'a0']);
      await setup.loseLiveData();
      expect(await catalogue.rebuild()).toBe(4);
      expect(await ids(other, { state: 'failed' })).toEqual(['a2']);
    });

    it('drops from the index what the object store no longer has', async () => {
      await catalogue.create(makeTestAsset('kept'));
      await catalogue.create(makeTestAsset('gone'));
      await setup.store.delete(storeKeys.catalog('gone'));
      expect(await other.rebuild()).toBe(1);
      expect(await ids(catalogue)).toEqual(['kept']);
      expect(await catalogue.get('gone')).toBeNull();
    });

    it('never lets progress go back, of the whole or of a rendition', async () => {
      expect(await catalogue.getProgress('one')).toBeNull();
      await catalogue.setProgress('one', progress(0.2, { v360: 0.4 }));
      await other.setProgress('one', progress(0.5, { v360: 0.3, v720: 0.1 }));
      await catalogue.setProgress('one', progress(0.4, { v720: 0.9 }));
      expect(await other.getProgress('one')).toEqual(progress(0.5, { v360: 0.4, v720: 0.1 }));
      await other.clearProgress('one');
      expect(await catalogue.getProgress('one')).toBeNull();
      await catalogue.setProgress('one', progress(0));
      expect(await catalogue.getProgress('one')).toEqual(progress(0));
    });

    it('gathers the progress of parts from any process, and lets none of them go back', async () => {
      const part = (share: number, speed: number | null = 1) => ({ renditions: { v360: share }, speed, atMs: 5 });
      await catalogue.setPartProgress('one', '0', part(0.5));
      expect(await other.setPartProgress('one', '1', part(0.1, null))).toEqual({ 0: part(0.5), 1: part(0.1, null) });
      expect(await catalogue.setPartProgress('one', '0', part(0.2, 2))).toMatchObject({ 0: part(0.5, 2) });
      await other.clearProgress('one');
      expect(await catalogue.setPartProgress('one', '0', part(0))).toEqual({ 0: part(0) });
    });

    it('tells watchers of changes and progress from any process, until they stop', async () => {
      await catalogue.create(makeTestAsset('one'));
      await catalogue.create(makeTestAsset('two'));
      let calls = 0;
      const listener = () => {
        calls += 1;
      };
      const stop = await catalogue.watch('one', listener);
      const stopSecond = await catalogue.watch('one', listener);
      await other.update('two', (asset) => ({ ...asset, title: 'Elsewhere' }));
      await other.update('one', (asset) => ({ ...asset, title: 'New' }));
      await vi.waitFor(() => expect(calls).toBe(2));
      await stopSecond();
      await other.setProgress('one', progress(0.1));
      await vi.waitFor(() => expect(calls).toBe(3));
      await stop();
      await other.remove('one');
      // A later message on the same connection proves that the earlier one would have come.
      let last = false;
      const stopLast = await catalogue.watch('two', () => {
        last = true;
      });
      await other.remove('two');
      await vi.waitFor(() => expect(last).toBe(true));
      await stopLast();
      expect(calls).toBe(3);
    });
  });
}
