/** NF6xx: keys, and what is encrypted by them. */
import { playable } from '../facts.ts';
import type { KeyUse, MediaPlaylist, Segment } from '../model.ts';
import { judge, type Rule, verdict } from '../rule.ts';

const blockBytes = 16;
const isWhole = ({ method }: KeyUse): boolean => method === 'AES-128';
const isOfSamples = ({ method }: KeyUse): boolean => method.startsWith('SAMPLE-AES');

const places = (playlists: readonly MediaPlaylist[]) =>
  playlists.flatMap((playlist) => playlist.segments.map((segment) => ({ playlist, segment })));

const at = (playlist: MediaPlaylist, segment: Segment): string => `${playlist.uri} ${segment.uri}`;

/** `cbcs` for SAMPLE-AES; a later draft's SAMPLE-AES-CTR is for what older media are protected by. */
const schemeOf = ({ method }: KeyUse): string => (method === 'SAMPLE-AES' ? 'cbcs' : 'cenc');

export const encryptionRules: readonly Rule[] = [
  {
    id: 'NF601',
    severity: 'error',
    requirement: 'A segment that is encrypted as a whole consists of whole blocks.',
    sources: ['RFC 8216 §4.3.2.4'],
    check: ({ playlists }) =>
      judge(places(playlists), ({ playlist, segment }) =>
        segment.media && segment.keys.some(isWhole)
          ? verdict(
              segment.media.sizeBytes > 0 && segment.media.sizeBytes % blockBytes === 0,
              at(playlist, segment),
              `${segment.media.sizeBytes} bytes`,
              `a multiple of ${blockBytes}`,
            )
          : undefined,
      ),
  },
  {
    id: 'NF602',
    severity: 'error',
    requirement: 'The key of an EXT-X-MAP that is encrypted as a whole has an IV.',
    sources: ['RFC 8216 §4.3.2.5'],
    check: ({ playlists }) =>
      judge(playlists, ({ uri, segments }) => {
        const keys = segments.flatMap(({ mapKeys }) => mapKeys.filter(isWhole));
        if (keys.length === 0) return undefined;
        return verdict(
          keys.every(({ hasIv }) => hasIv),
          uri,
          'EXT-X-MAP under an EXT-X-KEY without IV',
          'IV, or EXT-X-MAP before EXT-X-KEY',
        );
      }),
  },
  {
    id: 'NF603',
    severity: 'error',
    requirement: 'Samples of fragmented MP4 are encrypted by the scheme that METHOD names.',
    sources: ['RFC 8216 §4.3.2.4'],
    check: (stream) =>
      judge(playable(stream), ({ uri, tracks, segments }) => {
        const key = segments.flatMap(({ keys }) => keys).find(isOfSamples);
        const schemes = tracks.flatMap(({ protection }) => protection ?? []);
        if (!key || schemes.length === 0) return undefined;
        const wrong = schemes.find((scheme) => scheme !== schemeOf(key));
        return verdict(wrong === undefined, uri, `${wrong} under METHOD=${key.method}`, schemeOf(key));
      }),
  },
  {
    id: 'NF604',
    severity: 'error',
    requirement: 'Media whose samples are encrypted have a key in their playlist, and clear media have none.',
    sources: ['RFC 8216 §4.3.2.4'],
    check: (stream) =>
      judge(playable(stream), ({ uri, tracks, segments }) => {
        const isKeyed = segments.some(({ keys }) => keys.some(isOfSamples));
        const isProtected = tracks.some(({ protection }) => protection !== null);
        if (tracks.length === 0 || (!isKeyed && !isProtected)) return undefined;
        const measured = isKeyed ? 'EXT-X-KEY for clear media' : 'encrypted media without EXT-X-KEY';
        return verdict(isKeyed && isProtected, uri, measured, isKeyed ? 'no EXT-X-KEY' : 'EXT-X-KEY:METHOD=SAMPLE-AES');
      }),
  },
];
