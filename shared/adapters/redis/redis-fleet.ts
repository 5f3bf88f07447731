import type { Appliance, ApplianceStatus, ApplianceView, Region, Revocation } from '../../domain/fleet.ts';
import { healthOf } from '../../domain/fleet.ts';
import { storeKeys } from '../../domain/keys.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Fleet } from '../../ports/fleet.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import type { RedisConnection } from './connection.ts';
import { withLock } from './lock.ts';
import { makeScript, runIdLua } from './scripts.ts';
import { encodeJson, parseJson, readJson } from './store-json.ts';

/**
 * The fleet: documents in the object store, copies and heartbeats in Redis.
 *
 * Keys below `<prefix>:fleet:`
 * - `regions`, `appliances`, `revocations` hashes of JSON by id
 * - `complete` the run id of the Redis process for which all hold every document; absent while one is being written,
 *   so that a writer's death or another Redis makes the next reader load them again
 * - `status:<id>` the last heartbeat, kept for weeks: an appliance that went silent was seen once
 */
export interface RedisFleetOptions {
  readonly redis: RedisConnection;
  readonly store: ObjectStore;
  readonly clock: Clock;
}

const statusTtlMs = 30 * 86_400_000;

const readLua = `${runIdLua}
if redis.call('GET', KEYS[1]) ~= runId then return nil end
if ARGV[1] then return {redis.call('HGET', KEYS[2], ARGV[1])} end
return redis.call('HVALS', KEYS[2])`;

const markCompleteLua = `${runIdLua}
redis.call('SET', KEYS[1], runId)`;

/** Heartbeats may overtake each other; the newer one stands. ISO times compare as text. */
const reportLua = `
local old = redis.call('GET', KEYS[1])
if old and cjson.decode(old).reportedAt > cjson.decode(ARGV[1]).reportedAt then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

type Kind = 'regions' | 'appliances' | 'revocations';
const prefixes: Readonly<Record<Kind, string>> = {
  regions: storeKeys.regionsPrefix,
  appliances: storeKeys.appliancesPrefix,
  revocations: storeKeys.revocationsPrefix,
};

export function makeRedisFleet({ redis, store, clock }: RedisFleetOptions): Fleet {
  const { client } = redis;
  const hashKey = (kind: Kind): string => redis.key('fleet', kind);
  const statusKey = (id: string): string => redis.key('fleet', 'status', id);
  const completeKey = redis.key('fleet', 'complete');
  const lock = { redis, clock, key: redis.key('fleet', 'lock'), ttlMs: 15_000, waitMs: 30_000 };

  const readScript = makeScript(redis, readLua);
  const markCompleteScript = makeScript(redis, markCompleteLua);
  const reportScript = makeScript(redis, reportLua);

  /** JSON of one document or of all; loads everything first where Redis cannot be trusted. */
  async function readCopies(kind: Kind, id?: string): Promise<readonly string[]> {
    const args = id === undefined ? [] : [id];
    let copies = await readScript.run([completeKey, hashKey(kind)], args);
    if (!Array.isArray(copies)) {
      await withLock(lock, async () => {
        copies = await readScript.run([completeKey, hashKey(kind)], args);
        if (Array.isArray(copies)) return;
        await loadAll();
        copies = await readScript.run([completeKey, hashKey(kind)], args);
      });
    }
    return Array.isArray(copies) ? copies.filter((copy) => typeof copy === 'string') : [];
  }

  /** Under the lock. */
  async function loadAll(): Promise<number> {
    const kinds: readonly Kind[] = ['regions', 'appliances', 'revocations'];
    const found = await Promise.all(kinds.map((kind) => loadDocuments(store, prefixes[kind])));
    const change = client.multi();
    kinds.forEach((kind, i) => {
      change.del(hashKey(kind));
      for (const [id, json] of found[i] ?? []) change.hset(hashKey(kind), id, json);
    });
    await change.exec();
    await markCompleteScript.run([completeKey], []);
    return found.reduce((count, documents) => count + documents.size, 0);
  }

  /** Runs a write to the store so that copies are not trusted until they have followed it. */
  const change = (write: (signal: AbortSignal) => Promise<void>, follow: () => Promise<unknown>): Promise<void> =>
    withLock(lock, async ({ signal }) => {
      const wasComplete = Array.isArray(await readScript.run([completeKey, hashKey('regions')], []));
      await client.del(completeKey);
      await write(signal);
      await follow();
      if (wasComplete) await markCompleteScript.run([completeKey], []);
    });

  const put = (kind: Kind, id: string, document: Region | Appliance | Revocation): Promise<void> =>
    change(
      async (signal) => {
        await store.put(`${prefixes[kind]}${id}.json`, encodeJson(document), { signal });
      },
      () => client.hset(hashKey(kind), id, JSON.stringify(document)),
    );

  const remove = (kind: Kind, id: string): Promise<void> =>
    change(
      () => store.delete(`${prefixes[kind]}${id}.json`),
      () => client.hdel(hashKey(kind), id),
    );

  async function read<T extends { readonly id: string }>(kind: Kind, id?: string): Promise<readonly T[]> {
    const documents = (await readCopies(kind, id)).map((json) => parseJson<T>(hashKey(kind), json));
    return documents.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async function withHealth(appliances: readonly Appliance[]): Promise<readonly ApplianceView[]> {
    if (appliances.length === 0) return [];
    const statuses = await client.mget(appliances.map(({ id }) => statusKey(id)));
    const nowMs = clock.now();
    return appliances.map((appliance, i) => {
      const json = statuses[i];
      const status = json ? parseJson<ApplianceStatus>(statusKey(appliance.id), json) : null;
      return { ...appliance, health: healthOf(status, nowMs), status };
    });
  }

  return {
    listRegions: () => read<Region>('regions'),
    getRegion: async (id) => (await read<Region>('regions', id))[0] ?? null,
    putRegion: (region) => put('regions', region.id, region),
    removeRegion: (id) => remove('regions', id),

    async listAppliances({ regionId } = {}) {
      const all = await read<Appliance>('appliances');
      return withHealth(regionId === undefined ? all : all.filter((appliance) => appliance.regionId === regionId));
    },
    getAppliance: async (id) => (await withHealth(await read<Appliance>('appliances', id)))[0] ?? null,
    putAppliance: (appliance) => put('appliances', appliance.id, appliance),
    async removeAppliance(id) {
      await remove('appliances', id);
      await client.del(statusKey(id));
    },

    listRevocations: () => read<Revocation>('revocations'),
    putRevocation: (revocation) => put('revocations', revocation.id, revocation),
    removeRevocation: (id) => remove('revocations', id),

    async report(status) {
      await reportScript.run([statusKey(status.applianceId)], [JSON.stringify(status), statusTtlMs]);
    },

    rebuild: () => withLock(lock, loadAll),
  };
}

async function loadDocuments(store: ObjectStore, prefix: string): Promise<ReadonlyMap<string, string>> {
  const documents = new Map<string, string>();
  for await (const { key } of store.list(prefix)) {
    const document = await readJson<{ readonly id: string }>(store, key);
    if (document) documents.set(document.id, JSON.stringify(document));
  }
  return documents;
}
