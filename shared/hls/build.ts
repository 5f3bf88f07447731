/**
 * Writes HLS playlists (RFC 8216) from measured values.
 *
 * All URIs are relative, so that a token in a path prefix is inherited by every playlist and segment.
 */
import type { Rendition } from '../domain/manifest.ts';
import { stringify, types } from './engine.ts';

/** Fragmented MP4 (EXT-X-MAP outside of I-frame playlists) needs 6; 7 is what fMP4 players look for (RFC 8216 §7). */
const version = 7;
const audioGroup = 'audio';
/** Players without a measurement begin with the first variant: one that most connections carry. */
const firstVariantMaxBps = 3_000_000;

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
  | 'channels'
  | 'playlist'
>;

/**
 * The multivariant playlist. Every variant carries the one audio group, when there is one, and its bit rates and codecs
 * in its own (§4.3.4.2). The variant to start with comes first, then the others, best first.
 */
export function buildMasterPlaylist(renditions: readonly MasterRendition[]): string {
  const audio = renditions.find(({ kind }) => kind === 'audio');
  const group = audio ? [audioRendition(audio)] : [];
  const variants = startFirst(renditions.filter(({ kind }) => kind === 'video')).map(
    (video) =>
      new types.Variant({
        uri: video.playlist,
        bandwidth: video.bandwidthBps + (audio?.bandwidthBps ?? 0),
        averageBandwidth: video.averageBandwidthBps + (audio?.averageBandwidthBps ?? 0),
        codecs: audio ? `${video.codecs},${audio.codecs}` : video.codecs,
        ...(video.width && video.height ? { resolution: { width: video.width, height: video.height } } : {}),
        ...(video.frameRate ? { frameRate: video.frameRate } : {}),
        audio: group,
      }),
  );
  return text(new types.MasterPlaylist({ version, independentSegments: true, variants }));
}

/** Not `new types.Rendition`, which wants FORCED: only subtitles may have it (§4.3.4.1). */
const audioRendition = ({ playlist, channels }: MasterRendition): object => ({
  type: 'AUDIO',
  groupId: audioGroup,
  name: 'Original',
  isDefault: true,
  autoselect: true,
  uri: playlist,
  ...(channels ? { channels: String(channels) } : {}),
});

function startFirst(videos: readonly MasterRendition[]): MasterRendition[] {
  const bestFirst = videos.toSorted((a, b) => b.averageBandwidthBps - a.averageBandwidthBps);
  const start =
    bestFirst.find(({ averageBandwidthBps }) => averageBandwidthBps <= firstVariantMaxBps) ?? bestFirst.at(-1);
  return start ? [start, ...bestFirst.filter((video) => video !== start)] : [];
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
  /** The initialisation segment, relative to the playlist. */
  readonly map: { readonly uri: string; readonly byteRange?: ByteRange };
  readonly segments: readonly MediaSegment[];
}

/** A finished (VOD) media playlist. Durations are given to the microsecond. */
export function buildMediaPlaylist({ map, segments }: MediaPlaylistInput): string {
  const init = new types.MediaInitializationSection({
    uri: map.uri,
    ...(map.byteRange ? { byterange: map.byteRange } : {}),
  });
  return text(
    new types.MediaPlaylist({
      version,
      independentSegments: true,
      playlistType: 'VOD',
      // §4.3.3.1: every EXTINF, rounded to the nearest integer, is at most this.
      targetDuration: Math.max(1, ...segments.map(({ durationS }) => Math.round(durationS))),
      endlist: true,
      segments: segments.map(
        ({ uri, durationS, byteRange }, index) =>
          new types.Segment({
            uri,
            duration: Math.round(durationS * 1e6) / 1e6,
            mediaSequenceNumber: index,
            discontinuitySequence: 0,
            map: init,
            ...(byteRange ? { byterange: byteRange } : {}),
          }),
      ),
    }),
  );
}

const text = (playlist: Parameters<typeof stringify>[0]): string => `${stringify(playlist).trimEnd()}\n`;
