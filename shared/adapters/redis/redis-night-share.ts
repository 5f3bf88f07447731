import { storeKeys } from '../../domain/keys.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Night, NightShare } from '../../ports/night-share.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { readDocument, writeDocument } from '../documents/store-json.ts';
import type { RedisConnection } from './connection.ts';
import { LockBusyError, withLock } from './lock.ts';
import { makeScript } from './scripts.ts';

/**
 * The night's share in Redis, with the object store behind it for the bytes of the night.
 *
 * A night is a hash: `spent` (set aside or sent) and `granted`, up to which reservations are answered from Redis alone.
 * `granted` grows in blocks; each is first written to `nights/<region>/<date>.json`. A hash that is missing although the
 * document is there was lost: everything granted then counts as spent.
 */
export interface NightShareDeps {
  readonly redis: RedisConnection;
  readonly store: ObjectStore;
  readonly clock: Clock;
}

interface StoredNight {
  readonly schema: 1;
  /** No more than this has been handed out. */
  readonly grantedBytes: number;
}

/** An idle region saves up no more than this, so that no ten seconds bring more than the rate allows. */
const burstMs = 100;
const keepMs = 3 * 86_400_000;
const lockMs = 10_000;
const turnWaitMs = 1_000;
/** A dead leader keeps the next one waiting for so long. */
const turnMs = 5_000;
/** A lost Redis costs a night at most this share of its bytes. */
const blockShare = 1 / 32;

/** A timetable rather than a balance: each entry says when its bytes may leave, so that late timers cost no rate. */
const enterRateLua = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local free = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now - tonumber(ARGV[2]) * 1000)
redis.call('SET', KEYS[1], string.format('%.0f', free + tonumber(ARGV[1])), 'PX', 3600000)
return math.ceil((free - now) / 1000)`;

const unknown = -1;
const needsGrant = -2;
const reserveLua = `
local spent = tonumber(redis.call('HGET', KEYS[1], 'spent'))
if not spent then return ${unknown} end
local after = spent + tonumber(ARGV[1])
if after > tonumber(ARGV[2]) then return 0 end
if after > tonumber(redis.call('HGET', KEYS[1], 'granted') or '0') then return ${needsGrant} end
redis.call('HSET', KEYS[1], 'spent', string.format('%.0f', after))
return 1`;

const giveBackLua = `
local spent = tonumber(redis.call('HGET', KEYS[1], 'spent'))
if spent then redis.call('HSET', KEYS[1], 'spent', string.format('%.0f', math.max(0, spent - tonumber(ARGV[1])))) end
return 1`;

const raiseLua = `
local known = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
local value = math.max(known, tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', value))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return string.format('%.0f', value)`;

const countLua = `
redis.call('HINCRBY', KEYS[1], 'bytes', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`;

export function makeRedisNightShare({ redis, store, clock }: NightShareDeps): NightShare {
  const enterRate = makeScript(redis, enterRateLua);
  const reserve = makeScript(redis, reserveLua);
  const giveBack = makeScript(redis, giveBackLua);
  const raise = makeScript(redis, raiseLua);
  const count = makeScript(redis, countLua);
  const nightKey = ({ regionId, date }: Night): string => redis.key('night', regionId, date);
  const raised = async (key: string, field: string, atLeast: number): Promise<number> =>
    Number(await raise.run([key], [field, Math.ceil(atLeast), keepMs]));

  /** One process at a time; of those that waited, the second finds what the first has done. */
  const alone = <T>(night: Night, work: () => Promise<T>): Promise<T> =>
    withLock({ redis, clock, key: `${nightKey(night)}:lock`, ttlMs: lockMs, waitMs: lockMs }, work);

  async function begin(night: Night): Promise<void> {
    if (await redis.client.hexists(nightKey(night), 'spent')) return;
    const stored = await readDocument<StoredNight>(store, storeKeys.night(night.regionId, night.date), 1);
    const granted = stored?.grantedBytes ?? 0;
    await raised(nightKey(night), 'granted', granted);
    await raised(nightKey(night), 'spent', granted);
  }

  async function grant(night: Night, bytes: number): Promise<void> {
    const [spent, granted] = (await redis.client.hmget(nightKey(night), 'spent', 'granted')).map(Number);
    const needed = (spent ?? 0) + bytes;
    if (needed <= (granted ?? 0)) return;
    const grantedBytes = Math.ceil(Math.min(night.limitBytes, needed + night.limitBytes * blockShare));
    const document: StoredNight = { schema: 1, grantedBytes };
    await writeDocument(store, storeKeys.night(night.regionId, night.date), document);
    await raised(nightKey(night), 'granted', grantedBytes);
  }

  return {
    async enterRate(regionId, bytes, rateBps) {
      const lengthUs = (bytes * 8_000_000) / rateBps;
      const waitMs = await enterRate.run([redis.key('rate', regionId)], [lengthUs, burstMs]);
      return Math.max(0, Number(waitMs));
    },

    async reserve(night, bytes) {
      for (;;) {
        const answer = Number(await reserve.run([nightKey(night)], [bytes, night.limitBytes]));
        if (answer >= 0) return answer === 1;
        await alone(night, () => (answer === unknown ? begin(night) : grant(night, bytes)));
      }
    },

    async giveBack(night, bytes) {
      if (bytes > 0) await giveBack.run([nightKey(night)], [bytes]);
    },

    async raiseSpent(night, atLeastBytes) {
      await alone(night, async () => {
        await begin(night);
        await raised(nightKey(night), 'spent', atLeastBytes);
      });
    },

    async countSent(fillId, bytes) {
      await count.run([redis.key('fill-sent', fillId)], [bytes, keepMs]);
    },
    sentBytes: (fillId, atLeastBytes) => raised(redis.key('fill-sent', fillId), 'bytes', atLeastBytes),

    async takeTurn(regionId, signal) {
      const turn = Promise.withResolvers<void>();
      const over = Promise.withResolvers<void>();
      const options = { redis, clock, key: redis.key('fill-turn', regionId), ttlMs: turnMs, waitMs: turnWaitMs };
      const hold = async (): Promise<void> => {
        for (;;) {
          signal.throwIfAborted();
          try {
            return await withLock(options, () => {
              turn.resolve();
              return over.promise;
            });
          } catch (error) {
            if (!(error instanceof LockBusyError)) throw error;
          }
        }
      };
      const held = hold();
      held.catch(turn.reject);
      await turn.promise;
      return () => {
        over.resolve();
        return held;
      };
    },
  };
}
