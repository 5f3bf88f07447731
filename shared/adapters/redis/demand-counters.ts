import { randomUUID } from 'node:crypto';
import type { DemandDayDocument } from '../../domain/demand.ts';
import type { RedisConnection } from './connection.ts';
import { type DemandDay, documentOf, fieldsOfAsset, fieldsOfDocument, formatDay, parseDay } from './demand-day.ts';
import { makeScript, runIdLua } from './scripts.ts';

/**
 * The live days: one hash of counters each (`demand-day.ts`), below `<prefix>:demand:`
 * - `day:<region>/<day>` counters. Its field `runId` names the Redis process for which it was reconciled with the stored
 *   document; writes to a day that was not are refused, so that none is ever counted from zero beside a stored one
 * - `live` set of the days that have a hash
 * - `changed` hash: day → revision that the store does not have yet
 * - `batches:<appliance>` sorted set of the batch ids seen, by time
 */
export interface DemandCounters {
  /** Adds one batch as a whole. */
  add(batch: CountedBatch): Promise<AddResult>;
  /** Sets fields; false when the day has to be reconciled first. */
  set(day: DemandDay, fields: readonly (readonly [string, number])[]): Promise<boolean>;
  /** The whole day, or what one asset had of it; null when it is not live and reconciled. */
  read(day: DemandDay, assetId?: string): Promise<DemandDayDocument | null>;
  /** Revision of the live counters, reconciled or not; null when there are none. */
  revision(day: DemandDay): Promise<number | null>;
  /** Makes the day live: as the document says, or else as it is, empty when it was not there. */
  reconcile(day: DemandDay, document: DemandDayDocument | null): Promise<void>;
  liveDays(): Promise<readonly DemandDay[]>;
  changedDays(): Promise<readonly DemandDay[]>;
  /** Takes the day off the changed ones unless it has changed again since `revision`. */
  markStored(day: DemandDay, revision: number): Promise<void>;
  /** Drops the counters unless the store lacks some of their changes. */
  drop(day: DemandDay): Promise<void>;
}

export interface CountedBatch {
  readonly applianceId: string;
  readonly batchId: string;
  readonly nowMs: number;
  readonly increments: readonly { readonly day: DemandDay; readonly fields: ReadonlyMap<string, number> }[];
}

export type AddResult =
  | { readonly kind: 'added' }
  | { readonly kind: 'repeated' }
  | { readonly kind: 'unreconciled'; readonly days: readonly DemandDay[] };

/** Remembered batch ids of one appliance: at most so many, for at most so long. */
const keptBatches = 20_000;
const keptBatchesMs = 7 * 86_400_000;

/** Fields sent in one command: well below Lua's limit of values on its stack. */
const fieldsAtOnce = 1_000;

/**
 * KEYS batches, changed, then a hash for each day.
 * ARGV batch id, now, kept, keptMs, then for each day: its name, count of fields, field, increment, …
 */
const addLua = `${runIdLua}
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return {'repeated'} end
local missing = {'unreconciled'}
local at = 5
for k = 3, #KEYS do
  if redis.call('HGET', KEYS[k], 'runId') ~= runId then table.insert(missing, ARGV[at]) end
  at = at + 2 + 2 * tonumber(ARGV[at + 1])
end
if #missing > 1 then return missing end
at = 5
for k = 3, #KEYS do
  local day, count = ARGV[at], tonumber(ARGV[at + 1])
  for i = at + 2, at + 2 * count, 2 do redis.call('HINCRBY', KEYS[k], ARGV[i], ARGV[i + 1]) end
  redis.call('HSET', KEYS[2], day, redis.call('HINCRBY', KEYS[k], 'revision', 1))
  at = at + 2 + 2 * count
end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2] - ARGV[4])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {'added'}`;

/** KEYS hash, changed; ARGV day, field, value, … */
const setLua = `${runIdLua}
if redis.call('HGET', KEYS[1], 'runId') ~= runId then return 0 end
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('HSET', KEYS[2], ARGV[1], redis.call('HINCRBY', KEYS[1], 'revision', 1))
return 1`;

/** KEYS hash; ARGV fields, or none for all. */
const readLua = `${runIdLua}
if redis.call('HGET', KEYS[1], 'runId') ~= runId then return nil end
if #ARGV > 0 then return redis.call('HMGET', KEYS[1], unpack(ARGV)) end
return redis.call('HGETALL', KEYS[1])`;

