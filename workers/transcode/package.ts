/** From encoded files to everything that is published: segments, playlists and the facts of the manifest. */

import { contentTypeOf } from '../../shared/domain/keys.ts';
import type { ManifestFile, Rendition } from '../../shared/domain/manifest.ts';
import { buildMasterPlaylist, buildMediaPlaylist } from '../../shared/hls/build.ts';
import { fps } from '../../shared/media/frame-rate.ts';
import { bandwidthOf, cutSegments, type Segment } from './cut.ts';
import { buildMpd } from './dash.ts';
import { type Content, digestOf } from './digest.ts';
import type { EncodePlan } from './encode-args.ts';
import { type MeasuredTrack, measureTrack } from './measure.ts';

export interface PackagedFile {
  readonly facts: ManifestFile;
  readonly content: Content;
}

export interface PackagedAsset {
  readonly durationS: number;
  readonly renditions: readonly Rendition[];
  /** Media first, playlists after them: the order in which they may become visible. */
  readonly files: readonly PackagedFile[];
  readonly playlists: { readonly hls: string; readonly dash: string };
}

export const playlistPaths = { hls: 'master.m3u8', dash: 'manifest.mpd' } as const;
const initName = 'init.mp4';
const playlistName = 'index.m3u8';
const segmentDigits = 5;
const segmentName = (index: number): string => `seg-${String(index).padStart(segmentDigits, '0')}.m4s`;

interface Cut {
  readonly id: string;
  readonly kind: 'video' | 'audio';
  readonly path: string;
  readonly track: MeasuredTrack;
  readonly segments: readonly Segment[];
  readonly rendition: Rendition;
}

/** @throws Error when the renditions do not fit each other; that is a bug in the encode. */
export async function packageAsset(plan: EncodePlan): Promise<PackagedAsset> {
  const outputs = [
    ...plan.video.map((output) => ({ ...output, kind: 'video' as const })),
    ...(plan.audio ? [{ ...plan.audio, kind: 'audio' as const }] : []),
  ];
  const cuts: Cut[] = [];
  for (const output of outputs) cuts.push(await cut(output, plan));
  checkAligned(cuts);

  const durationS = Math.max(...cuts.map(({ track }) => track.durationTicks / track.timescale));
  const files: PackagedFile[] = [];
  for (const item of cuts) files.push(...(await mediaFiles(item)));
  for (const item of cuts) files.push(await textFile(item.rendition.playlist, mediaPlaylist(item), item.id));
  const renditions = cuts.map(({ rendition }) => rendition);
  files.push(await textFile(playlistPaths.hls, buildMasterPlaylist(renditions), null));
  files.push(await textFile(playlistPaths.dash, mpd(cuts, durationS, plan), null));
  return { durationS, renditions, files, playlists: playlistPaths };
}

async function cut(
  { id, kind, path }: { readonly id: string; readonly kind: 'video' | 'audio'; readonly path: string },
  { recipe, ladder }: EncodePlan,
): Promise<Cut> {
  const track = await measureTrack(path);
  const segments = cutSegments(track, recipe.segmentS);
  const { peakBps, averageBps } = bandwidthOf(segments, track.timescale, recipe.segmentS);
  const rendition: Rendition = {
    id,
    kind,
    codecs: track.codecs,
    bandwidthBps: peakBps,
    averageBandwidthBps: averageBps,
    width: track.width,
    height: track.height,
    frameRate: kind === 'video' ? fps(ladder.frameRate) : null,
    channels: track.channels,
    sampleRateHz: track.sampleRateHz,
    playlist: `${id}/${playlistName}`,
  };
  return { id, kind, path, track, segments, rendition };
}

/** Players switch between rungs at segment boundaries, so these must be the same in all. */
function checkAligned(cuts: readonly Cut[]): void {
  const [first, ...others] = cuts.filter(({ kind }) => kind === 'video');
  const boundaries = ({ track, segments }: Cut): string =>
    JSON.stringify([track.timescale, segments.map(({ startTicks, durationTicks }) => [startTicks, durationTicks])]);
  for (const other of others)
    if (first && boundaries(other) !== boundaries(first))
      throw new Error(`${other.id} and ${first.id} have different segment boundaries`);
}

async function mediaFiles({ id, path, track, segments }: Cut): Promise<PackagedFile[]> {
  const init = { path, offset: 0, sizeBytes: track.initSizeBytes };
  const files = [await packaged(`${id}/${initName}`, 'init', init, { rendition: id })];
  for (const [index, { offset, sizeBytes, startTicks, durationTicks }] of segments.entries())
    files.push(
      await packaged(
        `${id}/${segmentName(index)}`,
        'segment',
        { path, offset, sizeBytes },
        {
          rendition: id,
          index,
          startS: startTicks / track.timescale,
          durationS: durationTicks / track.timescale,
        },
      ),
    );
  return files;
}

const textFile = (path: string, text: string, rendition: string | null): Promise<PackagedFile> =>
  packaged(path, 'playlist', Buffer.from(text), { rendition });

async function packaged(
  path: string,
  role: ManifestFile['role'],
  content: Content,
  place: Partial<Pick<ManifestFile, 'rendition' | 'index' | 'startS' | 'durationS'>>,
): Promise<PackagedFile> {
  const nowhere = { rendition: null, index: null, startS: null, durationS: null };
  const facts = { path, role, ...(await digestOf(content)), contentType: contentTypeOf(path), ...nowhere, ...place };
  return { facts, content };
}

const mediaPlaylist = ({ track, segments }: Cut): string =>
  buildMediaPlaylist({
    map: { uri: initName },
    segments: segments.map(({ durationTicks }, index) => ({
      uri: segmentName(index),
      durationS: durationTicks / track.timescale,
    })),
  });

const mpd = (cuts: readonly Cut[], durationS: number, { ladder, recipe }: EncodePlan): string =>
  buildMpd({
    durationS,
    targetDurationS: recipe.segmentS,
    frameRate: ladder.frameRate,
    initTemplate: `$RepresentationID$/${initName}`,
    mediaTemplate: `$RepresentationID$/seg-$Number%0${segmentDigits}d$.m4s`,
    renditions: cuts.map(({ rendition, track, segments }) => ({ ...rendition, timescale: track.timescale, segments })),
  });
