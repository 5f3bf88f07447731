/** NF7xx: subtitles. */
import { playable, totalS } from '../facts.ts';
import type { MediaPlaylist, Segment, Stream, TextMedia } from '../model.ts';
import { type Check, judge, type Rule, seconds, verdict, violation } from '../rule.ts';

const textPlaylists = ({ playlists }: Stream): MediaPlaylist[] =>
  playlists.filter(({ failure, use }) => failure === null && use === 'subtitles');
const textTags = ({ master }: Stream) => (master?.media ?? []).filter(({ type }) => type === 'SUBTITLES');

interface Place {
  readonly playlist: MediaPlaylist;
  readonly segment: Segment;
  readonly startS: number;
}

const places = (stream: Stream): Place[] =>
  textPlaylists(stream).flatMap((playlist) => {
    let at = 0;
    return playlist.segments.map((segment): Place => {
      const startS = at;
      at += segment.durationS;
      return { playlist, segment, startS };
    });
  });
const textOf = ({ segment }: Place): TextMedia | null => segment.media?.text ?? null;
const at = ({ playlist, segment }: Place): string => `${playlist.uri} ${segment.uri}`;

/** A cue's times are rounded to milliseconds, EXTINF to what its writer liked. */
const toleranceS = 0.05;
/** Cue times are media times only where the mapping says so; others would need the media's own clock. */
const isPlain = ({ map }: TextMedia): boolean => map === null || map.mpegts / 90_000 === map.localS;

const cueRules =
  (test: (place: Place, text: TextMedia, next: Place | undefined) => ReturnType<typeof verdict> | undefined) =>
  (stream: Stream): Check => {
    const all = places(stream);
    return judge(all, (place) => {
      const text = textOf(place);
      const next = all[all.indexOf(place) + 1];
      return text && isPlain(text)
        ? test(place, text, next?.playlist === place.playlist ? next : undefined)
        : undefined;
    });
  };

