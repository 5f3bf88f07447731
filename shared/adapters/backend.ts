/** The ports that every process behind the public door works on, opened from settings and closed with the process. */
import type { ProcessContext } from '../platform/lifecycle.ts';
import type { Catalogue } from '../ports/catalogue.ts';
import type { DemandLog } from '../ports/demand-log.ts';
import type { Documents } from '../ports/documents.ts';
import type { Fleet } from '../ports/fleet.ts';
import type { JobQueue } from '../ports/job-queue.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { makeBullmqJobQueue } from './bullmq/bullmq-job-queue.ts';
import { makeStoreDocuments } from './documents/store-documents.ts';
import { openObjectStore, openRedis, redisSettings, redisUrl, storeSettings } from './from-settings.ts';
import type { RedisConnection } from './redis/connection.ts';
import { makeRedisCatalogue } from './redis/redis-catalogue.ts';
import { makeRedisDemandLog } from './redis/redis-demand-log.ts';
import { makeRedisFleet } from './redis/redis-fleet.ts';

export const backendSettings = [...redisSettings, ...storeSettings] as const;

export interface Backend {
  /** For adapters that only some processes need. */
  readonly redis: RedisConnection;
  readonly store: ObjectStore;
  readonly jobs: JobQueue;
  readonly catalogue: Catalogue;
  readonly fleet: Fleet;
  readonly demandLog: DemandLog;
  readonly documents: Documents;
  /** Throw while what they name is away; for `/readyz`. */
  readonly readiness: { readonly redis: () => Promise<void>; readonly store: () => Promise<void> };
}

const answerWithinMs = 2_000;

export async function openBackend(
  context: ProcessContext<(typeof backendSettings)[number]>,
  name: string,
): Promise<Backend> {
  const { settings, logger, clock, onClose } = context;
  const store = await openObjectStore(settings);
  onClose('object store', () => store.close());
  const redis = openRedis(settings, { name, logger });
  onClose('redis', () => redis.close());
  const jobs = makeBullmqJobQueue({
    redisUrl: redisUrl(settings),
    clock,
    onError: (error) => logger.warn({ err: error }, 'the job queue has trouble'),
  });
  onClose('job queue', () => jobs.close());
  return {
    redis,
    store,
    jobs,
    catalogue: makeRedisCatalogue({ redis, store, clock }),
    fleet: makeRedisFleet({ redis, store, clock }),
    demandLog: makeRedisDemandLog({ redis, store, clock }),
    documents: makeStoreDocuments(store),
    readiness: { redis: () => redis.ready(answerWithinMs), store: () => store.check() },
  };
}
