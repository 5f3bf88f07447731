import { backendSettings, openBackend } from '../../shared/adapters/backend.ts';
import { availableEncoders } from '../../shared/media/encoders.ts';
import { makeAnnounce } from '../../shared/platform/announce.ts';
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
  settings: [...backendSettings, ...transcodeSettings],
  start: async (context) => {
    const { settings, logger, metrics, clock, onClose, listen } = context;
    const config = transcodeConfig(settings);
    const encoder = await encoderVersion(ffmpegPath);
    const encoders = await availableEncoders(ffmpegPath);
    const scratch = makeScratch(config.scratchDir);
    const leftovers = await scratch.removeLeftovers();
    if (leftovers > 0) logger.info({ leftovers }, 'removed what killed workers left');

    const { store, jobs, catalogue, documents, readiness } = await openBackend(context, 'transcode');
    const transcode = makeTranscodeAsset({
      store,
      catalogue,
      documents,
      clock,
      makeVersion: makeMakeVersion({ ...config, store, catalogue, documents, clock, scratch, ffmpegPath, ffprobePath }),
      settings: { ...config, encoder, encoders },
      announce: makeAnnounce({ jobs, logger, webhookUrl: config.webhookUrl }),
      onFailure: (assetId, error, final) =>
        logger.warn({ err: error, assetId, final }, final ? 'the transcode failed' : 'a transcode attempt failed'),
    });
    await listen(makeHttpServer({ logger, metrics, readiness }));
    const worker = await jobs.work('transcode-asset', withMetrics(transcode, { metrics, logger, clock }), {
      concurrency: config.concurrency,
    });
    onClose('worker', () => worker.close(config.shutdownGraceMs));
    logger.info({ encoder, concurrency: config.concurrency }, 'taking transcodes');
  },
});
