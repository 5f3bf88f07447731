import { systemClock as clock } from '../../platform/clock.ts';
import { describeNightShare } from '../../testing/night-share-contract.ts';
import { makeRedisKit } from '../../testing/redis-kit.ts';
import { makeRedisNightShare } from './redis-night-share.ts';

describeNightShare('Redis', async () => {
  const kit = await makeRedisKit();
  const { store } = kit;
  return {
    share: makeRedisNightShare({ redis: kit.first, store, clock }),
    other: makeRedisNightShare({ redis: kit.second, store, clock }),
    loseLiveState: kit.flushAll,
    dispose: kit.dispose,
  };
});
