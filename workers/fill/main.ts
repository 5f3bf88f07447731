import { makeApplianceHttpApi } from '../../shared/adapters/appliance-http/appliance-http.ts';
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
import { makeRedisFleet } from '../../shared/adapters/redis/redis-fleet.ts';
import { makeHttpServer } from '../../shared/platform/http-server.ts';
import { runProcess } from '../../shared/platform/lifecycle.ts';
import { applianceCredential } from '../../shared/tokens/credentials.ts';
import { fillSettings, parallelDeletions, parallelFills, sweepEveryMs } from './config.ts';
import { makeDeleteAsset } from './delete-asset.ts';
import { makeFillRegion } from './fill-region.ts';
import { makeSweepDeleted } from './sweep-deleted.ts';

await runProcess({
  name: 'fill',
  settings: [...redisSettings, ...storeSettings, ...fillSettings],
  start: async ({ settings, logger, metrics, clock, onClose, listen }) => {
    const redis = openRedis(settings, { name: 'fill', logger });
    onClose('redis', () => redis.close());
    const store = await openObjectStore(settings);
    onClose('object store', () => store.close());
    const api = makeApplianceHttpApi({ credentialOf: (id) => applianceCredential(settings.fleetSecret, id) });
    onClose('appliance client', () => api.close());
    const jobs = makeBullmqJobQueue({
      redisUrl: redisUrl(settings),
      clock,
      onError: (error) => logger.warn({ err: error }, 'the job queue has trouble'),
    });
    onClose('job queue', () => jobs.close());

    const fleet = makeRedisFleet({ redis, store, clock });
    const catalogue = makeRedisCatalogue({ redis, store, clock });
    await listen(
      makeHttpServer({ logger, metrics, readiness: { redis: () => redis.ready(), store: () => store.check() } }),
    );

    const sent = metrics.counter('nightfill_fill_sent_bytes_total', 'Bytes sent to appliances by fills.');
    const ended = metrics.counter('nightfill_fills_total', 'Fills by the state they ended in.', ['state']);
    const fillRegion = makeFillRegion({
      fleet,
      catalogue,
      documents: makeStoreDocuments(store),
      store,
      api,
      clock,
      logger,
      parallelPushes: settings.fillConcurrency,
      onSent: (bytes) => sent.inc(bytes),
    });
    const filler = await jobs.work(
      'fill-region',
      async (job) => {
        const result = await fillRegion(job);
        ended.inc({ state: result.state });
        return result;
      },
      { concurrency: parallelFills },
    );
    // A fill may run for hours: it is handed on at once, and goes on where it stopped.
    onClose('filler', () => filler.close(0));
    const deleter = await jobs.work('delete-asset', makeDeleteAsset({ fleet, catalogue, store, api, logger }), {
      concurrency: parallelDeletions,
    });
    onClose('deleter', () => deleter.close(settings.shutdownGraceMs));

    const stopping = new AbortController();
    const sweepDeleted = makeSweepDeleted({ fleet, store, api, logger });
    const sweeping = (async () => {
      while (!stopping.signal.aborted) {
        await sweepDeleted(stopping.signal).catch((error: unknown) => {
          if (!stopping.signal.aborted) logger.warn({ err: error }, 'appliances could not be swept');
        });
        await clock.sleep(sweepEveryMs, stopping.signal).catch(() => undefined);
      }
    })();
    onClose('sweep', () => {
      stopping.abort();
      return sweeping;
    });
  },
});
