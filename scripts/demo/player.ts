/** Plays a video as far as the network sees it: playlists, init segments and every segment of one variant, in order. */
import {
  type MasterPlaylist,
  type MediaPlaylist,
  type PlaylistSegment,
  parsePlaylist,
} from '../../shared/hls/parse.ts';

export interface Playback {
  /** `1280×720`, or the bandwidth where the playlist does not tell. */
  readonly variant: string;
  readonly durationS: number;
  readonly requests: number;
  readonly bytes: number;
  /** How many answers had each outcome, by the `Cache-Status` of the appliance. */
  readonly outcomes: ReadonlyMap<string, number>;
}

interface Fetched {
  readonly body: Buffer;
  readonly url: URL;
}

/**
 * Fetches what a player that chose the best variant would fetch.
 *
 * @throws Error with the status and address of the first answer that is not a success.
 */
export async function playThrough(hlsUrl: string, signal: AbortSignal): Promise<Playback> {
  const outcomes = new Map<string, number>();
  let requests = 0;
  let bytes = 0;
  const fetchPart = async (url: URL, range: PlaylistSegment['byteRange'] = null): Promise<Fetched> => {
    const headers = range ? { range: `bytes=${range.offset}-${range.offset + range.length - 1}` } : {};
    const response = await fetch(url, { headers, signal });
    if (!response.ok) throw new Error(`${response.status} for ${url.pathname.split('/').at(-1)}`);
    const body = Buffer.from(await response.arrayBuffer());
    const outcome = outcomeOf(response.headers.get('cache-status'));
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    requests += 1;
    bytes += body.length;
    return { body, url };
  };
  const fetchMedia = async (url: URL): Promise<MediaPlaylist> => {
    const { body } = await fetchPart(url);
    const playlist = asMedia(parsePlaylist(body.toString('utf8')));
    let map = '';
    for (const segment of playlist.segments) {
      if (segment.map && segment.map.uri !== map) {
        await fetchPart(new URL(segment.map.uri, url), segment.map.byteRange);
        map = segment.map.uri;
      }
      await fetchPart(new URL(segment.uri, url), segment.byteRange);
    }
    return playlist;
  };

  const { body, url } = await fetchPart(new URL(hlsUrl));
  const master = asMaster(parsePlaylist(body.toString('utf8')));
  const best = master.variants.toSorted((left, right) => right.bandwidthBps - left.bandwidthBps)[0];
  if (!best) throw new Error('the master playlist names no variant');
  const video = await fetchMedia(new URL(best.uri, url));
  const audio = master.audio.find(({ groupId }) => groupId === best.audioGroup);
  if (audio?.uri) await fetchMedia(new URL(audio.uri, url));
  return {
    variant: best.width ? `${best.width}×${best.height}` : `${Math.round(best.bandwidthBps / 1_000)} kbit/s`,
    durationS: video.durationS,
    requests,
    bytes,
    outcomes,
  };
}

/** RFC 9211 §2: the last member is the cache nearest to the client; ours puts its outcome into `detail`. */
export function outcomeOf(cacheStatus: string | null): string {
  const nearest = cacheStatus?.split(',').at(-1) ?? '';
  return /;\s*detail="?([\w-]+)/.exec(nearest)?.[1] ?? 'unknown';
}

function asMaster(playlist: MasterPlaylist | MediaPlaylist): MasterPlaylist {
  if (playlist.kind !== 'master') throw new Error('a master playlist was expected');
  return playlist;
}

function asMedia(playlist: MasterPlaylist | MediaPlaylist): MediaPlaylist {
  if (playlist.kind !== 'media') throw new Error('a media playlist was expected');
  return playlist;
}
