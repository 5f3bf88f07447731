import { makeBullmqJobQueue } from '../../shared/adapters/bullmq/bullmq-job-queue.ts';
import { makeStoreDocuments } from '../../shared/adapters/documents/store-documents.ts';
import {
  openObjectStore,
  openRedis,
  redisSettings,
  redisUrl,
  storeSettings,
} from '../../shared/adapters/from-settings.ts';
import { makeRedisCatalogue } from '../../shared/adapters/redis/redis-catalogue.ts';
import { makeRedisDemandLog } from '../../shared/adapters/redis/redis-demand-log.ts';
import { makeRedisFleet } from '../../shared/adapters/redis/redis-fleet.ts';
import { runProcess } from '../../shared/platform/lifecycle.ts';
import { makeControlApp } from './app.ts';
import { startDemandFlush } from './background.ts';
import { controlSettings, readControlSettings } from './config.ts';
import { makeReadInventory } from './fleet/inventory-client.ts';
import { resumeWork } from './status/rebuild.ts';

await runProcess({
  name: 'control',
  settings: [...controlSettings, ...redisSettings, ...storeSettings],
  async start({ settings: given, logger, metrics, clock, onClose, listen }) {
    const settings = readControlSettings(given);
    const store = await openObjectStore(given);
    onClose('object store', () => store.close());
    const redis = openRedis(given, { name: 'control', logger });
    onClose('redis', () => redis.close());
    await redis.ready();
    const onError = (error: Error) => logger.warn({ err: error }, 'job queue');
    const jobs = makeBullmqJobQueue({ redisUrl: redisUrl(given), clock, onError });
    onClose('job queue', () => jobs.close());

    const fleet = makeRedisFleet({ redis, store, clock });
    const catalogue = makeRedisCatalogue({ redis, store, clock });
    const documents = makeStoreDocuments(store);
    const demandLog = makeRedisDemandLog({ redis, store, clock });
    onClose('demand log', startDemandFlush({ demandLog, clock, logger }));

    // Live copies are loaded by whoever reads them first; jobs that went with a lost Redis come back here.
    const resumed = await resumeWork({ ...settings, fleet, catalogue, demandLog, documents, jobs, clock });
    logger.info({ resumed }, 'unfinished work has its jobs');

    const readInventory = makeReadInventory(settings.fleetSecret);
    const checks = { redis: () => redis.ready(2_000), store: () => store.check() };
    const ports = { fleet, catalogue, documents, demandLog, jobs, readInventory };
    await listen(await makeControlApp({ ...ports, logger, metrics, clock, checks, settings }));
  },
});
