/** Reads a whole stream, playlists first, into the model that the rules judge. */
import pLimit from 'p-limit';
import type {
  Delivery,
  IframeVariant,
  KeyUse,
  MasterPlaylist,
  MediaPlaylist,
  MediaTag,
  PlaylistUse,
  Segment,
  Stream,
  Track,
  Variant,
} from '../domain/conformance/model.ts';
import { isWhole, type RawKey } from '../hls/read-key.ts';
import { type Attributes, type RawMap, type RawPlaylist, type RawSegment, readTags } from '../hls/read-tags.ts';
import { readFragmented } from '../media/fragmented.ts';
import { readSegment } from './read-segment.ts';
import type { StreamSource } from './source.ts';

export interface ReadLimits {
  /** So many segments of each playlist are looked at, spread over its length. All by default. */
  readonly segmentsEach?: number;
  /** Reads at once. 4 by default. */
  readonly atOnce?: number;
  readonly signal?: AbortSignal;
}

const maxPlaylists = 200;
const maxInitBytes = 4 * 1024 * 1024;

/** @throws Error when the entry itself cannot be read; whatever else is missing becomes part of the model. */
export async function readStream(source: StreamSource, limits: ReadLimits = {}): Promise<Stream> {
  const entry = await source.text(source.entry);
  const raw = readTags(entry.text);
  if (raw.kind !== 'master') {
    const alone = await mediaPlaylist(source, source.entry, 'alone', limits, raw.variables, {
      raw,
      delivery: entry.delivery,
    });
    return { master: null, playlists: [alone] };
  }
  const master = masterOf(raw, source.entry, entry.delivery);
  const wanted = new Map<string, PlaylistUse>();
  for (const { uri } of raw.variants) wanted.set(absolute(uri, source.entry), 'variant');
  for (const tag of raw.media) {
    const uri = tag.get('URI');
    const use = tag.get('TYPE') === 'SUBTITLES' ? 'subtitles' : tag.get('TYPE') === 'AUDIO' ? 'audio' : 'variant';
    if (uri && (use === 'audio' || !wanted.has(absolute(uri, source.entry))))
      wanted.set(absolute(uri, source.entry), use);
  }
  for (const { uri } of raw.iframes) wanted.set(absolute(uri, source.entry), 'iframes');
  const playlists: MediaPlaylist[] = [];
  for (const [uri, use] of [...wanted].slice(0, maxPlaylists)) {
    limits.signal?.throwIfAborted();
    playlists.push(await mediaPlaylist(source, uri, use, limits, raw.variables));
  }
  return { master, playlists };
}

function absolute(uri: string, base: string): string {
  try {
    return new URL(uri, base).href;
  } catch {
    return uri;
  }
}

/** Short where it lies below the entry; a query may hold a token and is nobody's business. */
function shown(uri: string, entry: string): string {
  const folder = entry.slice(0, entry.split('?')[0]?.lastIndexOf('/') ?? 0).concat('/');
  return (uri.startsWith(folder) ? uri.slice(folder.length) : uri).split('?')[0] ?? uri;
}

function masterOf(raw: RawPlaylist, entry: string, delivery: Delivery | null): MasterPlaylist {
  const where = (uri: string): string => shown(absolute(uri, entry), entry);
  return {
    uri: shown(entry, entry),
    delivery,
    version: raw.version,
    independentSegments: raw.independentSegments,
    mistakes: raw.mistakes,
    variants: raw.variants.map(
      ({ uri, attributes }): Variant => ({
        ...streamTag(where(uri), attributes),
        frameRate: number(attributes, 'FRAME-RATE'),
        audioGroup: attributes.get('AUDIO') ?? null,
        subtitleGroup: attributes.get('SUBTITLES') ?? null,
      }),
    ),
    iframes: raw.iframes.map(({ uri, attributes }): IframeVariant => streamTag(where(uri), attributes)),
    media: raw.media.map((tag): MediaTag => {
      const uri = tag.get('URI');
      return {
        type: tag.get('TYPE') ?? '',
        groupId: tag.get('GROUP-ID') ?? '',
        name: tag.get('NAME') ?? '',
        language: tag.get('LANGUAGE') ?? null,
        uri: uri ? where(uri) : null,
        isDefault: tag.get('DEFAULT') === 'YES',
        autoselect: tag.get('AUTOSELECT') === 'YES',
        autoselectSaid: tag.get('AUTOSELECT') ?? null,
        hasForced: tag.has('FORCED'),
        channels: tag.get('CHANNELS') ?? null,
      };
    }),
  };
}

function streamTag(uri: string, attributes: Attributes): IframeVariant {
  const [width = Number.NaN, height = Number.NaN] = (attributes.get('RESOLUTION') ?? '').split('x').map(Number);
  return {
    uri,
    bandwidthBps: number(attributes, 'BANDWIDTH'),
    averageBandwidthBps: number(attributes, 'AVERAGE-BANDWIDTH'),
    codecs:
      attributes
        .get('CODECS')
        ?.split(',')
        .map((codec) => codec.trim()) ?? null,
    resolution: width > 0 && height > 0 ? { width, height } : null,
    videoRange: attributes.get('VIDEO-RANGE') ?? null,
  };
}

