import { backendSettings, openBackend } from '../../shared/adapters/backend.ts';
import type { SourceText } from '../../shared/domain/asset.ts';
import { availableEncoders } from '../../shared/media/encoders.ts';
import { makeAnnounce } from '../../shared/platform/announce.ts';
import { makeHttpServer } from '../../shared/platform/http-server.ts';
import { runProcess } from '../../shared/platform/lifecycle.ts';
import { transcodeConfig, transcodeSettings } from './config.ts';
import { makeEncodeChunk } from './encode-chunk.ts';
import { makeGrow } from './grow.ts';
import { makeMakeInChunks } from './make-in-chunks.ts';
import { makeMakeVersion } from './make-version.ts';
import { encoderVersion } from './recipe.ts';
import { makeScratch } from './scratch.ts';
import { makeSourceCache } from './source-cache.ts';
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
    const sources = makeSourceCache({ store, scratch, idleMs: 120_000 });
    const onTextSkipped = (assetId: string, track: SourceText, error: unknown): void =>
      logger.warn({ err: error, assetId, track }, 'a subtitle track of the source could not be read');
    const ports = { store, catalogue, documents, jobs, clock };
    const common = { ...config, ...ports, scratch, sources, ffmpegPath, ffprobePath, onTextSkipped };
    const onFailure = (assetId: string, error: unknown, final: boolean): void =>
      logger.warn({ err: error, assetId, final }, final ? 'the transcode failed' : 'a transcode attempt failed');
    const recipeSettings = { ...config, encoder, encoders };
    const transcode = makeTranscodeAsset({
      store,
      catalogue,
      documents,
      clock,
      makeVersion: makeMakeVersion(common),
      inChunks: makeMakeInChunks({
        ...common,
        onUncuttable: (assetId, reason) => logger.warn({ assetId, reason }, 'encoding in one go after all'),
      }),
      settings: recipeSettings,
      announce,
      retext: async ({ id, updatedAt }) => {
        await jobs.add('retext-asset', { assetId: id, change: `${Date.parse(updatedAt)}` }, { replaceEnded: true });
      },
      onFailure,
    });
    const grow = makeGrow({ ...common, announce });
    const encodeChunk = makeEncodeChunk({ ...common, grow, settings: recipeSettings, onFailure });
    await listen(makeHttpServer({ logger, metrics, readiness }));
    const worker = await jobs.work('transcode-asset', withMetrics(transcode, { metrics, logger, clock }), {
      concurrency: config.concurrency,
    });
    const chunkWorker = await jobs.work('encode-chunk', encodeChunk, { concurrency: config.concurrency });
    onClose('worker', async () => {
      await Promise.all([worker, chunkWorker].map((one) => one.close(config.shutdownGraceMs)));
      await sources.close();
    });
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
