import { makeBullmqJobQueue } from '../adapters/bullmq/bullmq-job-queue.ts';
import { makeStoreDocuments } from '../adapters/documents/store-documents.ts';
import { makeRedisCatalogue } from '../adapters/redis/redis-catalogue.ts';
import { makeRedisDemandLog } from '../adapters/redis/redis-demand-log.ts';
import { makeRedisFleet } from '../adapters/redis/redis-fleet.ts';
import type { Catalogue } from '../ports/catalogue.ts';
import type { Clock } from '../ports/clock.ts';
import type { DemandLog } from '../ports/demand-log.ts';
import type { Documents } from '../ports/documents.ts';
import type { Fleet } from '../ports/fleet.ts';
import type { JobQueue } from '../ports/job-queue.ts';
import { makeRedisKit, type RedisKit } from './redis-kit.ts';

/** Every port of the product, over a real Redis and a folder. */
export interface PortsKit {
  readonly fleet: Fleet;
  readonly catalogue: Catalogue;
  readonly documents: Documents;
  readonly demandLog: DemandLog;
  readonly jobs: JobQueue;
  /** Throw while what they name is away. */
  readonly checks: { readonly redis: () => Promise<void>; readonly store: () => Promise<void> };
  readonly redisKit: RedisKit;
  dispose(): Promise<void>;
}

export async function makePortsKit(clock: Clock, options: { readonly persistent?: boolean } = {}): Promise<PortsKit> {
  const redisKit = await makeRedisKit(options);
  const { first: redis, store } = redisKit;
  const jobs = makeBullmqJobQueue({ redisUrl: redisKit.server.url, clock });
  return {
    fleet: makeRedisFleet({ redis, store, clock }),
    catalogue: makeRedisCatalogue({ redis, store, clock }),
    documents: makeStoreDocuments(store),
    demandLog: makeRedisDemandLog({ redis, store, clock }),
    jobs,
    checks: { redis: () => redis.ready(2_000), store: () => store.check() },
    redisKit,
    async dispose() {
      await jobs.close();
      await redisKit.dispose();
    },
  };
}