function number(attributes: Attributes, name: string): number | null {
  const value = Number(attributes.get(name) ?? Number.NaN);
  return Number.isFinite(value) ? value : null;
}

async function mediaPlaylist(
  source: StreamSource,
  uri: string,
  use: PlaylistUse,
  limits: ReadLimits,
  variables: RawPlaylist['variables'],
  known?: { readonly raw: RawPlaylist; readonly delivery: Delivery | null },
): Promise<MediaPlaylist> {
  let found = known ?? null;
  let failure: string | null = null;
  try {
    if (!found) {
      const { text, delivery } = await source.text(uri);
      found = { raw: readTags(text, variables), delivery };
    }
    if (found.raw.kind !== 'media') failure = 'is no media playlist';
  } catch (error) {
    limits.signal?.throwIfAborted();
    failure = messageOf(error);
  }
  const raw = failure === null ? found?.raw : undefined;
  const { tracks, segments } = raw ? await readMedia(source, uri, raw, limits) : { tracks: [], segments: [] };
  return {
    uri: shown(uri, source.entry),
    use,
    failure,
    delivery: found?.delivery ?? null,
    version: raw?.version ?? null,
    independentSegments: raw?.independentSegments ?? false,
    mistakes: raw?.mistakes ?? [],
    targetDurationS: raw?.targetDurationS ?? null,
    playlistType: raw?.playlistType ?? null,
    ended: raw?.ended ?? false,
    iframesOnly: raw?.iframesOnly ?? false,
    tracks,
    segments,
  };
}

type Init = { readonly bytes: Uint8Array; readonly tracks: readonly Track[] } | { readonly failure: string };

async function readMedia(
  source: StreamSource,
  playlistUri: string,
  raw: RawPlaylist,
  { segmentsEach = Number.POSITIVE_INFINITY, atOnce = 4, signal }: ReadLimits,
): Promise<Pick<MediaPlaylist, 'tracks' | 'segments'>> {
  const inits = new Map<string, Promise<Init>>();
  const initOf = (map: RawMap): Promise<Init> => {
    const key = JSON.stringify(map);
    const init = inits.get(key) ?? readInit(source, playlistUri, map);
    inits.set(key, init);
    return init;
  };
  const step = Math.max(1, raw.segments.length / segmentsEach);
  const looked = new Set(Array.from({ length: Math.ceil(raw.segments.length / step) }, (_, i) => Math.floor(i * step)));
  const limit = pLimit(atOnce);
  const segments = await Promise.all(
    raw.segments.map((segment, index) =>
      limit(async (): Promise<Segment> => {
        signal?.throwIfAborted();
        const uri = absolute(segment.uri, playlistUri);
        const facts = looked.has(index) && !segment.gap ? await look(source, uri, segment, initOf, signal) : unseen;
        const { durationS, discontinuity, map, byteRange, keys } = segment;
        const range = byteRange ? `@${byteRange.offset}` : '';
        const name = `${shown(uri, source.entry)}${range}`;
        return {
          uri: name,
          durationS,
          discontinuity,
          hasMap: map !== null,
          hasByteRange: byteRange !== null,
          keys: keys.map(keyUse),
          mapKeys: map?.keys.map(keyUse) ?? [],
          ...facts,
        };
      }),
    ),
  );
  const map = raw.segments.find((segment) => segment.map !== null)?.map;
  const init = map ? await initOf(map) : null;
  return { tracks: init && 'tracks' in init ? init.tracks : [], segments };
}

const keyUse = ({ method, hasIv, saysFormat }: RawKey): KeyUse => ({ method, hasIv, saysFormat });

type Facts = Pick<Segment, 'media' | 'failure'>;
const unseen: Facts = { media: null, failure: null };

async function look(
  source: StreamSource,
  uri: string,
  segment: RawSegment,
  initOf: (map: RawMap) => Promise<Init>,
  signal: AbortSignal | undefined,
): Promise<Facts> {
  const init = segment.map ? await initOf(segment.map) : null;
  if (init && 'failure' in init) return { media: null, failure: `its init segment ${init.failure}` };
  try {
    return { media: await readSegment(source, { ...segment, uri }, init?.bytes ?? null), failure: null };
  } catch (error) {
    signal?.throwIfAborted();
    return { media: null, failure: messageOf(error) };
  }
}

async function readInit(source: StreamSource, playlistUri: string, map: RawMap): Promise<Init> {
  if (map.keys.some(isWhole)) return { bytes: new Uint8Array(), tracks: [] };
  try {
    const uri = absolute(map.uri, playlistUri);
    const { bytes, fileSizeBytes } = await source.read(
      uri,
      map.byteRange?.offset ?? 0,
      map.byteRange?.length ?? maxInitBytes,
    );
    if (bytes.length < (map.byteRange?.length ?? fileSizeBytes)) throw new Error('is cut off or too large');
    const tracks = readFragmented(bytes).map(
      ({ kind, codecs, width, height, channels, videoRange, protection }): Track => ({
        kind,
        codec: codecs,
        size: width && height ? { width, height } : null,
        channels,
        videoRange,
        protection,
      }),
    );
    return { bytes, tracks };
  } catch (error) {
    return { failure: messageOf(error) };
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
