import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { readStream } from '../../../../shared/conformance/read-stream.ts';
import { folderSource } from '../../../../shared/conformance/source.ts';
import type { Asset, ImportWarning, SourceInfo } from '../../../../shared/domain/asset.ts';
import { checkConformance, type Report } from '../../../../shared/domain/conformance/check.ts';
import type { MediaPlaylist, Stream } from '../../../../shared/domain/conformance/model.ts';
import { contentTypeOf, storeKeys } from '../../../../shared/domain/keys.ts';
import { type Manifest, type Rendition, sliceSizeBytes } from '../../../../shared/domain/manifest.ts';
import type { Announce } from '../../../../shared/platform/announce.ts';
import { Problem } from '../../../../shared/platform/problem.ts';
import type { Catalogue } from '../../../../shared/ports/catalogue.ts';
import type { Clock } from '../../../../shared/ports/clock.ts';
import type { Documents } from '../../../../shared/ports/documents.ts';
import type { ObjectStore } from '../../../../shared/ports/object-store.ts';
import type { Quota } from '../../quota.ts';
import type { Scratch } from '../../scratch.ts';
import type { UploadDetails } from '../../upload-details.ts';
import { type FetchedHls, type FetchHlsOptions, fetchHls } from './fetch-hls.ts';
import type { HlsRendition } from './read-hls.ts';

export interface ImportHlsDependencies {
  readonly scratch: Pick<Scratch, 'newIncomingPath'>;
  readonly store: Pick<ObjectStore, 'put'>;
  readonly documents: Pick<Documents, 'putManifest'>;
  readonly catalogue: Pick<Catalogue, 'create'>;
  readonly quota: Pick<Quota, 'checkDuration'>;
  readonly announce: Announce;
  readonly clock: Clock;
}

export type ImportHls = (id: string, url: string, details: UploadDetails, options: FetchHlsOptions) => Promise<void>;

const putsAtOnce = 4;
const warningsKept = 50;

/**
 * Publishes an existing HLS stream as it is: fetched, checked by the conformance rules, digested, stored; the manifest is
 * the commit, and the asset is published at once. Doing it again after a crash stores the same bytes again.
 *
 * @throws Problem `hls-not-importable` with the rule that is broken, and what `fetchHls` throws; nothing is visible then.
 */