/** KEYS hash, live, copy made from a document or an absent key; ARGV day. */
const reconcileLua = `${runIdLua}
if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('RENAME', KEYS[3], KEYS[1]) end
redis.call('HSETNX', KEYS[1], 'revision', 0)
redis.call('HSET', KEYS[1], 'runId', runId)
redis.call('SADD', KEYS[2], ARGV[1])`;

/** KEYS changed; ARGV day, revision. */
const markStoredLua = `
local changed = redis.call('HGET', KEYS[1], ARGV[1])
if changed and tonumber(changed) <= tonumber(ARGV[2]) then redis.call('HDEL', KEYS[1], ARGV[1]) end`;

/** KEYS hash, live, changed; ARGV day. */
const dropLua = `
if redis.call('HEXISTS', KEYS[3], ARGV[1]) == 1 then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SREM', KEYS[2], ARGV[1])
return 1`;

export function makeDemandCounters(redis: RedisConnection): DemandCounters {
  const { client } = redis;
  const dayKey = (day: DemandDay): string => redis.key('demand', 'day', formatDay(day));
  const live = redis.key('demand', 'live');
  const changed = redis.key('demand', 'changed');

  const addScript = makeScript(redis, addLua);
  const setScript = makeScript(redis, setLua);
  const readScript = makeScript(redis, readLua);
  const reconcileScript = makeScript(redis, reconcileLua);
  const markStoredScript = makeScript(redis, markStoredLua);
  const dropScript = makeScript(redis, dropLua);

  return {
    async add({ applianceId, batchId, nowMs, increments }) {
      const keys = [redis.key('demand', 'batches', applianceId), changed, ...increments.map(({ day }) => dayKey(day))];
      const args = increments.flatMap(({ day, fields }) => [formatDay(day), fields.size, ...[...fields].flat()]);
      const reply = await addScript.run(keys, [batchId, nowMs, keptBatches, keptBatchesMs, ...args]);
      const [kind, ...days]: readonly unknown[] = Array.isArray(reply) ? reply : [];
      if (kind === 'added' || kind === 'repeated') return { kind };
      return { kind: 'unreconciled', days: days.map((day) => parseDay(String(day))) };
    },

    async set(day, fields) {
      for (let from = 0; from < fields.length; from += fieldsAtOnce) {
        const args = fields.slice(from, from + fieldsAtOnce).flat();
        if ((await setScript.run([dayKey(day), changed], [formatDay(day), ...args])) !== 1) return false;
      }
      return true;
    },

    async read(day, assetId) {
      const names = assetId === undefined ? [] : fieldsOfAsset(assetId);
      const reply = await readScript.run([dayKey(day)], names);
      if (!Array.isArray(reply)) return null;
      return documentOf(day, assetId === undefined ? pairs(reply) : zip(names, reply));
    },

    async revision(day) {
      const revision = await client.hget(dayKey(day), 'revision');
      return revision === null ? null : Number(revision);
    },

    async reconcile(day, document) {
      const copy = redis.key('demand', 'copy', randomUUID());
      if (document) {
        const fields = fieldsOfDocument(document);
        for (let from = 0; from < fields.length; from += fieldsAtOnce) {
          await client.hset(copy, ...fields.slice(from, from + fieldsAtOnce).flat());
          // A copy whose maker dies goes by itself.
          await client.pexpire(copy, 600_000);
        }
        await client.persist(copy);
      }
      await reconcileScript.run([dayKey(day), live, copy], [formatDay(day)]);
    },

    liveDays: async () => (await client.smembers(live)).map(parseDay),
    changedDays: async () => (await client.hkeys(changed)).map(parseDay),

    async markStored(day, revision) {
      await markStoredScript.run([changed], [formatDay(day), revision]);
    },

    async drop(day) {
      await dropScript.run([dayKey(day), live, changed], [formatDay(day)]);
    },
  };
}

function* pairs(flat: readonly unknown[]): Iterable<readonly [string, string]> {
  for (let i = 0; i + 1 < flat.length; i += 2) yield [String(flat[i]), String(flat[i + 1])];
}

function* zip(names: readonly string[], values: readonly unknown[]): Iterable<readonly [string, string]> {
  for (const [i, name] of names.entries()) {
    const value = values[i];
    if (typeof value === 'string') yield [name, value];
  }
}
