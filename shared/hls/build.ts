/**
 * Writes HLS playlists (RFC 8216) from measured values.
 *
 * All URIs are relative, so that a token in a path prefix is inherited by every playlist and segment.
 */
import type { Rendition, VideoRange } from '../domain/manifest.ts';
import { stringify, types } from './engine.ts';

/** Fragmented MP4 (EXT-X-MAP outside of I-frame playlists) needs 6; 7 is what fMP4 players look for (RFC 8216 §7). */
const version = 7;
const audioGroup = 'audio';
/** Players without a measurement begin with the first variant: one that most connections carry (Apple 1.32). */
const firstVariantBps = 2_000_000;

export type MasterRendition = Pick<
  Rendition,
  | 'id'
  | 'kind'
  | 'codecs'
  | 'bandwidthBps'
  | 'averageBandwidthBps'
  | 'width'
  | 'height'
  | 'frameRate'
  | 'videoRange'
  | 'channels'
  | 'language'
  | 'name'
  | 'playlist'
> & { readonly iframes?: IframeRendition };

/** The key frames of a video rendition, by which players scrub. */
export interface IframeRendition {
  readonly playlist: string;
  readonly bandwidthBps: number;
  readonly averageBandwidthBps: number;
}

/**
 * The multivariant playlist. Every variant carries the one audio group, when there is one, and its bit rates (the most
 * that any choice of sound adds) and codecs in its own (§4.3.4.2). The variant to start with comes first, then the others,
 * best first, codec by codec: each is a ladder of its own, and there is no SCORE to draw a player from one to another. The
 * first codec is that of the first rendition, which players that know no other take. Where there is HDR, every variant says
 * its VIDEO-RANGE (Apple 9.16). Without video, the first sound is the variant.
 */
export function buildMasterPlaylist(renditions: readonly MasterRendition[]): string {
  const audio = renditions.filter(({ kind }) => kind === 'audio');
  const videos = startFirst(
    renditions.filter(({ kind }) => kind === 'video'),
    most(audio, ({ averageBandwidthBps }) => averageBandwidthBps),
  );
  const group = audio.map((rendition, index) => audioRendition(rendition, index === 0));
  const heads = videos.length > 0 ? videos : audio.slice(0, 1);
  const isMixed = videos.some(({ videoRange = 'SDR' }) => videoRange !== 'SDR');
  const rangeOf = ({ videoRange = 'SDR' }: MasterRendition) => (isMixed ? { videoRange } : {});
  const variants = heads.map((head) => variantOf(head, audio, group, rangeOf(head)));
  const iframes = videos.flatMap((video) =>
    video.iframes ? [iframeVariant(video, video.iframes, rangeOf(video))] : [],
  );
  return text(new types.MasterPlaylist({ version, independentSegments: true, variants: [...variants, ...iframes] }));
}

interface Range {
  readonly videoRange?: VideoRange;
}

function variantOf(head: MasterRendition, audio: readonly MasterRendition[], group: readonly object[], range: Range) {
  const own = head.kind === 'video' ? head : null;
  return new types.Variant({
    uri: head.playlist,
    bandwidth: (own?.bandwidthBps ?? 0) + most(audio, ({ bandwidthBps }) => bandwidthBps),
    averageBandwidth: (own?.averageBandwidthBps ?? 0) + most(audio, ({ averageBandwidthBps }) => averageBandwidthBps),
    codecs: [...new Set([...(own ? [own.codecs] : []), ...audio.map(({ codecs }) => codecs)])].join(','),
    ...sizeOf(head),
    ...(head.frameRate ? { frameRate: head.frameRate } : {}),
    ...range,
    audio: group,
  });
}

const iframeVariant = (video: MasterRendition, iframes: IframeRendition, range: Range) =>
  new types.Variant({
    uri: iframes.playlist,
    isIFrameOnly: true,
    bandwidth: iframes.bandwidthBps,
    averageBandwidth: iframes.averageBandwidthBps,
    codecs: video.codecs,
    ...sizeOf(video),
    ...range,
  });

const sizeOf = ({ width, height }: MasterRendition) => (width && height ? { resolution: { width, height } } : {});

