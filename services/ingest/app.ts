import { profileNames } from '../../shared/media/profiles.ts';
import { makeAnnounce } from '../../shared/platform/announce.ts';
import { requireBearer } from '../../shared/platform/bearer.ts';
import { type HttpServer, makeHttpServer } from '../../shared/platform/http-server.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import type { Metrics } from '../../shared/platform/metrics.ts';
import { registerOpenApi } from '../../shared/platform/openapi.ts';
import { Problem } from '../../shared/platform/problem.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import type { JobQueue } from '../../shared/ports/job-queue.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import type { PartUploads } from '../../shared/ports/part-uploads.ts';
import { makeAdmitObject } from './admit-object.ts';
import { makeAdmitSource } from './admit-source.ts';
import { makeAssetEvents } from './asset-events.ts';
import { makeAssetId } from './asset-id.ts';
import { makeViewAsset } from './asset-view.ts';
import { makeDeleteAsset, makeRenameAsset, makeRestoreAsset } from './change-asset.ts';
import type { IngestConfig } from './config.ts';
import { makeAddressGuard, parseNetworks } from './import/address-guard.ts';
import { makeFolderImports } from './import/hls/folder-imports.ts';
import { makeImportRecords } from './import/hls/import-records.ts';
import { makePublishHls } from './import/hls/publish-hls.ts';
import { makeStagedFiles } from './import/hls/staged-files.ts';
import { makeUrlOpener } from './import/open-url.ts';
import { makeUrlImports } from './import/url-imports.ts';
import { makeUrlRecords } from './import/url-records.ts';
import { makeProbeStored, type Probe } from './probe-stored.ts';
import { makeQuota } from './quota.ts';
import { assetEventsRoute } from './routes/asset-events.ts';
import { assetRoutes } from './routes/assets.ts';
import { createAssetRoute } from './routes/create-asset.ts';
import { importRoutes } from './routes/imports.ts';
import { textTrackRoutes } from './routes/text-tracks.ts';
import { uploadRoutes } from './routes/uploads.ts';
import { openScratch } from './scratch.ts';
import { makeSweep, type Sweep } from './sweep.ts';
import { makeTextTracks } from './text-tracks.ts';
import { makeTusServer } from './tus-server.ts';
import { makeTusUploads } from './tus-uploads.ts';
import { makeUploadMetrics } from './upload-metrics.ts';

