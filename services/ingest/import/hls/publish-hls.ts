import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { localSource, type ReadBytes } from '../../../../shared/conformance/source.ts';
import type { Asset, ImportWarning, SourceInfo } from '../../../../shared/domain/asset.ts';
import { checkConformance, type Report } from '../../../../shared/domain/conformance/check.ts';
import type { MediaPlaylist, Stream } from '../../../../shared/domain/conformance/model.ts';
import { contentTypeOf, storeKeys } from '../../../../shared/domain/keys.ts';
import {
  type Manifest,
  type ManifestFile,
  type Rendition,
  type RenditionText,
  sliceSizeBytes,
} from '../../../../shared/domain/manifest.ts';
import { newAsset } from '../../../../shared/domain/new-asset.ts';
import { HlsRefusedError, type HlsRendition, type HlsStream, readHls } from '../../../../shared/hls/stream-files.ts';
import type { Announce } from '../../../../shared/platform/announce.ts';
import { Problem } from '../../../../shared/platform/problem.ts';
import { type Catalogue, CatalogueError } from '../../../../shared/ports/catalogue.ts';
import type { Clock } from '../../../../shared/ports/clock.ts';
import type { Documents } from '../../../../shared/ports/documents.ts';
import type { ObjectStore } from '../../../../shared/ports/object-store.ts';
import type { Quota } from '../../quota.ts';
import { tooLarge } from '../../receive-object.ts';
import { saidOf, type UploadDetails } from '../../upload-details.ts';
import type { ImportPlace, StagedFile, StagedFiles } from './staged-files.ts';

export interface PublishHlsDependencies {
  readonly staged: StagedFiles;
  readonly store: Pick<ObjectStore, 'get'>;
  readonly documents: Pick<Documents, 'getManifest' | 'putManifest'>;
  readonly catalogue: Pick<Catalogue, 'create'>;
  readonly quota: Pick<Quota, 'checkDuration'>;
  readonly maxUploadBytes: number;
  readonly announce: Announce;
  readonly clock: Clock;
}

export interface PublishHls {
  /**
   * Looks at the playlists only: what the stream consists of.
   *
   * @throws Problem `hls-not-importable`, with the files that are missing; `too-large`, `too-long`.
   */
  inspect(place: ImportPlace, entry: string): Promise<InspectedHls>;
  /**
   * Publishes what is there as it is: checked by the conformance rules; the manifest is the commit, and the asset is
   * published at once. Doing it again after a crash changes nothing. Files that no playlist names are removed.
   *
   * @throws Problem `hls-not-importable` with the rule that is broken, and what `inspect` throws; nothing is visible then.
   */
  publish(place: ImportPlace, entry: string, details: UploadDetails, signal: AbortSignal): Promise<void>;
}

export interface InspectedHls {
  readonly stream: HlsStream;
  readonly staged: ReadonlyMap<string, StagedFile>;
}

const warningsKept = 50;
const missingTold = 20;

export function makePublishHls(dependencies: PublishHlsDependencies): PublishHls {
  const { staged, store, documents, catalogue, quota, maxUploadBytes, announce, clock } = dependencies;

  async function inspect(place: ImportPlace, entry: string): Promise<InspectedHls> {
    const files = await staged.list(place.id);
    const stream = await readHls(entry, async (path) => {
      if (!files.has(path)) throw missing([path]);
      return staged.text(place, path);
    }).catch(refuse);
    const absent = stream.files.filter(({ path }) => !files.has(path)).map(({ path }) => path);
    if (absent.length > 0) throw missing(absent);
    const sizeBytes = stream.files.reduce((sum, { path }) => sum + (files.get(path)?.sizeBytes ?? 0), 0);
    if (sizeBytes > maxUploadBytes) throw tooLarge(maxUploadBytes);
    quota.checkDuration(stream.durationS);
    return { stream, staged: files };
  }

  /** Of a file whose size is known. */
  const readFrom =
    (place: ImportPlace, files: ReadonlyMap<string, StagedFile>) =>
    async (path: string, offset: number, length: number): Promise<ReadBytes> => {
      const fileSizeBytes = files.get(path)?.sizeBytes;
      if (fileSizeBytes === undefined) throw new Error('is not there');
      const end = Math.min(fileSizeBytes, offset + length) - 1;
      if (end < offset) return { bytes: new Uint8Array(), fileSizeBytes };
      const key = storeKeys.media({ assetId: place.id, version: place.version, path });
      const found = await store.get(key, { range: { start: offset, end } });
      if (!found) throw new Error('is not there');
      return { bytes: await buffer(found.body), fileSizeBytes };
    };

  async function makeManifest({ id, version }: ImportPlace, title: string, inspected: InspectedHls, found: Stream) {
    const files: ManifestFile[] = [];
    for (const file of inspected.stream.files) {
      const known = inspected.staged.get(file.path);
      if (!known) throw missing([file.path]);
      files.push({ ...file, ...(await staged.digests(id, known)), contentType: contentTypeOf(file.path) });
    }
    return manifestOf({ id, version }, title, new Date(clock.now()).toISOString(), inspected.stream, files, found);
  }

  return {
    inspect,
    async publish(place, entry, details, signal) {
      const inspected = await inspect(place, entry);
      const source = localSource(entry, readFrom(place, inspected.staged));
      // Loaded here: the readers of media take memory that most processes never need.
      const { readStream } = await import('../../../../shared/conformance/read-stream.ts');
      const found = await readStream(source, { signal });
      const report = checkConformance(found);
      refuseErrors(report);
      signal.throwIfAborted();
      const named = new Set(inspected.stream.files.map(({ path }) => path));
      for (const path of inspected.staged.keys()) if (!named.has(path)) await staged.remove(place, path);

      const made = await makeManifest(place, details.title, inspected, found);
      const isFirst = await documents.putManifest(made);
      const manifest = isFirst ? made : ((await documents.getManifest(place.id, place.version)) ?? made);
      const asset = assetOf(manifest, details, warningsOf(report));
      await catalogue.create(asset).catch((error: unknown) => {
        if (!(error instanceof CatalogueError && error.code === 'already-exists')) throw error;
      });
      await announce(asset);
      await staged.forget(place.id);
    },
  };
}

