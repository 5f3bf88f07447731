import pLimit from 'p-limit';
import type { Asset } from '../../domain/asset.ts';
import { storeKeys } from '../../domain/keys.ts';
import { type Catalogue, CatalogueError } from '../../ports/catalogue.ts';
import type { Clock } from '../../ports/clock.ts';
import { type ObjectStore, ObjectStoreError } from '../../ports/object-store.ts';
import { type CatalogueIndex, makeCatalogueIndex } from './catalogue-index.ts';
import { makeChangeWatch } from './change-watch.ts';
import type { RedisConnection } from './connection.ts';
import { type HeldLock, LockBusyError, withLock } from './lock.ts';
import { encodeJson, readJson } from './store-json.ts';

/**
 * The catalogue: documents in the object store, a live index in Redis.
 *
 * A change runs under the asset's lock: the copy in Redis is put in doubt, the document written, the copy renewed. A
 * process that dies between leaves the doubt behind, and the next reader mends the copy from the store. A Redis that is
 * new, was emptied or was restarted is noticed by its run id: single reads then go to the store, and the first listing
 * rebuilds the index.
 */
export interface RedisCatalogueOptions {
  readonly redis: RedisConnection;
  readonly store: ObjectStore;
  readonly clock: Clock;
}

const lockTtlMs = 15_000;
const lockWaitMs = 20_000;
const rebuildWaitMs = 120_000;

export function makeRedisCatalogue({ redis, store, clock }: RedisCatalogueOptions): Catalogue {
  const index = makeCatalogueIndex(redis);
  const changes = makeChangeWatch(redis, redis.key('catalog', 'changed'));

  const load = (id: string): Promise<Asset | null> => readJson<Asset>(store, storeKeys.catalog(id));

  async function locked<T>(id: string, work: (lock: HeldLock) => Promise<T>, waitMs = lockWaitMs): Promise<T> {
    try {
      return await withLock({ redis, clock, key: index.lockKey(id), ttlMs: lockTtlMs, waitMs }, work);
    } catch (error) {
      if (error instanceof LockBusyError)
        throw new CatalogueError('busy', `The asset ${id} is being changed; try again`);
      throw error;
    }
  }

  /** Writes the document and then the copy. A put that fails may have happened: the copy stays in doubt. */
  async function write(asset: Asset, lock: HeldLock, create: boolean): Promise<void> {
    await index.doubt(asset.id);
    await store.put(storeKeys.catalog(asset.id), encodeJson(asset), {
      signal: lock.signal,
      ...(create ? { ifNoneMatch: '*' } : {}),
    });
    await index.save(asset, lock.token);
  }

  /** Makes the copy anew from the store. */
  const mend = (id: string, waitMs: number): Promise<Asset | null> =>
    locked(
      id,
      async (lock) => {
        const asset = await load(id);
        await (asset ? index.save(asset, lock.token) : index.forget(id, lock.token));
        return asset;
      },
      waitMs,
    );

  /** Where another process is writing the asset just now, its copy is left to that one. */
  const mendOrLoad = (id: string): Promise<Asset | null> =>
    mend(id, 0).catch((error: unknown) => {
      if (error instanceof CatalogueError) return load(id);
      throw error;
    });

  async function rebuildIndex(): Promise<number> {
    const atOnce = pLimit(8);
    const mending: Promise<Asset | null>[] = [];
    const leftovers = new Set(await index.ids());
    for await (const { key } of store.list(storeKeys.catalogPrefix)) {
      const id = key.slice(storeKeys.catalogPrefix.length, -'.json'.length);
      leftovers.delete(id);
      mending.push(atOnce(() => mend(id, lockWaitMs)));
    }
    for (const id of leftovers) mending.push(atOnce(() => mend(id, lockWaitMs)));
    const assets = await Promise.all(mending);
    await index.markComplete();
    return assets.filter((asset) => asset !== null).length;
  }

  const rebuildLock = { redis, clock, key: redis.key('catalog', 'rebuild'), ttlMs: lockTtlMs, waitMs: rebuildWaitMs };

  async function makeTrustworthy(): Promise<void> {
    if (!(await index.isComplete())) {
      await withLock(rebuildLock, async () => {
        if (!(await index.isComplete())) await rebuildIndex();
      });
    }
    await Promise.all((await index.doubtful()).map(mendOrLoad));
  }

  return {
    async create(asset) {
      await locked(asset.id, async (lock) => {
        try {
          await write(asset, lock, true);
        } catch (error) {
          if (!(error instanceof ObjectStoreError) || error.code !== 'already-exists') throw error;
          throw new CatalogueError('already-exists', `There is an asset ${asset.id} already`);
        }
      });
      await changes.announce(asset.id);
    },

    get: async (id) => (await index.get(id)) ?? (await mendOrLoad(id)),

    async update(id, change) {
      const { before, after } = await locked(id, async (lock) => {
        const before = await load(id);
        if (!before) throw new CatalogueError('not-found', `There is no asset ${id}`);
        const after = change(before);
        if (after !== before) await write(after, lock, false);
        return { before, after };
      });
      if (after !== before) await changes.announce(id);
      return after;
    },

    async list({ state, after, limit = 50 } = {}) {
      await makeTrustworthy();
      const { ids, next } = await index.page(state, after, Math.min(Math.max(limit, 1), 500));
      const assets = await readAll(index, ids, mendOrLoad);
      // Between the index and the copies an asset may have been removed or have changed its state.
      return { items: assets.flatMap((asset) => (asset && (!state || asset.state === state) ? [asset] : [])), next };
    },

    async remove(id) {
      await locked(id, async (lock) => {
        await index.doubt(id);
        await store.delete(storeKeys.catalog(id));
        await index.forget(id, lock.token);
      });
      await index.clearProgress(id);
      await changes.announce(id);
    },

    async setProgress(id, progress) {
      if (await index.raiseProgress(id, progress)) await changes.announce(id);
    },
    setPartProgress: index.raisePartProgress,
    getProgress: index.progress,
    async clearProgress(id) {
      await index.clearProgress(id);
      await changes.announce(id);
    },

    watch: changes.watch,
    rebuild: () => withLock(rebuildLock, rebuildIndex),
  };
}

/** ioredis sends what is asked in one turn as one write, so this costs one round trip. */
const readAll = (
  index: CatalogueIndex,
  ids: readonly string[],
  otherwise: (id: string) => Promise<Asset | null>,
): Promise<readonly (Asset | null)[]> =>
  Promise.all(ids.map(async (id) => (await index.get(id)) ?? (await otherwise(id))));
