/** NF2xx: media playlists, alone and beside each other. */
import { frameS, hasVideo, playable, totalS } from '../facts.ts';
import type { MediaPlaylist, Stream } from '../model.ts';
import { type Check, judge, type Rule, seconds, type Violation, verdict, violation } from '../rule.ts';

const segmentsOf = (stream: Stream) =>
  stream.playlists.flatMap((playlist) => playlist.segments.map((segment) => ({ playlist, segment })));

/** Cumulative times at which segments begin, without 0. */
const boundaries = ({ segments }: MediaPlaylist): number[] => {
  let at = 0;
  return segments.slice(0, -1).map(({ durationS }) => (at += durationS));
};

const videos = (stream: Stream): MediaPlaylist[] => playable(stream).filter((playlist) => hasVideo(playlist, stream));

/** Judges every playlist after the first against the first. */
function againstFirst(
  playlists: readonly MediaPlaylist[],
  test: (playlist: MediaPlaylist, first: MediaPlaylist) => Violation | null | undefined,
): Check {
  const [first, ...others] = playlists;
  return judge(others, (playlist) => (first ? test(playlist, first) : undefined));
}

/** Playlists that still grow are read one after the other: what all of them have is compared. */
function boundariesOfBoth(
  playlist: MediaPlaylist,
  first: MediaPlaylist,
): readonly [readonly number[], readonly number[]] {
  const [a, b] = [boundaries(playlist), boundaries(first)];
  if (playlist.ended && first.ended) return [a, b];
  const count = Math.min(a.length, b.length);
  return [a.slice(0, count), b.slice(0, count)];
}

/** The first boundary that differs by more than `toleranceS`. */
function firstDifference(a: readonly number[], b: readonly number[], toleranceS: number): string | null {
  if (a.length !== b.length) return `${a.length + 1} segments where the other has ${b.length + 1}`;
  const index = a.findIndex((at, i) => Math.abs(at - (b[i] ?? 0)) > toleranceS);
  return index < 0
    ? null
    : `segment ${index + 1} begins at ${seconds(a[index] ?? 0)}, not at ${seconds(b[index] ?? 0)}`;
}

