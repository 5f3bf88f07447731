/** From encoded files to everything that is published: media, playlists and the facts of the manifest. */

import type { ManifestEncryption } from '../../shared/domain/encryption.ts';
import { contentTypeOf } from '../../shared/domain/keys.ts';
import type { Manifest, ManifestFile, Rendition } from '../../shared/domain/manifest.ts';
import { buildMasterPlaylist } from '../../shared/hls/build.ts';
import { withSessionKeys } from '../../shared/hls/keys.ts';
import { buildMpd } from './dash.ts';
import { type Content, digestOf } from './digest.ts';
import type { EncodeOutput, EncodePlan } from './encode-args.ts';
import { initName, type Layout, layOut, segmentTemplate } from './layout.ts';
import { makePreviews, type PreviewOptions, type Previews } from './previews.ts';
import { type CutAsset, type CutRendition, cutAsset, type EncodedTrack, localTrack } from './rendition.ts';
import { encryptionFacts, playlistKeysOf, type Sealing, sealTracks } from './seal.ts';

export interface PackagedFile {
  readonly facts: ManifestFile;
  readonly content: Content;
}

export interface PackagedAsset {
  readonly durationS: number;
  readonly renditions: readonly Rendition[];
  /** Media first, playlists after them: the order in which they may become visible. */
  readonly files: readonly PackagedFile[];
  readonly playlists: Manifest['playlists'];
  readonly encryption: ManifestEncryption | null;
  readonly images: Previews['images'];
}

export const playlistPaths = { hls: 'master.m3u8', dash: 'manifest.mpd' } as const;

/** @throws Error when the renditions do not fit each other; that is a bug in the encode. */
export async function packageAsset(
  plan: EncodePlan,
  options: PreviewOptions,
  encoded: (output: EncodeOutput) => Promise<EncodedTrack | null> = localTrack,
  sealing: Sealing | null = null,
): Promise<PackagedAsset> {
  const prepare = sealing ? sealTracks(sealing, `${options.dir}-sealed`, options.signal) : undefined;
  const cut = await cutAsset(plan, encoded, prepare);
  const { renditions, targetDurationS, durationS } = cut;
  const laidOut = renditions.map((rendition) => ({
    rendition,
    layout: layOut(
      rendition,
      plan.recipe.packaging,
      targetDurationS,
      sealing ? playlistKeysOf(sealing, rendition.kind, '../') : [],
    ),
  }));

  const files: PackagedFile[] = [];
  for (const { rendition, layout } of laidOut)
    for (const { name, role, content, ...place } of layout.files)
      files.push(await packaged(`${rendition.id}/${name}`, role, content, { rendition: rendition.id, ...place }));
  const previews = await makePreviews(renditions, options);
  for (const { path, role, content } of previews.files) files.push(await packaged(path, role, content, {}));
  for (const { rendition, layout } of laidOut) files.push(...(await playlistsOf(rendition, layout)));
  const master = buildMasterPlaylist(
    renditions.map(({ facts, iframeFacts }) => ({ ...facts, ...(iframeFacts ? { iframes: iframeFacts } : {}) })),
  );
  const kinds = [...new Set(renditions.map(({ kind }) => kind))];
  const keys = sealing ? kinds.flatMap((kind) => playlistKeysOf(sealing, kind, '')) : [];
  files.push(await textFile(playlistPaths.hls, withSessionKeys(master, keys), null));
  // DASH has no segments that are encrypted as wholes.
  const dash = sealing?.scheme === 'aes-128' ? null : playlistPaths.dash;
  if (dash) files.push(await textFile(dash, mpd(laidOut, cut, plan, sealing), null));
  return {
    durationS,
    renditions: renditions.map(({ facts }) => facts),
    files,
    playlists: { hls: playlistPaths.hls, dash },
    encryption: sealing && encryptionFacts(sealing, kinds),
    images: previews.images,
  };
}

async function playlistsOf({ id, facts, iframeFacts }: CutRendition, layout: Layout): Promise<PackagedFile[]> {
  const files = [await textFile(facts.playlist, layout.playlist, id)];
  if (iframeFacts && layout.iframePlaylist) files.push(await textFile(iframeFacts.playlist, layout.iframePlaylist, id));
  return files;
}

const textFile = (path: string, text: string, rendition: string | null): Promise<PackagedFile> =>
  packaged(path, 'playlist', Buffer.from(text), { rendition });

/** A file with its digests. */
export async function packaged(
  path: string,
  role: ManifestFile['role'],
  content: Content,
  place: Partial<Pick<ManifestFile, 'rendition' | 'index' | 'startS' | 'durationS'>>,
): Promise<PackagedFile> {
  const nowhere = { rendition: null, index: null, startS: null, durationS: null };
  const facts = { path, role, ...(await digestOf(content)), contentType: contentTypeOf(path), ...nowhere, ...place };
  return { facts, content };
}

const mpd = (
  laidOut: readonly { readonly rendition: CutRendition; readonly layout: Layout }[],
  { durationS, targetDurationS }: CutAsset,
  { ladder }: EncodePlan,
  sealing: Sealing | null,
): string =>
  buildMpd({
    durationS,
    targetDurationS,
    frameRate: ladder?.frameRate ?? null,
    protection: sealing && {
      keyIdOf: (kind) => sealing.keyOf(kind).id,
    },
    initTemplate: `$RepresentationID$/${initName}`,
    mediaTemplate: `$RepresentationID$/${segmentTemplate}`,
    renditions: laidOut.map(({ rendition: { facts, track, segments }, layout: { single } }) => ({
      ...facts,
      timescale: track.timescale,
      segments,
      single: single && { path: `${facts.id}/${single.name}`, init: single.init, index: single.index },
    })),
  });
