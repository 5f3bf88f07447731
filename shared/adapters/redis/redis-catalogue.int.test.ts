import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { storeKeys } from '../../domain/keys.ts';
import { systemClock as clock } from '../../platform/clock.ts';
import { describeCatalogue, makeTestAsset } from '../../testing/catalogue-contract.ts';
import { makeRedisKit, type RedisKit } from '../../testing/redis-kit.ts';
import { makeRedisCatalogue } from './redis-catalogue.ts';

describeCatalogue('Redis and a folder', async () => {
  const kit = await makeRedisKit();
  const { first, second, store } = kit;
  return {
    catalogue: makeRedisCatalogue({ redis: first, store, clock }),
    other: makeRedisCatalogue({ redis: second, store, clock }),
    store,
    loseLiveData: kit.flushAll,
    dispose: kit.dispose,
  };
});

describe('catalogue and the faults of Redis', () => {
  let kit: RedisKit;
  afterEach(() => kit.dispose());

  it('mends what a writer left that died between the store and Redis', async () => {
    kit = await makeRedisKit();
    const { first, second, store } = kit;
    let dieAfterPut = false;
    const dying = makeRedisCatalogue({
      redis: first,
      clock,
      store: {
        ...store,
        async put(...args) {
          const result = await store.put(...args);
          if (dieAfterPut) throw new Error('killed');
          return result;
        },
      },
    });
    const survivor = makeRedisCatalogue({ redis: second, store, clock });
    await dying.create(makeTestAsset('one'));
    await survivor.list();
    dieAfterPut = true;
    await expect(dying.update('one', (asset) => ({ ...asset, state: 'transcoding' }))).rejects.toThrow('killed');
    await expect(dying.create(makeTestAsset('two'))).rejects.toThrow('killed');
    expect((await survivor.list({ state: 'transcoding' })).items.map(({ id }) => id)).toEqual(['one']);
    expect((await survivor.get('two'))?.id).toBe('two');
    expect((await survivor.list({ state: 'uploaded' })).items.map(({ id }) => id)).toEqual(['two']);
  });

  it('does not trust copies of before a restart, whose last writes may be lost', async () => {
    kit = await makeRedisKit({ persistent: true });
    const { first, store, server } = kit;
    const catalogue = makeRedisCatalogue({ redis: first, store, clock });
    await catalogue.create(makeTestAsset('one'));
    await catalogue.list();
    // The store went on while Redis lost its last second: the same as a document changed behind its back.
    await store.put(storeKeys.catalog('one'), Buffer.from(JSON.stringify(makeTestAsset('one', { title: 'Later' }))));
    await store.put(storeKeys.catalog('two'), Buffer.from(JSON.stringify(makeTestAsset('two'))));
    await server.restart();
    expect((await catalogue.get('one'))?.title).toBe('Later');
    expect((await catalogue.list()).items.map(({ id }) => id)).toEqual(['two', 'one']);
  });

  it('refuses in time while Redis is away and goes on when it is back', async () => {
    kit = await makeRedisKit({ persistent: true });
    const { first, store, server } = kit;
    const catalogue = makeRedisCatalogue({ redis: first, store, clock });
    await catalogue.create(makeTestAsset('one'));
    let heard = 0;
    const stop = await catalogue.watch('one', () => {
      heard += 1;
    });
    await server.kill();
    await expect(catalogue.update('one', (asset) => ({ ...asset, title: 'Lost' }))).rejects.toThrow();
    await server.restart();
    await catalogue.update('one', (asset) => ({ ...asset, title: 'Back' }));
    expect((await catalogue.get('one'))?.title).toBe('Back');
    await expect.poll(() => heard, { timeout: 5_000 }).toBeGreaterThan(0);
    await stop();
  });

  it('loses no update of a second operating-system process', async () => {
    kit = await makeRedisKit();
    const { first, store, server } = kit;
    const catalogue = makeRedisCatalogue({ redis: first, store, clock });
    await catalogue.create(makeTestAsset('one'));
    const script = `
      import { connectRedis } from ${url('./connection.ts')};
      import { makeRedisCatalogue } from ${url('./redis-catalogue.ts')};
      import { makeFolderObjectStore } from ${url('../folder/folder-object-store.ts')};
      import { systemClock as clock } from ${url('../../platform/clock.ts')};
      const redis = connectRedis({ url: process.argv[1] });
      const store = makeFolderObjectStore({ root: process.argv[2] });
      const catalogue = makeRedisCatalogue({ redis, store, clock });
      for (let i = 0; i < 15; i++) await catalogue.update('one', (a) => ({ ...a, tags: [...a.tags, 'child' + i] }));
      await redis.close();
      await store.close();
    `;
    const child = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, server.url, kit.folder]);
    for (let i = 0; i < 15; i++) {
      await catalogue.update('one', (asset) => ({ ...asset, tags: [...asset.tags, `parent${i}`] }));
      await clock.sleep(20);
    }
    await child;
    expect((await catalogue.get('one'))?.tags).toHaveLength(30);
  });

  const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
});
