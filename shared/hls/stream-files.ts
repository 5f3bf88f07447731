/** What an existing HLS stream consists of: every file with its place in time, or the reason why it is not taken. */
import { isMediaPath, manifestName } from '../domain/keys.ts';
import type { FileRole, ManifestFile, RenditionKind } from '../domain/manifest.ts';
import { type Attributes, type RawPlaylist, type RawSegment, readTags } from './read-tags.ts';

export interface HlsStream {
  /** Path of the playlist to begin with. */
  readonly entry: string;
  readonly durationS: number;
  /** Each once, playlists too, in the order in which they were named. */
  readonly files: readonly HlsFile[];
  readonly renditions: readonly HlsRendition[];
}

export type HlsFile = Pick<ManifestFile, 'path' | 'role' | 'rendition' | 'index' | 'startS' | 'durationS'>;

export interface HlsRendition {
  readonly id: string;
  readonly kind: RenditionKind;
  readonly playlist: string;
  /** Of EXT-X-STREAM-INF or EXT-X-MEDIA; null for a media playlist alone. */
  readonly attributes: Attributes | null;
}

/** Tags that name files or words which this reading does not follow. */
const foreignTags =
  /^#(EXT-X-(DEFINE|PART|PRELOAD-HINT|RENDITION-REPORT|SKIP|CONTENT-STEERING|SESSION-KEY)\b|EXT-X-SESSION-DATA:.*URI=)/m;
const maxPlaylists = 100;

/**
 * Follows the playlists from `entry` on. All files must lie in its folder or below it and be named by relative addresses,
 * because the playlists are published as they are.
 *
 * @throws HlsRefusedError, and what `readText` throws.
 */
export async function readHls(entry: string, readText: (path: string) => Promise<string>): Promise<HlsStream> {
  const files = new Map<string, HlsFile>();
  const renditions: HlsRendition[] = [];
  let durationS = 0;

  const add = (path: string, role: FileRole, rest: Partial<HlsFile> = {}): void => {
    if (!files.has(path))
      files.set(path, { path, role, rendition: null, index: null, startS: null, durationS: null, ...rest });
  };

  async function readPlaylist(path: string): Promise<RawPlaylist> {
    const text = await readText(path);
    const foreign = foreignTags.exec(text)?.[1];
    if (foreign) throw refusal(`${path} has #${foreign}, which an import does not follow. Package it without.`);
    try {
      return readTags(text);
    } catch (error) {
      throw refusal(`${path} is no playlist: it ${error instanceof Error ? error.message : 'cannot be read'}.`);
    }
  }

  function addSegments(path: string, raw: RawPlaylist, rendition: string | null, isMedia: boolean): void {
    if (raw.kind !== 'media') throw refusal(`${path} is no media playlist.`);
    if (!raw.ended) throw refusal(`${path} has no EXT-X-ENDLIST: it is live. Import it when it has ended.`);
    let startS = 0;
    for (const [index, segment] of raw.segments.entries()) {
      if (isEncrypted(segment))
        throw refusal(
          `${path} is encrypted. Its keys would not be guarded here: import it clear, or upload the source with --encryption.`,
        );
      const { durationS: lengthS, map, byteRange } = segment;
      const file = resolve(segment.uri, path);
      if (map) {
        const init = resolve(map.uri, path);
        if (init !== file) add(init, 'init', { rendition });
      }
      if (byteRange) add(file, 'media', { rendition, startS: 0, durationS: lengthOf(raw) });
      else add(file, 'segment', { rendition, index, startS, durationS: lengthS });
      startS += lengthS;
    }
    if (isMedia) durationS = Math.max(durationS, startS);
  }

  async function addRendition(
    playlist: string,
    kind: HlsRendition['kind'],
    attributes: Attributes | null,
    raw?: RawPlaylist,
  ) {
    if (renditions.some((known) => known.playlist === playlist)) return;
    const id = uniqueId(kind, attributes, renditions);
    renditions.push({ id, kind, playlist, attributes });
    add(playlist, 'playlist', { rendition: id });
    addSegments(playlist, raw ?? (await readPlaylist(playlist)), id, kind !== 'text');
  }

  const raw = await readPlaylist(entry);
  if (raw.kind !== 'master') {
    await addRendition(entry, 'video', null, raw);
    return { entry, durationS, files: [...files.values()], renditions };
  }
  if (raw.variants.length + raw.media.length + raw.iframes.length > maxPlaylists)
    throw refusal(`${entry} names more than ${maxPlaylists} playlists.`);
  add(entry, 'playlist');
  for (const { uri, attributes } of raw.variants)
    await addRendition(resolve(uri, entry), hasPicture(attributes) ? 'video' : 'audio', attributes);
  for (const attributes of raw.media) {
    const uri = attributes.get('URI');
    if (!uri) continue;
    const path = resolve(uri, entry);
    if (attributes.get('TYPE') === 'AUDIO') await addRendition(path, 'audio', attributes);
    else if (attributes.get('TYPE') === 'VIDEO') await addRendition(path, 'video', attributes);
    else if (attributes.get('TYPE') === 'SUBTITLES') await addRendition(path, 'text', attributes);
  }
  for (const { uri } of raw.iframes) await addIframes(resolve(uri, entry));
  if (!renditions.some(({ kind }) => kind !== 'text')) throw refusal(`${entry} names no stream to play.`);
  return { entry, durationS, files: [...files.values()], renditions };

  /** Of no rendition: published, and planned with what every viewer needs. */
  async function addIframes(path: string): Promise<void> {
    if (files.has(path)) return;
    add(path, 'playlist');
    addSegments(path, await readPlaylist(path), null, false);
  }
}

