/** The fill worker's jobs in a process that a test can kill: `node worker-process.ts <redis> <store folder> <secret>`. */
import { pino } from 'pino';
import { makeApplianceHttpApi } from '../../../shared/adapters/appliance-http/appliance-http.ts';
import { makeBullmqJobQueue } from '../../../shared/adapters/bullmq/bullmq-job-queue.ts';
import { makeStoreDocuments } from '../../../shared/adapters/documents/store-documents.ts';
import { makeFolderObjectStore } from '../../../shared/adapters/folder/folder-object-store.ts';
import { connectRedis } from '../../../shared/adapters/redis/connection.ts';
import { makeRedisCatalogue } from '../../../shared/adapters/redis/redis-catalogue.ts';
import { makeRedisFleet } from '../../../shared/adapters/redis/redis-fleet.ts';
import { makeRedisNightShare } from '../../../shared/adapters/redis/redis-night-share.ts';
import { systemClock as clock } from '../../../shared/platform/clock.ts';
import { quickPolicies as policies } from '../../../shared/testing/quick-policies.ts';
import { applianceCredential, pullCredential } from '../../../shared/tokens/credentials.ts';
import { makeFillBatch } from '../fill-batch.ts';
import { makeFillRegion } from '../fill-region.ts';
import { makeQueueBatches } from '../queue-batches.ts';

const [redisUrl = '', root = '', secret = ''] = process.argv.slice(2);
const redis = connectRedis({ url: redisUrl });
const store = makeFolderObjectStore({ root });
const jobs = makeBullmqJobQueue({ redisUrl, clock, policies });
const deps = {
  fleet: makeRedisFleet({ redis, store, clock }),
  catalogue: makeRedisCatalogue({ redis, store, clock }),
  documents: makeStoreDocuments(store),
  share: makeRedisNightShare({ redis, store, clock }),
  batches: makeQueueBatches(jobs, clock),
  api: makeApplianceHttpApi({
    credentialOf: (id) => applianceCredential(secret, id),
    pullCredentialOf: (id) => pullCredential(secret, id),
  }),
  logger: pino({ level: 'silent' }),
  parallelPushes: 4,
  store,
  clock,
};
await jobs.work('fill-batch', makeFillBatch(deps), { concurrency: 32 });
await jobs.work('fill-region', makeFillRegion(deps));