export interface IngestDependencies {
  readonly config: IngestConfig;
  readonly catalogue: Catalogue;
  readonly documents: Pick<Documents, 'getManifest' | 'putManifest'>;
  readonly store: ObjectStore;
  readonly parts: PartUploads;
  readonly jobs: JobQueue;
  readonly probe: Probe;
  /** Proves that Redis answers. */
  readonly checkRedis: () => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface IngestApp {
  readonly server: HttpServer;
  readonly sweep: Sweep;
}

const tags = [
  { name: 'assets', description: 'Uploaded titles, from upload to publication.' },
  { name: 'text', description: 'Subtitles and captions of an asset.' },
  { name: 'imports', description: 'Finished HLS streams, sent file by file and published as they are.' },
  { name: 'uploads', description: 'Resumable uploads by tus 1.0 (https://tus.io).' },
];

/** The ingest service, ready to listen. Empties the scratch folder of what no restart can use. */
export async function makeIngestApp(dependencies: IngestDependencies): Promise<IngestApp> {
  const { config, catalogue, documents, store, parts, jobs, probe, checkRedis, clock, logger, metrics } = dependencies;
  const { apiKey, maxUploadBytes, uploadExpiryMs, trustProxy } = config;
  const scratch = await openScratch(config.scratchDir);
  const newId = () => makeAssetId(clock);
  const view = makeViewAsset({ catalogue, documents });
  const quota = makeQuota({
    catalogue,
    maxDurationMs: config.maxDurationMs,
    maxOpenUploads: config.maxOpenUploads,
    quotaBytes: config.uploadQuotaBytes,
    openElsewhere: async () => imports.open() + (await uploads.open()) + (await folderImports.open()),
    clock,
  });
  const announce = makeAnnounce({ jobs, logger, webhookUrl: config.webhookUrl });
  const probeStored = makeProbeStored({ store, scratch, probe });
  const admit = makeAdmitSource({ probeStored, catalogue, jobs, quota, announce, clock, logger });
  const admitObject = makeAdmitObject(store, admit);
  const uploads = makeTusUploads({
    parts,
    objects: store,
    expiryMs: uploadExpiryMs,
    maxUploadBytes,
    otherHandles: () => imports.handles(),
    profileNames,
    catalogue,
    admit,
    clock,
    logger,
  });
  const uploadMetrics = makeUploadMetrics(metrics);
  const guard = makeAddressGuard(parseNetworks(config.importNetworks));
  const staged = makeStagedFiles(store);
  const hlsRecords = makeImportRecords(store);
  const hls = makePublishHls({ staged, store, documents, catalogue, quota, maxUploadBytes, announce, clock });
  const imports = makeUrlImports({
    records: makeUrlRecords(scratch.importsDir),
    opener: makeUrlOpener(guard, config.importTimeoutMs),
    parts,
    admitObject,
    staged,
    hlsRecords,
    hls,
    catalogue,
    uploadMetrics,
    maxUploadBytes,
    expiryMs: uploadExpiryMs,
    clock,
    logger,
  });

  const folderImports = makeFolderImports({
    staged,
    records: hlsRecords,
    hls,
    catalogue,
    isFetching: (id) => imports.find(id) !== null,
    onPublished: () => uploadMetrics.accepted('folder'),
    maxUploadBytes,
    expiryMs: uploadExpiryMs,
    clock,
    logger,
  });

  const server = makeHttpServer({
    logger,
    metrics,
    trustProxy,
    readiness: { redis: checkRedis, store: () => store.check() },
  });
  await registerOpenApi(server, tags);

  const stopping = endWithGrace(server, config.shutdownGraceMs);
  server.addHook('onClose', async () => void (await Promise.all([imports.close(), folderImports.close()])));

  const authenticate = requireBearer(
    apiKey,
    'It is the value of NIGHTFILL_API_KEY, sent as "Authorization: Bearer …".',
  );
  await server.register(async (api) => {
    api.addHook('onRequest', async (request) => {
      // A browser sends no credentials with a preflight, and the answer holds no secret.
      if (request.method !== 'OPTIONS') await authenticate(request);
    });
    api.setErrorHandler(async (error) => {
      throw await explain(error, checkRedis);
    });
    await api.register(createAssetRoute, {
      catalogue,
      admitObject,
      view,
      parts,
      quota,
      guard,
      imports,
      uploadMetrics,
      newId,
      maxUploadBytes,
      profileNames,
    });
    await api.register(assetRoutes, {
      catalogue,
      view,
      rename: makeRenameAsset({ catalogue, clock }),
      remove: makeDeleteAsset({ catalogue, jobs, announce, clock, deleteDelayMs: config.deleteDelayMs }),
      restore: makeRestoreAsset({ catalogue, jobs, announce, clock }),
    });
    await api.register(textTrackRoutes, {
      texts: makeTextTracks({ catalogue, documents, store, jobs, clock, logger }),
    });
    const events = makeAssetEvents({ catalogue, view, clock });
    await api.register(assetEventsRoute, { catalogue, events, stopping });
    const tus = makeTusServer({ uploads, quota, maxUploadBytes, profileNames, newId });
    await api.register(importRoutes, { imports: folderImports, quota, uploadMetrics, newId, profileNames });
    await api.register(uploadRoutes, { tus, uploads, imports, catalogue, uploadMetrics });
  });

  // Before anyone can ask how far they are.
  await imports.sweep();
  const sweep = makeSweep({
    uploads,
    imports,
    folderImports,
    announce,
    catalogue,
    jobs,
    store,
    uploadExpiryMs,
    clock,
    logger,
  });
  return { server, sweep };
}

/**
 * Lets open requests end when the server closes: uploads get the grace time and are cut then (tus ones are resumed,
 * others leave nothing behind), event streams end when the returned signal aborts.
 */
function endWithGrace(it: HttpServer, graceMs: number): AbortSignal {
  const stopping = new AbortController();
  it.addHook('preClose', async () => {
    stopping.abort();
    // Connections become idle one by one, and Node closes only those that are idle when closing begins.
    const closingIdle = setInterval(() => it.server.closeIdleConnections(), 50);
    const grace = setTimeout(() => it.server.closeAllConnections(), graceMs);
    it.server.once('close', () => {
      clearInterval(closingIdle);
      clearTimeout(grace);
    });
  });
  return stopping.signal;
}

/** An error that nobody expected is `not-ready` while Redis is away, since most of them come from that. */
async function explain(error: unknown, checkRedis: () => Promise<void>): Promise<unknown> {
  const isExpected =
    error instanceof Problem
      ? error.code !== 'internal'
      : error instanceof Error && 'statusCode' in error && Number(error.statusCode) < 500;
  if (isExpected) return error;
  try {
    await checkRedis();
    return error;
  } catch {
    const headers = error instanceof Problem ? error.headers : {};
    return new Problem('not-ready', 'Redis cannot be reached now. Try again in a moment.', { cause: error, headers });
  }
}
