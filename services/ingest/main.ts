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
import { probeSource } from '../../shared/media/probe.ts';
import { runProcess } from '../../shared/platform/lifecycle.ts';
import { makeIngestApp } from './app.ts';
import { ingestConfig, ingestSettings } from './config.ts';

/** Pause between two rounds of mending. */
const sweepEveryMs = 60_000;

await runProcess({
  name: 'ingest',
  settings: [...redisSettings, ...storeSettings, ...ingestSettings],
  start: async ({ settings, logger, metrics, clock, onClose, listen }) => {
    const redis = openRedis(settings, { name: 'ingest', logger });
    onClose('redis', () => redis.close());
    const store = await openObjectStore(settings);
    onClose('object store', () => store.close());
    const jobs = makeBullmqJobQueue({
      redisUrl: redisUrl(settings),
      clock,
      onError: (error) => logger.warn({ err: error }, 'the job queue has trouble'),
    });
    onClose('job queue', () => jobs.close());

    const { server, sweep } = await makeIngestApp({
      config: ingestConfig(settings),
      catalogue: makeRedisCatalogue({ redis, store, clock }),
      documents: makeStoreDocuments(store),
      store,
      jobs,
      probe: probeSource,
      checkRedis: () => redis.ready(2_000),
      clock,
      logger,
      metrics,
    });
    await listen(server);

    const stopping = new AbortController();
    // The first round may have whole uploads to store, so nobody waits for it.
    const sweeping = (async () => {
      for (let replaceEnded = true; !stopping.signal.aborted; replaceEnded = false) {
        await sweep({ replaceEnded });
        await clock.sleep(sweepEveryMs, stopping.signal).catch(() => undefined);
      }
    })();
    onClose('sweep', () => {
      stopping.abort();
      return Promise.race([sweeping, clock.sleep(settings.shutdownGraceMs)]);
    });
  },
});