export const mediaPlaylistRules: readonly Rule[] = [
  {
    id: 'NF201',
    severity: 'error',
    requirement: 'No EXTINF, rounded to whole seconds, is above EXT-X-TARGETDURATION.',
    sources: ['RFC 8216 §4.3.3.1', 'Apple 7.7'],
    check: (stream) =>
      judge(segmentsOf(stream), ({ playlist: { uri, targetDurationS }, segment }) =>
        targetDurationS === null
          ? undefined
          : verdict(
              Math.round(segment.durationS) <= targetDurationS,
              `${uri} ${segment.uri}`,
              seconds(segment.durationS),
              `at most ${targetDurationS + 0.5} s`,
            ),
      ),
  },
  {
    id: 'NF202',
    severity: 'note',
    requirement: 'The target duration is six seconds.',
    sources: ['Apple 7.5', 'Apple 7.6'],
    check: (stream) =>
      judge(playable(stream), (playlist) =>
        playlist.targetDurationS === null || totalS(playlist) <= 6
          ? undefined
          : verdict(playlist.targetDurationS === 6, playlist.uri, `${playlist.targetDurationS} s`, '6 s'),
      ),
  },
  {
    id: 'NF203',
    severity: 'error',
    requirement: 'A playlist of a finished work says EXT-X-PLAYLIST-TYPE:VOD.',
    sources: ['Apple 8.6', 'RFC 8216 §4.3.3.5'],
    check: (stream) =>
      judge(stream.playlists, ({ uri, ended, failure, playlistType }) =>
        failure !== null || !ended ? undefined : verdict(playlistType === 'VOD', uri, playlistType ?? '(none)', 'VOD'),
      ),
  },
  {
    id: 'NF204',
    severity: 'error',
    requirement: 'A playlist that says EXT-X-PLAYLIST-TYPE:VOD, which is finished by that, ends with EXT-X-ENDLIST.',
    sources: ['RFC 8216 §4.3.3.5', 'RFC 8216 §4.3.3.4'],
    check: (stream) =>
      judge(stream.playlists, ({ uri, ended, playlistType }) =>
        playlistType === 'VOD' ? verdict(ended, uri, 'no EXT-X-ENDLIST', 'EXT-X-ENDLIST') : undefined,
      ),
  },
  {
    id: 'NF205',
    severity: 'error',
    requirement: 'Fragmented MP4 segments have an EXT-X-MAP.',
    sources: ['Apple 8.20', 'RFC 8216 §3.3'],
    check: (stream) =>
      judge(segmentsOf(stream), ({ playlist, segment }) =>
        segment.media?.format === 'fmp4' || segment.hasMap
          ? verdict(segment.hasMap, `${playlist.uri} ${segment.uri}`, 'no EXT-X-MAP', 'EXT-X-MAP')
          : undefined,
      ),
  },
  {
    id: 'NF206',
    severity: 'error',
    requirement: 'Audio and video playlists have the same target duration.',
    sources: ['Apple 8.2'],
    check: (stream) =>
      againstFirst(playable(stream), (playlist, first) =>
        verdict(
          playlist.targetDurationS === first.targetDurationS,
          playlist.uri,
          `${playlist.targetDurationS} s`,
          `${first.targetDurationS} s as in ${first.uri}`,
        ),
      ),
  },
  {
    id: 'NF207',
    severity: 'warning',
    requirement: 'All playlists cover the same time, to half a second.',
    sources: ['Apple 8.3', 'Apple 8.7'],
    check: (stream) =>
      againstFirst(
        playable(stream).filter(({ ended }) => ended),
        (playlist, first) =>
          verdict(
            Math.abs(totalS(playlist) - totalS(first)) <= 0.5,
            playlist.uri,
            seconds(totalS(playlist)),
            `${seconds(totalS(first))} as ${first.uri}`,
          ),
      ),
  },
  {
    id: 'NF208',
    severity: 'error',
    requirement: 'Video renditions have segment boundaries at the same points in time.',
    sources: ['RFC 8216 §6.2.4', 'Apple 8.22'],
    check: (stream) =>
      againstFirst(videos(stream), (playlist, first) => {
        const difference = firstDifference(...boundariesOfBoth(playlist, first), frameS(first) / 2);
        return verdict(difference === null, playlist.uri, difference ?? '', `boundaries of ${first.uri}`);
      }),
  },
  {
    id: 'NF209',
    severity: 'note',
    requirement: 'Audio renditions have segment boundaries near those of the video.',
    sources: ['Apple 8.22'],
    check: (stream) => {
      const [video] = videos(stream);
      return judge(
        playable(stream).filter(({ use }) => use === 'audio'),
        (playlist) => {
          if (!video) return undefined;
          const difference = firstDifference(...boundariesOfBoth(playlist, video), 0.5);
          return verdict(difference === null, playlist.uri, difference ?? '', `boundaries of ${video.uri} to 0.5 s`);
        },
      );
    },
  },
  {
    id: 'NF210',
    severity: 'error',
    requirement: 'EXT-X-INDEPENDENT-SEGMENTS stands in the multivariant playlist, or in every video playlist.',
    sources: ['Apple 9.11', 'Apple 9.12'],
    check: (stream) =>
      judge(videos(stream), ({ uri, independentSegments }) =>
        verdict(
          independentSegments || stream.master?.independentSegments === true,
          uri,
          'no EXT-X-INDEPENDENT-SEGMENTS here or in the multivariant playlist',
          'EXT-X-INDEPENDENT-SEGMENTS',
        ),
      ),
  },
  {
    id: 'NF211',
    severity: 'error',
    requirement: 'All renditions have discontinuities at the same points in time.',
    sources: ['Apple 8.15', 'RFC 8216 §6.2.4'],
    check: (stream) => {
      const breaks = (playlist: MediaPlaylist): number[] => {
        const at = [0, ...boundaries(playlist)];
        return playlist.segments.flatMap(({ discontinuity }, index) => (discontinuity ? [at[index] ?? 0] : []));
      };
      return againstFirst(playable(stream), (playlist, first) => {
        const [a, b] = [breaks(playlist), breaks(first)];
        if (a.length !== b.length)
          return violation(playlist.uri, `${a.length} discontinuities`, `${b.length} as in ${first.uri}`);
        const difference = firstDifference(a, b, 0.5);
        return verdict(difference === null, playlist.uri, difference ?? '', `discontinuities of ${first.uri}`);
      });
    },
  },
  {
    id: 'NF212',
    severity: 'error',
    requirement: 'EXTINF durations add up to the real ones, to one frame.',
    sources: ['Apple 8.1'],
    check: (stream) => judge(playable(stream), drift),
  },
];

/** Compares where segments begin by their media with where the playlist puts them, from one discontinuity to the next. */
function drift(playlist: MediaPlaylist): Violation | null | undefined {
  const toleranceS = frameS(playlist);
  let looked = false;
  let origin: number | null = null;
  let at = 0;
  for (const { uri, durationS, discontinuity, media } of playlist.segments) {
    if (discontinuity) origin = null;
    const startS = media?.startS ?? null;
    if (startS !== null && origin !== null) {
      looked = true;
      if (Math.abs(startS - origin - at) > toleranceS)
        return violation(
          `${playlist.uri} ${uri}`,
          `begins at ${seconds(startS - origin)} of the media`,
          `${seconds(at)} by EXTINF, to ${seconds(toleranceS)}`,
        );
    }
    if (startS !== null && origin === null) origin = startS - at;
    at += durationS;
    if (media?.durationS && Math.abs(media.durationS - durationS) > toleranceS)
      return violation(
        `${playlist.uri} ${uri}`,
        `lasts ${seconds(media.durationS)}`,
        `${seconds(durationS)} by EXTINF`,
      );
    looked ||= media?.durationS != null;
  }
  return looked ? null : undefined;
}