export function refuse(error: unknown): never {
  throw error instanceof HlsRefusedError ? new Problem('hls-not-importable', error.message, { cause: error }) : error;
}

const missing = (paths: readonly string[]): Problem =>
  new Problem(
    'hls-not-importable',
    `${paths[0]}${paths.length > 1 ? ` and ${paths.length - 1} more files` : ''} that the playlists name did not arrive. Send what is missing, then publish again.`,
    { errors: paths.slice(0, missingTold).map((path) => ({ at: path, message: 'did not arrive' })) },
  );

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

function manifestOf(
  { id, version }: ImportPlace,
  title: string,
  createdAt: string,
  stream: HlsStream,
  files: readonly ManifestFile[],
  found: Stream,
): Manifest {
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  // The same files have the same digest, wherever they came from.
  const sha256 = createHash('sha256')
    .update(JSON.stringify([stream.entry, files.map((file) => [file.path, file.sha256]).sort()]))
    .digest('hex');
  return {
    schema: 1,
    assetId: id,
    version,
    title,
    createdAt,
    durationS: stream.durationS,
    packaging: files.some(({ role, rendition }) => role === 'media' && rendition !== null) ? 'single-file' : 'segments',
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
  const isChoice = kind !== 'video';
  const ofChoice = isChoice ? { language: attributes?.get('LANGUAGE') ?? null, ...(name ? { name } : {}) } : {};
  return {
    id,
    kind,
    codecs:
      media?.tracks.map(({ codec }) => codec).join(',') ||
      (kind === 'text' ? 'wvtt' : (attributes?.get('CODECS') ?? 'unknown')),
    bandwidthBps: Math.round(peak),
    averageBandwidthBps: seconds > 0 ? Math.round(bits / seconds) : 0,
    width: track?.size?.width ?? (width || null),
    height: track?.size?.height ?? (height || null),
    frameRate:
      looked.find(({ facts }) => facts.frameRate)?.facts.frameRate ?? (Number(attributes?.get('FRAME-RATE')) || null),
    channels: track?.channels ?? null,
    sampleRateHz: null,
    ...ofChoice,
    ...(kind === 'text' ? { text: textOf(attributes) } : {}),
    playlist,
  };
}

/** A text's kind as Apple's characteristics tell it (RFC 8216 §4.3.4.1). */
function textOf(attributes: HlsRendition['attributes']): RenditionText {
  const is = (name: string): boolean => attributes?.get(name) === 'YES';
  const tellsSounds = /transcribes-spoken-dialog|describes-music-and-sound/.test(
    attributes?.get('CHARACTERISTICS') ?? '',
  );
  return { kind: tellsSounds ? 'captions' : 'subtitles', forced: is('FORCED'), isDefault: is('DEFAULT') };
}

function assetOf(manifest: Manifest, details: UploadDetails, importWarnings: readonly ImportWarning[]): Asset {
  const { version, durationS, sizeBytes, createdAt, source, packaging, renditions } = manifest;
  return newAsset({
    id: manifest.assetId,
    ...saidOf(details),
    state: 'published',
    profile: 'imported',
    packaging,
    source: { fileName: details.fileName, ...source, ...sourceFacts(durationS, renditions) },
    sourceKey: null,
    version,
    durationS,
    sizeBytes,
    importWarnings,
    createdAt,
    publishedAt: createdAt,
  });
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
