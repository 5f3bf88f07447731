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
import { makeHttpServer } from '../../shared/platform/http-server.ts';
import { runProcess } from '../../shared/platform/lifecycle.ts';
import { transcodeConfig, transcodeSettings } from './config.ts';
import { makeMakeVersion } from './make-version.ts';
import { encoderVersion } from './recipe.ts';
import { makeScratch } from './scratch.ts';
import { makeTranscodeAsset } from './transcode-asset.ts';
import { withMetrics } from './transcode-metrics.ts';

const ffmpegPath = 'ffmpeg';
const ffprobePath = 'ffprobe';

await runProcess({
  name: 'transcode',
  settings: [...redisSettings, ...storeSettings, ...transcodeSettings],
  start: async ({ settings, logger, metrics, clock, onClose, listen }) => {
    const config = transcodeConfig(settings);
    const encoder = await encoderVersion(ffmpegPath);
    const scratch = makeScratch(config.scratchDir);
    const leftovers = await scratch.removeLeftovers();
    if (leftovers > 0) logger.info({ leftovers }, 'removed what killed workers left');

    const redis = openRedis(settings, { name: 'transcode', logger });
    onClose('redis', () => redis.close());
    const store = await openObjectStore(settings);
    onClose('object store', () => store.close());
    const jobs = makeBullmqJobQueue({
      redisUrl: redisUrl(settings),
      clock,
      onError: (error) => logger.warn({ err: error }, 'the job queue has trouble'),
    });
    onClose('job queue', () => jobs.close());

    const catalogue = makeRedisCatalogue({ redis, store, clock });
    const documents = makeStoreDocuments(store);
    const transcode = makeTranscodeAsset({
      store,
      catalogue,
      documents,
      clock,
      makeVersion: makeMakeVersion({ ...config, store, catalogue, documents, clock, scratch, ffmpegPath, ffprobePath }),
      settings: { ...config, encoder },
      onFailure: (assetId, error, final) =>
        logger.warn({ err: error, assetId, final }, final ? 'the transcode failed' : 'a transcode attempt failed'),
    });
    await listen(
      makeHttpServer({
        logger,
        metrics,
        readiness: { redis: () => redis.ready(), 'object store': () => store.check() },
      }),
    );
    const worker = await jobs.work('transcode-asset', withMetrics(transcode, { metrics, logger, clock }), {
      concurrency: config.concurrency,
    });
    onClose('worker', () => worker.close(config.shutdownGraceMs));
    logger.info({ encoder, concurrency: config.concurrency }, 'taking transcodes');
  },
});
