/** Reads HLS playlists as a player does, into plain values. */
import type { ByteRange } from './build.ts';
import { parse } from './engine.ts';

export interface MasterPlaylist {
  readonly kind: 'master';
  /** In the playlist's order; players begin with the first. */
  readonly variants: readonly Variant[];
  /** Alternative audio, each once. */
  readonly audio: readonly AudioRendition[];
}

export interface Variant {
  readonly uri: string;
  readonly bandwidthBps: number;
  readonly averageBandwidthBps: number | null;
  readonly codecs: string | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly frameRate: number | null;
  readonly audioGroup: string | null;
}

export interface AudioRendition {
  readonly groupId: string;
  readonly name: string;
  /** Null where the sound is inside the variant's own segments. */
  readonly uri: string | null;
  readonly isDefault: boolean;
  readonly channels: number | null;
}

export interface MediaPlaylist {
  readonly kind: 'media';
  readonly version: number | null;
  readonly targetDurationS: number;
  /** False for a live playlist, which will grow. */
  readonly ended: boolean;
  readonly durationS: number;
  readonly segments: readonly PlaylistSegment[];
}

export interface PlaylistSegment {
  readonly uri: string;
  readonly startS: number;
  readonly durationS: number;
  readonly byteRange: ByteRange | null;
  /** The initialisation segment that it needs; null for MPEG-TS. */
  readonly map: { readonly uri: string; readonly byteRange: ByteRange | null } | null;
}

/** @throws Error when the text is no valid playlist. URIs are left as they are: resolve them against the playlist's URL. */
export function parsePlaylist(text: string): MasterPlaylist | MediaPlaylist {
  const playlist = parse(text);
  if (!playlist) throw new Error('not an HLS playlist');
  return playlist.isMasterPlaylist ? masterOf(playlist) : mediaOf(playlist);
}

type Parsed = NonNullable<ReturnType<typeof parse>>;
type ParsedMaster = Extract<Parsed, { isMasterPlaylist: true }>;
type ParsedMedia = Extract<Parsed, { isMasterPlaylist: false }>;

function masterOf({ variants }: ParsedMaster): MasterPlaylist {
  const playable = variants.filter(({ isIFrameOnly }) => !isIFrameOnly);
  const audio = new Map<string, AudioRendition>();
  for (const { groupId, name, uri, isDefault, channels } of playable.flatMap((variant) => variant.audio)) {
    const count = Number.parseInt(channels ?? '', 10);
    audio.set(`${groupId}\n${name}`, {
      groupId,
      name,
      uri: uri ?? null,
      isDefault,
      channels: Number.isNaN(count) ? null : count,
    });
  }
  return { kind: 'master', variants: playable.map(variantOf), audio: [...audio.values()] };
}

const variantOf = (variant: ParsedMaster['variants'][number]): Variant => ({
  uri: variant.uri,
  bandwidthBps: variant.bandwidth,
  averageBandwidthBps: variant.averageBandwidth ?? null,
  codecs: variant.codecs ?? null,
  width: variant.resolution?.width ?? null,
  height: variant.resolution?.height ?? null,
  frameRate: variant.frameRate ?? null,
  audioGroup: variant.audio[0]?.groupId ?? null,
});

function mediaOf(playlist: ParsedMedia): MediaPlaylist {
  let startS = 0;
  const segments = playlist.segments.map((segment): PlaylistSegment => {
    // The parser leaves these out where the playlist does, whatever its types say.
    const map: typeof segment.map | undefined = segment.map;
    const begins = startS;
    startS += segment.duration;
    return {
      uri: segment.uri,
      startS: begins,
      durationS: segment.duration,
      byteRange: segment.byterange ?? null,
      map: map ? { uri: map.uri, byteRange: map.byterange ?? null } : null,
    };
  });
  return {
    kind: 'media',
    version: playlist.version ?? null,
    targetDurationS: playlist.targetDuration,
    ended: playlist.endlist,
    durationS: startS,
    segments,
  };
}
