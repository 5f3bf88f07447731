import { backendSettings, openBackend } from '../../shared/adapters/backend.ts';
import { availableEncoders } from '../../shared/media/encoders.ts';
import { makeAnnounce } from '../../shared/platform/announce.ts';
import { makeHttpServer } from '../../shared/platform/http-server.ts';
import { runProcess } from '../../shared/platform/lifecycle.ts';
import { transcodeConfig, transcodeSettings } from './config.ts';
import { makeMakeVersion } from './make-version.ts';
import { encoderVersion } from './recipe.ts';
import { makeScratch } from './scratch.ts';
import { makeRetextAsset } from './text/retext-asset.ts';
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
    const announce = makeAnnounce({ jobs, logger, webhookUrl: config.webhookUrl });
    const transcode = makeTranscodeAsset({
      store,
      catalogue,
      documents,
      clock,
      makeVersion: makeMakeVersion({
        ...config,
        store,
        catalogue,
        documents,
        clock,
        scratch,
        ffmpegPath,
        ffprobePath,
        onTextSkipped: (assetId, track, error) =>
          logger.warn({ err: error, assetId, track }, 'a subtitle track of the source could not be read'),
      }),
      settings: { ...config, encoder, encoders },
      announce,
      retext: async ({ id, updatedAt }) => {
        await jobs.add('retext-asset', { assetId: id, change: `${Date.parse(updatedAt)}` }, { replaceEnded: true });
      },
      onFailure: (assetId, error, final) =>
        logger.warn({ err: error, assetId, final }, final ? 'the transcode failed' : 'a transcode attempt failed'),
    });
    await listen(makeHttpServer({ logger, metrics, readiness }));
    const worker = await jobs.work('transcode-asset', withMetrics(transcode, { metrics, logger, clock }), {
      concurrency: config.concurrency,
    });
    onClose('worker', () => worker.close(config.shutdownGraceMs));
    const retext = makeRetextAsset({
      store,
      catalogue,
      documents,
      clock,
      announce,
      onFailure: (assetId, error, final) =>
        logger.warn({ err: error, assetId, final }, 'the text of an asset could not be published'),
    });
    const texter = await jobs.work('retext-asset', retext, { concurrency: 2 });
    onClose('text worker', () => texter.close(config.shutdownGraceMs));
    logger.info({ encoder, concurrency: config.concurrency }, 'taking transcodes');
  },
});
