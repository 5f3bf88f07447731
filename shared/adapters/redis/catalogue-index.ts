import type { Asset, AssetState, PartProgress, TranscodeProgress } from '../../domain/asset.ts';
import type { RedisConnection } from './connection.ts';
import { makeScript, runIdLua } from './scripts.ts';
import { parseJson } from './store-json.ts';

/**
 * The catalogue as Redis holds it: copies of the documents, and the order of their creation as a whole and per state.
 *
 * Keys below `<prefix>:catalog:`
 * - `doc:<id>` hash: `json`, `member`, `state`, and `runId` of the Redis process that the copy was made in
 * - `index`, `index:<state>` sorted sets, all scores 0, members `<createdAt>|<id>`: their order is by text
 * - `doubtful` set of ids whose document is being written, or was when the writer died: copies not to be trusted
 * - `complete` the run id for which the index is known to hold every document
 * - `progress:<id>` hash: `fraction`, `json`
 * - `parts:<id>` hash: part → progress as JSON
 */
export interface CatalogueIndex {
  /** The copy, or null when there is none that can be trusted. */
  get(id: string): Promise<Asset | null>;
  /** Says that the document is about to change; until `save` or `forget` readers go to the store. */
  doubt(id: string): Promise<void>;
  /** Stores the copy if the asset's lock is still held with `token`. */
  save(asset: Asset, token: string): Promise<void>;
  forget(id: string, token: string): Promise<void>;
  page(state: AssetState | undefined, after: string | undefined, limit: number): Promise<IndexPage>;
  /** Ids of all copies, and of all that are in doubt. */
  ids(): Promise<readonly string[]>;
  doubtful(): Promise<readonly string[]>;
  isComplete(): Promise<boolean>;
  markComplete(): Promise<void>;
  raiseProgress(id: string, progress: TranscodeProgress): Promise<boolean>;
  raisePartProgress(id: string, part: string, progress: PartProgress): Promise<Readonly<Record<string, PartProgress>>>;
  progress(id: string): Promise<TranscodeProgress | null>;
  clearProgress(id: string): Promise<void>;
  lockKey(id: string): string;
}

export interface IndexPage {
  readonly ids: readonly string[];
  readonly next: string | null;
}

/** A transcode that has not moved for so long is not live any more. */
const progressTtlMs = 7 * 86_400_000;

const getLua = `${runIdLua}
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then return nil end
local doc = redis.call('HMGET', KEYS[1], 'json', 'runId')
if doc[2] ~= runId then return nil end
return doc[1]`;

/** KEYS doc, index, doubtful, lock; ARGV id, index key, token, then for a save: json, member, state. */
const replaceLua = `${runIdLua}
local old = redis.call('HMGET', KEYS[1], 'member', 'state')
if redis.call('GET', KEYS[4]) ~= ARGV[3] then
  redis.call('HDEL', KEYS[1], 'runId')
  return 0
end
if old[1] then
  redis.call('ZREM', KEYS[2], old[1])
  redis.call('ZREM', ARGV[2] .. ':' .. old[2], old[1])
end
if ARGV[4] then
  redis.call('HSET', KEYS[1], 'json', ARGV[4], 'member', ARGV[5], 'state', ARGV[6], 'runId', runId)
  redis.call('ZADD', KEYS[2], 0, ARGV[5])
  redis.call('ZADD', ARGV[2] .. ':' .. ARGV[6], 0, ARGV[5])
else
  redis.call('DEL', KEYS[1])
end
redis.call('SREM', KEYS[3], ARGV[1])
return 1`;

const isCompleteLua = `${runIdLua}
return redis.call('GET', KEYS[1]) == runId and 1 or 0`;

const markCompleteLua = `${runIdLua}
redis.call('SET', KEYS[1], runId)`;

/** A rendition's share may come later than a higher one of the whole, so each is raised by itself. */
const raiseProgressLua = `
local old = redis.call('HMGET', KEYS[1], 'fraction', 'json')
local new = cjson.decode(ARGV[1])
if old[1] then
  if tonumber(old[1]) > new.fraction then return 0 end
  for id, share in pairs(cjson.decode(old[2]).renditions) do
    if share > (new.renditions[id] or 0) then new.renditions[id] = share end
  end
end
redis.call('HSET', KEYS[1], 'fraction', tostring(new.fraction), 'json', cjson.encode(new))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`;