const hasPicture = (attributes: Attributes): boolean =>
  attributes.has('RESOLUTION') || /\b(avc[13]|hvc1|hev1|dvh[1e]|av01|vp09)\b/.test(attributes.get('CODECS') ?? '');

const base = 'hls://import/';

/** The path that a playlist's URI leads to. Queries are refused, because what is published has none. */
function resolve(uri: string, from: string): string {
  if (/^([a-z][a-z0-9+.-]*:|\/)/i.test(uri))
    throw refusal(`${from} names ${shown(uri)}, an absolute address. Package it with relative ones.`);
  const depth = from.split('/').length - 1;
  const ups = uri.split('/').filter((part) => part === '..').length;
  const url = URL.parse(uri, base + from);
  const path = url?.href.slice(base.length) ?? '';
  if (!url?.href.startsWith(base) || ups > depth)
    throw refusal(`${from} names ${shown(uri)}, which lies outside of the stream's folder.`);
  if (!isMediaPath(path))
    throw refusal(`${from} names ${shown(uri)}; names may have letters, digits, ".", "_" and "-" only, and no query.`);
  if (path === manifestName) throw refusal(`${from} names ${path}, which is the name of our own manifest. Rename it.`);
  return path;
}

const shown = (uri: string): string => `"${(uri.split('?')[0] ?? '').slice(0, 200)}"`;

const isEncrypted = ({ keys, map }: RawSegment): boolean => keys.length > 0 || (map?.keys.length ?? 0) > 0;
const lengthOf = ({ segments }: RawPlaylist): number => segments.reduce((sum, { durationS }) => sum + durationS, 0);

function uniqueId(kind: string, attributes: Attributes | null, taken: readonly HlsRendition[]): string {
  const height = /x(\d+)$/.exec(attributes?.get('RESOLUTION') ?? '')?.[1];
  const language = attributes
    ?.get('LANGUAGE')
    ?.toLowerCase()
    .replace(/[^a-z0-9]+/g, '-');
  const name = [kind, kind === 'video' ? height && `${height}p` : language].filter(Boolean).join('-');
  const isTaken = (id: string) => taken.some((known) => known.id === id);
  let id = name;
  for (let n = 2; isTaken(id); n += 1) id = `${name}-${n}`;
  return id;
}

/** The message is for people: what is wrong, and the mend. */
export class HlsRefusedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'HlsRefusedError';
  }
}

const refusal = (detail: string): HlsRefusedError => new HlsRefusedError(detail);
