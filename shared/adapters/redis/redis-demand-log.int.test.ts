import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { TelemetryBatch } from '../../domain/demand.ts';
import { systemClock } from '../../platform/clock.ts';
import type { Clock } from '../../ports/clock.ts';
import { collect, describeDemandLog } from '../../testing/demand-log-contract.ts';
import { makeRedisKit, type RedisKit } from '../../testing/redis-kit.ts';
import { makeRedisDemandLog } from './redis-demand-log.ts';

describeDemandLog('Redis and a folder', async () => {
  const kit = await makeRedisKit();
  const { first, second, store } = kit;
  let nowMs = Date.now();
  const clock: Clock = { now: () => nowMs, sleep: (ms) => sleep(ms) };
  return {
    log: makeRedisDemandLog({ redis: first, store, clock }),
    other: makeRedisDemandLog({ redis: second, store, clock }),
    store,
    setTime(ms) {
      nowMs = ms;
    },
    loseLiveData: kit.flushAll,
    dispose: kit.dispose,
  };
});

describe('demand log and the life of a day in Redis', () => {
  let kit: RedisKit;
  afterEach(() => kit.dispose());

  const makeBatch = (batchId: string, day: string, views: number): TelemetryBatch => ({
    batchId,
    applianceId: 'e1',
    rows: [{ assetId: 'a', day, hour: 9, outcome: 'hit-disk', requests: 1, views, bytes: views }],
  });
  const viewsOn = async (log: ReturnType<typeof makeRedisDemandLog>, day: string): Promise<number> => {
    const rows = await collect(log.read({ regionId: 'berlin', from: day, to: day }));
    return rows.reduce((sum, { views }) => sum + views, 0);
  };

  it('forgets old days once they are stored, and goes on counting on them', async () => {
    kit = await makeRedisKit();
    const { first, store } = kit;
    const log = makeRedisDemandLog({ redis: first, store, clock: systemClock, liveDays: 2 });
    const old = '2020-02-29';
    await log.add('berlin', makeBatch('b1', old, 3));
    expect(await first.client.exists(first.key('demand', 'day', `berlin/${old}`))).toBe(1);
    await log.flush();
    expect(await first.client.exists(first.key('demand', 'day', `berlin/${old}`))).toBe(0);
    expect(await viewsOn(log, old)).toBe(3);
    await log.add('berlin', makeBatch('b2', old, 4));
    await log.flush();
    expect(await viewsOn(log, old)).toBe(7);
  });

  it('keeps what was not flushed over a restart of a persistent Redis', async () => {
    kit = await makeRedisKit({ persistent: true });
    const { first, store, server } = kit;
    const log = makeRedisDemandLog({ redis: first, store, clock: systemClock });
    await log.add('berlin', makeBatch('b1', '2026-11-20', 3));
    await log.flush();
    await log.add('berlin', makeBatch('b2', '2026-11-20', 4));
    await server.kill();
    await server.restart();
    expect(await viewsOn(log, '2026-11-20')).toBe(7);
    expect(await log.add('berlin', makeBatch('b2', '2026-11-20', 4))).toBe(false);
    expect(await log.flush()).toBe(1);
    await kit.flushAll();
    expect(await viewsOn(log, '2026-11-20')).toBe(7);
  });

  it('takes the stored day over counters of a Redis that went back in time', async () => {
    kit = await makeRedisKit({ persistent: true });
    const { first, second, store, server } = kit;
    const log = makeRedisDemandLog({ redis: first, store, clock: systemClock });
    const dayKey = first.key('demand', 'day', 'berlin/2026-11-20');
    await log.add('berlin', makeBatch('b1', '2026-11-20', 3));
    const earlier = await second.client.dumpBuffer(dayKey);
    await log.add('berlin', makeBatch('b2', '2026-11-20', 4));
    await log.flush();
    // What an older backup, or a replica that was behind, would hold after the restart.
    await second.client.restore(dayKey, 0, earlier, 'REPLACE');
    await server.restart();
    await log.add('berlin', makeBatch('b3', '2026-11-20', 1));
    await log.flush();
    expect(await viewsOn(log, '2026-11-20')).toBe(8);
  });

  it('keeps a day as changed when the store refuses it', async () => {
    kit = await makeRedisKit();
    const { first, store } = kit;
    const full = { ...store, put: () => Promise.reject(new Error('no space')) };
    const failing = makeRedisDemandLog({ redis: first, store: full, clock: systemClock });
    const log = makeRedisDemandLog({ redis: first, store, clock: systemClock });
    await log.add('berlin', makeBatch('b1', '2026-11-20', 3));
    await expect(failing.flush()).rejects.toThrow('no space');
    expect(await log.flush()).toBe(1);
  });
});