const raisePartLua = `
local new = cjson.decode(ARGV[2])
local old = redis.call('HGET', KEYS[1], ARGV[1])
if old then
  for id, share in pairs(cjson.decode(old).renditions) do
    if share > (new.renditions[id] or 0) then new.renditions[id] = share end
  end
end
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(new))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return redis.call('HGETALL', KEYS[1])`;

const memberOf = (asset: Asset): string => `${new Date(asset.createdAt).toISOString()}|${asset.id}`;
const idOf = (member: string): string => member.slice(member.indexOf('|') + 1);

export function makeCatalogueIndex(redis: RedisConnection): CatalogueIndex {
  const { client } = redis;
  const key = (...parts: readonly string[]): string => redis.key('catalog', ...parts);
  const docKey = (id: string): string => key('doc', id);
  const lockKey = (id: string): string => key('lock', id);
  const progressKey = (id: string): string => key('progress', id);
  const partsKey = (id: string): string => key('parts', id);
  const index = key('index');
  const doubtfulKey = key('doubtful');
  const completeKey = key('complete');

  const getScript = makeScript(redis, getLua);
  const replaceScript = makeScript(redis, replaceLua);
  const isCompleteScript = makeScript(redis, isCompleteLua);
  const markCompleteScript = makeScript(redis, markCompleteLua);
  const raiseProgressScript = makeScript(redis, raiseProgressLua);
  const raisePartScript = makeScript(redis, raisePartLua);

  const replace = async (id: string, token: string, copy: readonly string[]): Promise<void> => {
    await replaceScript.run([docKey(id), index, doubtfulKey, lockKey(id)], [id, index, token, ...copy]);
  };

  return {
    lockKey,

    async get(id) {
      const json = await getScript.run([docKey(id), doubtfulKey], [id]);
      return typeof json === 'string' ? parseJson<Asset>(docKey(id), json) : null;
    },

    async doubt(id) {
      await client.sadd(doubtfulKey, id);
    },

    save: (asset, token) => replace(asset.id, token, [JSON.stringify(asset), memberOf(asset), asset.state]),
    forget: (id, token) => replace(id, token, []),

    async page(state, after, limit) {
      const from = after === undefined ? '+' : `(${after}`;
      // One more than asked tells whether there is a next page.
      const members = await client.zrevrangebylex(
        state ? key('index', state) : index,
        from,
        '-',
        'LIMIT',
        0,
        limit + 1,
      );
      const page = members.slice(0, limit);
      return { ids: page.map(idOf), next: members.length > limit ? (page.at(-1) ?? null) : null };
    },

    async ids() {
      const [members, doubtful] = await Promise.all([client.zrange(index, 0, '-1'), client.smembers(doubtfulKey)]);
      return [...new Set([...members.map(idOf), ...doubtful])];
    },

    doubtful: () => client.smembers(doubtfulKey),

    isComplete: async () => (await isCompleteScript.run([completeKey], [])) === 1,
    async markComplete() {
      await markCompleteScript.run([completeKey], []);
    },

    raiseProgress: async (id, progress) =>
      (await raiseProgressScript.run([progressKey(id)], [JSON.stringify(progress), progressTtlMs])) === 1,

    async raisePartProgress(id, part, progress) {
      const flat = await raisePartScript.run([partsKey(id)], [part, JSON.stringify(progress), progressTtlMs]);
      const fields = Array.isArray(flat) ? flat.map(String) : [];
      return Object.fromEntries(
        fields.flatMap((name, at) =>
          at % 2 === 0 ? [[name, parseJson<PartProgress>(name, fields[at + 1] ?? '')]] : [],
        ),
      );
    },

    async progress(id) {
      const json = await client.hget(progressKey(id), 'json');
      return json === null ? null : parseJson<TranscodeProgress>(progressKey(id), json);
    },

    async clearProgress(id) {
      await client.del(progressKey(id), partsKey(id));
    },
  };
}
