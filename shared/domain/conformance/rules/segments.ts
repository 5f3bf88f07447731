/** NF3xx: segments. */
import { frameS, hasVideo, iframePlaylists, isFmp4, playable } from '../facts.ts';
import type { MediaPlaylist, Stream } from '../model.ts';
import { judge, type Rule, seconds, type Violation, verdict, violation } from '../rule.ts';

const withSegments = (playlists: readonly MediaPlaylist[]) =>
  playlists.flatMap((playlist) => playlist.segments.map((segment) => ({ playlist, segment })));
const videos = (stream: Stream): MediaPlaylist[] => playable(stream).filter((playlist) => hasVideo(playlist, stream));

export const segmentRules: readonly Rule[] = [
  {
    id: 'NF301',
    severity: 'error',
    requirement: 'Every segment is there, whole, and media.',
    sources: ['RFC 8216 §3'],
    check: ({ playlists }) =>
      judge(withSegments(playlists), ({ playlist, segment }) =>
        segment.media || segment.failure
          ? verdict(
              segment.failure === null,
              `${playlist.uri} ${segment.uri}`,
              segment.failure ?? '',
              'a media segment',
            )
          : undefined,
      ),
  },
  {
    id: 'NF302',
    severity: 'error',
    requirement: 'Video segments start with an IDR frame.',
    sources: ['Apple 7.4', 'RFC 8216 §3'],
    check: (stream) =>
      judge(withSegments(videos(stream)), ({ playlist, segment: { uri, media } }) =>
        media?.startsWithKeyframe == null
          ? undefined
          : verdict(media.startsWithKeyframe, `${playlist.uri} ${uri}`, 'starts with another frame', 'an IDR frame'),
      ),
  },
  {
    id: 'NF303',
    severity: 'warning',
    requirement: 'Key frames come every two seconds.',
    sources: ['Apple 1.13'],
    check: (stream) =>
      judge([...iframePlaylists(stream), ...videos(stream)], ({ uri, use, iframesOnly, segments }) => {
        const isList = use === 'iframes' || iframesOnly;
        const known = segments.flatMap(({ durationS, media }) => (isList ? durationS : (media?.longestGroupS ?? [])));
        if (known.length === 0) return undefined;
        const longest = Math.max(...known);
        return verdict(longest <= 2.1, uri, `up to ${seconds(longest)} between key frames`, '2 s');
      }),
  },
  {
    id: 'NF304',
    severity: 'error',
    requirement: 'The decode time of a segment is the end of the one before it.',
    sources: ['Apple 7.3', 'Apple 7.1'],
    check: (stream) => judge(playable(stream).filter(isFmp4), gap),
  },
];

function gap(playlist: MediaPlaylist): Violation | null | undefined {
  let endS: number | null = null;
  let looked = false;
  for (const { uri, discontinuity, media } of playlist.segments) {
    if (media?.startS != null && endS !== null && !discontinuity) {
      looked = true;
      if (Math.abs(media.startS - endS) > frameS(playlist) / 2)
        return violation(`${playlist.uri} ${uri}`, `starts at ${seconds(media.startS)}`, `${seconds(endS)}`);
    }
    endS = media?.startS != null && media.durationS !== null ? media.startS + media.durationS : null;
  }
  return looked ? null : undefined;
}