const most = (renditions: readonly MasterRendition[], value: (rendition: MasterRendition) => number): number =>
  Math.max(0, ...renditions.map(value));

/**
 * Not `new types.Rendition`, which wants FORCED: only subtitles may have it (§4.3.4.1). Of one language only the first is
 * for players to choose by themselves (§4.3.4.1.1).
 */
const audioRendition = ({ playlist, channels, language, name }: MasterRendition, isDefault: boolean): object => ({
  type: 'AUDIO',
  groupId: audioGroup,
  name: name ?? 'Original',
  isDefault,
  autoselect: isDefault || (channels ?? 2) <= 2,
  // Apple 8.10 wants one; this is how BCP 47 writes that it is not known.
  language: language ?? 'und',
  uri: playlist,
  ...(channels ? { channels: String(channels) } : {}),
});

/** What a decoder has to be set up for. */
const groupOf = ({ codecs, videoRange = 'SDR' }: MasterRendition): string => `${codecs.split('.')[0]} ${videoRange}`;

function startFirst(videos: readonly MasterRendition[], audioBps: number): MasterRendition[] {
  const groups = [...new Set(videos.map(groupOf))];
  const ladders = groups.map((group) =>
    videos
      .filter((video) => groupOf(video) === group)
      .toSorted((a, b) => b.averageBandwidthBps - a.averageBandwidthBps),
  );
  const [first = []] = ladders;
  const distance = ({ averageBandwidthBps }: MasterRendition): number =>
    Math.abs(Math.log(Math.max(1, averageBandwidthBps + audioBps) / firstVariantBps));
  const start = first.toSorted((a, b) => distance(a) - distance(b))[0];
  return start ? [start, ...ladders.flat().filter((video) => video !== start)] : [];
}

export interface MediaSegment {
  readonly uri: string;
  readonly durationS: number;
  /** Absent where the segment is a file of its own. */
  readonly byteRange?: ByteRange;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface MediaPlaylistInput {
  /** The initialisation segment, relative to the playlist; absent for WebVTT, which needs none. */
  readonly map?: { readonly uri: string; readonly byteRange?: ByteRange };
  readonly segments: readonly MediaSegment[];
  /** By default the least that holds all segments; audio and video of one asset need the same (Apple 8.2). */
  readonly targetDurationS?: number;
  /** Whether the segments are single key frames, each with its `moof`. */
  readonly iframesOnly?: boolean;
  /** Whether more segments will follow (§4.3.3.5 EVENT); the target duration must be given then, as it may not change. */
  readonly isGrowing?: boolean;
}

/** The least target duration: every duration, rounded to the nearest integer, is at most this (§4.3.3.1). */
export const targetDurationOf = (durationsS: readonly number[]): number =>
  durationsS.reduce((most, durationS) => Math.max(most, Math.round(durationS)), 1);

/** A media playlist, finished (VOD) unless it grows. Durations are given to the microsecond. */
export function buildMediaPlaylist({
  map,
  segments,
  targetDurationS = targetDurationOf(segments.map(({ durationS }) => durationS)),
  iframesOnly = false,
  isGrowing = false,
}: MediaPlaylistInput): string {
  const init =
    map &&
    new types.MediaInitializationSection({
      uri: map.uri,
      ...(map.byteRange ? { byterange: map.byteRange } : {}),
    });
  return text(
    new types.MediaPlaylist({
      version,
      independentSegments: true,
      playlistType: isGrowing ? 'EVENT' : 'VOD',
      targetDuration: targetDurationS,
      isIFrame: iframesOnly,
      endlist: !isGrowing,
      // Players would take it for live and begin at its end (§4.3.5.2).
      ...(isGrowing ? { start: { offset: 0, precise: false } } : {}),
      segments: segments.map(
        ({ uri, durationS, byteRange }, index) =>
          new types.Segment({
            uri,
            duration: Math.round(durationS * 1e6) / 1e6,
            mediaSequenceNumber: index,
            discontinuitySequence: 0,
            ...(init ? { map: init } : {}),
            ...(byteRange ? { byterange: byteRange } : {}),
          }),
      ),
    }),
  );
}

const text = (playlist: Parameters<typeof stringify>[0]): string => `${stringify(playlist).trimEnd()}\n`;
