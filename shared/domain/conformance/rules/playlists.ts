/** NF1xx: every playlist as a file. */
import type { MasterPlaylist, MediaPlaylist, Stream } from '../model.ts';
import { judge, type Rule, verdict } from '../rule.ts';

type Playlist = MasterPlaylist | MediaPlaylist;
const all = ({ master, playlists }: Stream): Playlist[] => [...(master ? [master] : []), ...playlists];
const read = (stream: Stream): Playlist[] =>
  all(stream).filter((playlist) => !('failure' in playlist && playlist.failure));

const playlistTypes = ['application/vnd.apple.mpegurl', 'audio/mpegurl', 'application/x-mpegurl'];

/** The least version whose features are used (RFC 8216 §7). */
function neededVersion(playlist: Playlist): { readonly version: number; readonly because: string } {
  if ('variants' in playlist) return { version: 1, because: 'a multivariant playlist' };
  const { segments, iframesOnly } = playlist;
  if (!iframesOnly && segments.some(({ hasMap }) => hasMap)) return { version: 6, because: 'EXT-X-MAP' };
  if (segments.some(({ hasMap }) => hasMap)) return { version: 5, because: 'EXT-X-MAP with I-frames' };
  if (segments.some(({ keys }) => keys.some(({ saysFormat }) => saysFormat)))
    return { version: 5, because: 'KEYFORMAT' };
  if (iframesOnly || segments.some(({ hasByteRange }) => hasByteRange)) return { version: 4, because: 'byte ranges' };
  if (segments.some(({ durationS }) => !Number.isInteger(durationS)))
    return { version: 3, because: 'fractions of seconds' };
  if (segments.some(({ keys }) => keys.some(({ hasIv }) => hasIv))) return { version: 2, because: 'IV of EXT-X-KEY' };
  return { version: 1, because: 'nothing special' };
}

export const playlistRules: readonly Rule[] = [
  {
    id: 'NF101',
    severity: 'error',
    requirement: 'Every playlist that is named is there and is a playlist.',
    sources: ['RFC 8216 §4.3.1.1', 'RFC 8216 §4.3.4'],
    check: ({ playlists }) =>
      judge(playlists, ({ uri, failure }) => verdict(failure === null, uri, failure ?? '', 'a media playlist')),
  },
  {
    id: 'NF102',
    severity: 'error',
    requirement: 'Tags and attributes are of the form that RFC 8216 gives them, and the required ones are there.',
    sources: ['RFC 8216 §4'],
    check: (stream) =>
      judge(read(stream), ({ uri, mistakes }) =>
        verdict(mistakes.length === 0, uri, mistakes.join('; '), 'no mistakes'),
      ),
  },
  {
    id: 'NF103',
    severity: 'warning',
    requirement: 'Playlists are delivered with gzip content encoding.',
    sources: ['Apple 10.1'],
    check: (stream) =>
      judge(read(stream), ({ uri, delivery }) =>
        delivery
          ? verdict(
              delivery.contentEncoding === 'gzip',
              uri,
              `Content-Encoding ${delivery.contentEncoding ?? '(none)'}`,
              'gzip',
            )
          : undefined,
      ),
  },
  {
    id: 'NF104',
    severity: 'warning',
    requirement: 'Playlists have the content type of playlists.',
    sources: ['RFC 8216 §4', 'Apple 10.4'],
    check: (stream) =>
      judge(read(stream), ({ uri, delivery }) => {
        if (!delivery) return undefined;
        const type = delivery.contentType?.split(';')[0]?.trim().toLowerCase() ?? '';
        return verdict(playlistTypes.includes(type), uri, type || '(none)', playlistTypes[0] ?? '');
      }),
  },
  {
    id: 'NF105',
    severity: 'warning',
    requirement: 'Playlists are reached without redirects.',
    sources: ['Apple 8.18'],
    check: (stream) =>
      judge(read(stream), ({ uri, delivery }) =>
        delivery ? verdict(delivery.redirects === 0, uri, `${delivery.redirects} redirects`, 'none') : undefined,
      ),
  },
  {
    id: 'NF106',
    severity: 'error',
    requirement: 'EXT-X-VERSION is high enough for what the playlist uses.',
    sources: ['RFC 8216 §7'],
    check: (stream) =>
      judge(read(stream), (playlist) => {
        const { version, because } = neededVersion(playlist);
        const said = playlist.version ?? 1;
        return verdict(said >= version, playlist.uri, `version ${said}`, `${version} or more, because of ${because}`);
      }),
  },
];
