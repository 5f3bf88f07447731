import { makeApplianceHttpApi } from '../../shared/adapters/appliance-http/appliance-http.ts';
import { backendSettings, openBackend } from '../../shared/adapters/backend.ts';
import { makeRedisNightShare } from '../../shared/adapters/redis/redis-night-share.ts';
import { makeHttpServer } from '../../shared/platform/http-server.ts';
import { runProcess } from '../../shared/platform/lifecycle.ts';
import { applianceCredential, pullCredential } from '../../shared/tokens/credentials.ts';
import { fillSettings, parallelBatches, parallelDeletions, parallelFills, sweepEveryMs } from './config.ts';
import { makeDeleteAsset } from './delete-asset.ts';
import { makeFillBatch } from './fill-batch.ts';
import { makeFillRegion } from './fill-region.ts';
import { makeQueueBatches } from './queue-batches.ts';
import { makeSweepDeleted } from './sweep-deleted.ts';

await runProcess({
  name: 'fill',
  settings: [...backendSettings, ...fillSettings],
  start: async (context) => {
    const { settings, logger, metrics, clock, onClose, listen, repeat } = context;
    const { redis, store, jobs, catalogue, fleet, documents, readiness } = await openBackend(context, 'fill');
    const api = makeApplianceHttpApi({
      credentialOf: (id) => applianceCredential(settings.fleetSecret, id),
      pullCredentialOf: (id) => pullCredential(settings.fleetSecret, id),
    });
    onClose('appliance client', () => api.close());
    await listen(makeHttpServer({ logger, metrics, readiness }));

    const sent = metrics.counter('nightfill_fill_sent_bytes_total', 'Bytes sent to appliances by fills.');
    const ended = metrics.counter('nightfill_fills_total', 'Fills by the state they ended in.', ['state']);
    const share = makeRedisNightShare({ redis, store, clock });
    const fillBatch = makeFillBatch({
      fleet,
      catalogue,
      documents,
      store,
      api,
      share,
      clock,
      parallelPushes: settings.fillConcurrency,
      onSent: (bytes) => sent.inc(bytes),
    });
    const pusher = await jobs.work('fill-batch', fillBatch, { concurrency: parallelBatches });
    onClose('pusher', () => pusher.close(0));
    const batches = makeQueueBatches(jobs, clock);
    const fillRegion = makeFillRegion({ fleet, documents, api, share, batches, clock, logger });
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
    const deleter = await jobs.work(
      'delete-asset',
      makeDeleteAsset({ fleet, catalogue, store, jobs, api, clock, logger }),
      {
        concurrency: parallelDeletions,
      },
    );
    onClose('deleter', () => deleter.close(settings.shutdownGraceMs));

    repeat('sweep of deleted assets', sweepEveryMs, makeSweepDeleted({ fleet, store, api, logger }));
  },
});