export const textRules: readonly Rule[] = [
  {
    id: 'NF701',
    severity: 'error',
    requirement: 'Subtitle segments are WebVTT that begins with its header, or fragmented MP4.',
    sources: ['RFC 8216 §3.5', 'RFC 8216 §3.3'],
    check: (stream) =>
      judge(places(stream), (place) => {
        const { media, keys } = place.segment;
        if (!media || keys.length > 0) return undefined;
        return verdict(media.format === 'webvtt' || media.format === 'fmp4', at(place), 'begins otherwise', 'WEBVTT');
      }),
  },
  {
    id: 'NF702',
    severity: 'error',
    requirement: 'WebVTT segments can be read: cues with times, each ending after it begins.',
    sources: ['RFC 8216 §3.5'],
    check: (stream) =>
      judge(places(stream), (place) => {
        const text = textOf(place);
        return text ? verdict(text.mistake === null, at(place), text.mistake ?? '', 'WebVTT') : undefined;
      }),
  },
  {
    id: 'NF703',
    severity: 'error',
    requirement: 'A cue that is shown across a boundary stands in the segments on both sides, with the same times.',
    sources: ['RFC 8216 §3.5'],
    check: cueRules((_place, text, next) => {
      const following = next && textOf(next);
      if (!next || !following || !isPlain(following)) return undefined;
      const over = text.cues.find(
        ({ startS, endS }) =>
          endS > next.startS + toleranceS &&
          startS < next.startS &&
          !following.cues.some((cue) => cue.startS === startS && cue.endS === endS),
      );
      return verdict(
        !over,
        at(next),
        `lacks the cue of ${seconds(over?.startS ?? 0)} to ${seconds(over?.endS ?? 0)}`,
        'it',
      );
    }),
  },
  {
    id: 'NF704',
    severity: 'warning',
    requirement: 'A segment holds cues of its own time only.',
    sources: ['RFC 8216 §3.5'],
    check: cueRules((place, { cues }) => {
      const endS = place.startS + place.segment.durationS;
      const stray = cues.find((cue) => cue.endS < place.startS - toleranceS || cue.startS > endS + toleranceS);
      const is = stray ? `a cue of ${seconds(stray.startS)} to ${seconds(stray.endS)}` : '';
      return verdict(!stray, at(place), is, `${seconds(place.startS)} to ${seconds(endS)}`);
    }),
  },
  {
    id: 'NF705',
    severity: 'warning',
    requirement: 'WebVTT segments map their times to those of the media by X-TIMESTAMP-MAP.',
    sources: ['RFC 8216 §3.5'],
    check: (stream) =>
      judge(places(stream), (place) => {
        const text = textOf(place);
        return text ? verdict(text.map !== null, at(place), 'no X-TIMESTAMP-MAP', 'X-TIMESTAMP-MAP') : undefined;
      }),
  },
  {
    id: 'NF706',
    severity: 'warning',
    requirement: 'Subtitles cover the time of the media, to half a second.',
    sources: ['RFC 8216 §6.2.4'],
    check: (stream) => {
      const [first] = playable(stream).filter(({ ended }) => ended);
      return judge(textPlaylists(stream), (playlist) =>
        first && playlist.ended
          ? verdict(
              Math.abs(totalS(playlist) - totalS(first)) <= 0.5,
              playlist.uri,
              seconds(totalS(playlist)),
              `${seconds(totalS(first))} as ${first.uri}`,
            )
          : undefined,
      );
    },
  },
  {
    id: 'NF707',
    severity: 'error',
    requirement: 'Subtitles have the target duration of the media, unless their playlist is VOD.',
    sources: ['RFC 8216 §6.2.4'],
    check: (stream) => {
      const [first] = playable(stream);
      return judge(textPlaylists(stream), ({ uri, playlistType, targetDurationS }) =>
        first
          ? verdict(
              playlistType === 'VOD' || targetDurationS === first.targetDurationS,
              uri,
              `${targetDurationS} s`,
              `${first.targetDurationS} s as in ${first.uri}`,
            )
          : undefined,
      );
    },
  },
  {
    id: 'NF708',
    severity: 'error',
    requirement: 'EXT-X-MEDIA of subtitles has a URI.',
    sources: ['RFC 8216 §4.3.4.1'],
    check: (stream) =>
      judge(textTags(stream), ({ groupId, name, uri }) =>
        verdict(uri !== null, `${groupId} "${name}"`, 'no URI', 'URI'),
      ),
  },
  {
    id: 'NF709',
    severity: 'error',
    requirement: 'FORCED stands at subtitles only; what is DEFAULT is not AUTOSELECT=NO.',
    sources: ['RFC 8216 §4.3.4.1'],
    check: ({ master }) =>
      judge(master?.media ?? [], ({ type, groupId, name, isDefault, autoselectSaid, hasForced }) => {
        const place = `${groupId} "${name}"`;
        if (hasForced && type !== 'SUBTITLES') return violation(place, `FORCED at ${type}`, 'no FORCED');
        return verdict(!(isDefault && autoselectSaid === 'NO'), place, 'DEFAULT=YES, AUTOSELECT=NO', 'AUTOSELECT=YES');
      }),
  },
  {
    id: 'NF710',
    severity: 'error',
    requirement: 'LANGUAGE is a language tag.',
    sources: ['RFC 8216 §4.3.4.1'],
    check: ({ master }) =>
      judge(master?.media ?? [], ({ groupId, name, language }) =>
        language === null ? undefined : verdict(isTag(language), `${groupId} "${name}"`, language, 'a tag of RFC 5646'),
      ),
  },
  {
    id: 'NF711',
    severity: 'warning',
    requirement: 'Where one variant has subtitles, every variant has.',
    sources: ['RFC 8216 §6.2.4'],
    check: ({ master }) => {
      const variants = master?.variants ?? [];
      if (!variants.some(({ subtitleGroup }) => subtitleGroup !== null)) return judge([], () => null);
      return judge(variants, ({ uri, subtitleGroup }) =>
        verdict(subtitleGroup !== null, uri, 'no SUBTITLES', 'SUBTITLES'),
      );
    },
  },
];

function isTag(language: string): boolean {
  try {
    return Intl.getCanonicalLocales(language).length === 1;
  } catch {
    return false;
  }
}
