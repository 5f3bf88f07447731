import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../ports/clock.ts';
import { describeFleet } from '../../testing/fleet-contract.ts';
import { makeRedisKit } from '../../testing/redis-kit.ts';
import { makeRedisFleet } from './redis-fleet.ts';

describeFleet('Redis and a folder', async () => {
  const kit = await makeRedisKit();
  const { first, second, store } = kit;
  let nowMs = Date.now();
  const clock: Clock = { now: () => nowMs, sleep: (ms) => sleep(ms) };
  return {
    fleet: makeRedisFleet({ redis: first, store, clock }),
    other: makeRedisFleet({ redis: second, store, clock }),
    store,
    setTime(ms) {
      nowMs = ms;
    },
    loseLiveData: kit.flushAll,
    dispose: kit.dispose,
  };
});