export function makeImportHls(dependencies: ImportHlsDependencies): ImportHls {
  const { scratch, store, documents, catalogue, quota, announce, clock } = dependencies;

  async function putAll(
    id: string,
    version: string,
    dir: string,
    { stream, digests }: FetchedHls,
    signal: AbortSignal,
  ) {
    const limit = pLimit(putsAtOnce);
    const put = async (path: string): Promise<void> => {
      signal.throwIfAborted();
      const { sizeBytes = 0, sha256 = '' } = digests.get(path) ?? {};
      const key = storeKeys.media({ assetId: id, version, path });
      await store.put(key, createReadStream(join(dir, path)), { sizeBytes, sha256, signal });
    };
    // Playlists last: what they name is there then.
    for (const isPlaylist of [false, true]) {
      const group = stream.files.filter(({ role }) => (role === 'playlist') === isPlaylist);
      const settled = await Promise.allSettled(group.map(({ path }) => limit(put, path)));
      const failed = settled.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    }
  }

  return async (id, url, details, options) => {
    const dir = scratch.newIncomingPath();
    try {
      const fetched = await fetchHls(new URL(url), dir, options);
      quota.checkDuration(fetched.stream.durationS);
      const found = await readStream(folderSource(dir, fetched.stream.entry), { signal: options.signal });
      const report = checkConformance(found);
      refuseErrors(report);

      const now = new Date(clock.now()).toISOString();
      const manifest = manifestOf(id, details.title, now, fetched, found);
      await putAll(id, manifest.version, dir, fetched, options.signal);
      await documents.putManifest(manifest);
      const asset = assetOf(manifest, details, warningsOf(report));
      await catalogue.create(asset);
      await announce(asset);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  };
}

function refuseErrors({ findings }: Report): void {
  const [first, ...others] = findings.filter(({ severity }) => severity === 'error');
  if (!first) return;
  const more = others.length > 0 ? ` (and ${others.length} more; nightfill lint shows all)` : '';
  throw new Problem(
    'hls-not-importable',
    `The stream breaks ${first.rule} (${first.requirement}) at ${first.at}: ${first.measured} instead of ${first.expected}${more}. Mend its packaging and import it again.`,
    { errors: [{ at: 'file', message: first.rule }] },
  );
}

const warningsOf = ({ findings }: Report): ImportWarning[] =>
  findings
    .filter(({ severity }) => severity === 'warning')
    .slice(0, warningsKept)
    .map(({ rule, at, measured, expected }) => ({ rule, at, measured, expected }));

function manifestOf(id: string, title: string, createdAt: string, fetched: FetchedHls, found: Stream): Manifest {
  const { stream, digests } = fetched;
  const files = stream.files.map((file) => ({
    ...file,
    ...(digests.get(file.path) ?? { sizeBytes: 0, sha256: '' }),
    contentType: contentTypeOf(file.path),
  }));
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  // The same files are the same version, wherever they were fetched from.
  const sha256 = createHash('sha256')
    .update(JSON.stringify([stream.entry, files.map((file) => [file.path, file.sha256]).sort()]))
    .digest('hex');
  return {
    schema: 1,
    assetId: id,
    version: sha256.slice(0, 16),
    title,
    createdAt,
    durationS: stream.durationS,
    packaging: files.some(({ role }) => role === 'media') ? 'single-file' : 'segments',
    sliceSizeBytes,
    sizeBytes,
    source: { sha256, sizeBytes },
    recipe: { profile: 'imported', packager: 'imported', encoder: 'imported' },
    playlists: { hls: stream.entry, dash: null },
    renditions: stream.renditions.map((rendition) => renditionOf(rendition, found)),
    files,
  };
}

/** Said by the playlists where the media cannot be looked into, measured where they can. */
function renditionOf({ id, kind, playlist, attributes }: HlsRendition, { playlists }: Stream): Rendition {
  const media: MediaPlaylist | undefined = playlists.find(({ uri }) => uri === playlist);
  const track = media?.tracks.find((one) => one.kind === kind) ?? null;
  const looked = (media?.segments ?? []).flatMap(({ durationS, media: facts }) =>
    facts ? [{ durationS, facts }] : [],
  );
  const bits = looked.reduce((sum, { facts }) => sum + facts.sizeBytes * 8, 0);
  const seconds = looked.reduce((sum, { durationS }) => sum + durationS, 0);
  const peak = Math.max(0, ...looked.map(({ durationS, facts }) => (facts.sizeBytes * 8) / Math.max(durationS, 0.001)));
  const [width, height] = (attributes?.get('RESOLUTION') ?? '').split('x').map(Number);
  const name = attributes?.get('NAME');
  const ofAudio = kind === 'audio' ? { language: attributes?.get('LANGUAGE') ?? null, ...(name ? { name } : {}) } : {};
  return {
    id,
    kind,
    codecs: media?.tracks.map(({ codec }) => codec).join(',') || attributes?.get('CODECS') || 'unknown',
    bandwidthBps: Math.round(peak),
    averageBandwidthBps: seconds > 0 ? Math.round(bits / seconds) : 0,
    width: track?.size?.width ?? (width || null),
    height: track?.size?.height ?? (height || null),
    frameRate:
      looked.find(({ facts }) => facts.frameRate)?.facts.frameRate ?? (Number(attributes?.get('FRAME-RATE')) || null),
    channels: track?.channels ?? null,
    sampleRateHz: null,
    ...ofAudio,
    playlist,
  };
}

function assetOf(manifest: Manifest, details: UploadDetails, importWarnings: readonly ImportWarning[]): Asset {
  const { version, durationS, sizeBytes, createdAt, source, packaging, renditions } = manifest;
  return {
    schema: 1,
    id: manifest.assetId,
    title: details.title,
    tags: details.tags,
    state: 'published',
    series: details.series,
    premiereDate: details.premiereDate,
    profile: 'imported',
    packaging,
    source: { fileName: details.fileName, ...source, ...sourceFacts(durationS, renditions) },
    sourceKey: null,
    version,
    durationS,
    sizeBytes,
    failure: null,
    importWarnings,
    createdAt,
    updatedAt: createdAt,
    publishedAt: createdAt,
  };
}

function sourceFacts(
  durationS: number,
  renditions: readonly Rendition[],
): Omit<SourceInfo, 'fileName' | 'sizeBytes' | 'sha256'> {
  const [best] = renditions.filter(({ kind }) => kind === 'video').sort((a, b) => (b.height ?? 0) - (a.height ?? 0));
  const video = best
    ? {
        codec: best.codecs,
        width: best.width ?? 0,
        height: best.height ?? 0,
        frameRate: best.frameRate ?? 0,
        pixelFormat: 'unknown',
        hdr: false,
      }
    : null;
  return { container: 'hls', durationS, video, audio: null };
}
