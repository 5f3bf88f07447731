/** What several rules ask of a stream. */
import type { MediaPlaylist, MediaTag, Stream, StreamTag, Track, Variant } from './model.ts';

/** Playlists of picture and sound that could be read. */
export const playable = ({ playlists }: Stream): MediaPlaylist[] =>
  playlists.filter(({ failure, use }) => failure === null && use !== 'iframes' && use !== 'subtitles');

export const iframePlaylists = ({ playlists }: Stream): MediaPlaylist[] =>
  playlists.filter(({ failure, use }) => failure === null && use === 'iframes');

export const isFmp4 = ({ segments }: MediaPlaylist): boolean =>
  segments.some(({ hasMap, media }) => hasMap || media?.format === 'fmp4');

/** By its media where they are known, else by what the multivariant playlist says. */
export function hasVideo(playlist: MediaPlaylist, { master }: Stream): boolean {
  if (playlist.tracks.length > 0) return playlist.tracks.some(({ kind }) => kind === 'video');
  const variant = master?.variants.find(({ uri }) => uri === playlist.uri);
  return variant !== undefined && saysVideo(variant);
}

const videoCodecs = /^(avc[1-4]|hvc1|hev1|dvh1|dvhe|dva1|dvav|av01|vp0?[89]|mp4v|vvc1|vvi1)/i;
export const isVideoCodec = (codec: string): boolean => videoCodecs.test(codec);

const codecFamilies: Readonly<Record<string, string>> = {
  ...{ avc1: 'avc', avc2: 'avc', avc3: 'avc', avc4: 'avc' },
  ...{ hvc1: 'hevc', hev1: 'hevc' },
  ...{ dvh1: 'dolby-vision', dvhe: 'dolby-vision' },
  ...{ av01: 'av1', vp09: 'vp9', vp08: 'vp8' },
};

/** `avc`, `hevc`, `av1` …; null where CODECS says nothing of video. */
export function videoCodecOf({ codecs }: StreamTag): string | null {
  const [first] = codecs?.find(isVideoCodec)?.toLowerCase().split('.') ?? [];
  return first === undefined ? null : (codecFamilies[first] ?? first);
}

export const saysVideo = ({ codecs, resolution }: Variant): boolean =>
  resolution !== null || (codecs?.some(isVideoCodec) ?? false);

export const playlistOf = ({ playlists }: Stream, uri: string | null): MediaPlaylist | null =>
  playlists.find((playlist) => playlist.uri === uri && playlist.failure === null) ?? null;

/** The variant's own playlist, with those of its audio group. */
export function combinationOf(
  stream: Stream,
  variant: Variant,
): { readonly own: MediaPlaylist | null; readonly audio: readonly MediaPlaylist[] } {
  const tags = audioTags(stream, variant.audioGroup);
  const audio = tags.flatMap(({ uri }) => playlistOf(stream, uri) ?? []);
  return { own: playlistOf(stream, variant.uri), audio: audio.filter(({ uri }) => uri !== variant.uri) };
}

export const audioTags = ({ master }: Stream, group: string | null): MediaTag[] =>
  (master?.media ?? []).filter(({ type, groupId }) => type === 'AUDIO' && groupId === group);

export const trackOf = (playlist: MediaPlaylist | null, kind: Track['kind']): Track | null =>
  playlist?.tracks.find((track) => track.kind === kind) ?? null;

/** What the longest frame of the playlist can be: one at its measured rate, or 1/24 s; for sound a packet of 2048 samples. */
export function frameS(playlist: MediaPlaylist): number {
  const rates = playlist.segments.flatMap(({ media }) => media?.frameRate ?? []);
  return rates.length > 0 ? 1 / Math.min(...rates) : 0.0464;
}

export const totalS = ({ segments }: MediaPlaylist): number =>
  segments.reduce((sum, { durationS }) => sum + durationS, 0);
