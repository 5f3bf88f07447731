/**
 * Where a stream to be checked lies. The room `shared/conformance` reads a stream from a folder, from memory or over HTTP
 * into the model of `shared/domain/conformance`, which judges it; it imports domain, hls and media, and is used by the
 * transcode worker and the command line.
 */
import { open, readFile, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Delivery } from '../domain/conformance/model.ts';

export interface StreamSource {
  /** The playlist to begin with, absolute. */
  readonly entry: string;
  /** False where each read is a request: only beginnings of segments are read then. */
  readonly readsAreCheap: boolean;
  /** A whole playlist. @throws Error with the reason for people. */
  text(uri: string): Promise<{ readonly text: string; readonly delivery: Delivery | null }>;
  /**
   * Bytes of a file from `offset` on, at most `length`; fewer where the file ends.
   *
   * @throws Error with the reason for people.
   */
  read(uri: string, offset: number, length: number): Promise<ReadBytes>;
}

export interface ReadBytes {
  readonly bytes: Uint8Array;
  readonly fileSizeBytes: number;
}

/** A playlist larger than this is none. */
export const maxPlaylistBytes = 16 * 1024 * 1024;

const localBase = 'stream://local/';

/** Files by path, relative to `entryName`'s folder. Nothing outside is reached, whatever the playlists name. */
export function localSource(
  entryName: string,
  readPath: (path: string, offset: number, length: number) => Promise<ReadBytes>,
): StreamSource {
  const pathOf = (uri: string): string => {
    if (!uri.startsWith(localBase)) throw new Error('lies outside of the folder');
    return decodeURIComponent(uri.slice(localBase.length).split(/[?#]/)[0] ?? '');
  };
  return {
    entry: localBase + entryName.split('/').map(encodeURIComponent).join('/'),
    readsAreCheap: true,
    read: async (uri, offset, length) => readPath(pathOf(uri), offset, length),
    text: async (uri) => {
      const { bytes, fileSizeBytes } = await readPath(pathOf(uri), 0, maxPlaylistBytes);
      if (fileSizeBytes > maxPlaylistBytes) throw new Error(`has ${fileSizeBytes} bytes, too many for a playlist`);
      return { text: new TextDecoder().decode(bytes), delivery: null };
    },
  };
}

/** A stream in a folder. */
export function folderSource(dir: string, entryName: string): StreamSource {
  return localSource(entryName, async (path, offset, length) => {
    const [root, file] = await Promise.all([realpath(dir), realpath(join(dir, path)).catch(() => null)]);
    if (file === null) throw new Error('is not there');
    if (!file.startsWith(root + sep)) throw new Error('lies outside of the folder');
    return readSpan(file, offset, length);
  });
}

/** Bytes in memory, a span of a local file, or of something else that can be opened at any place. */
export type Part =
  | Uint8Array
  | { readonly path: string; readonly offset: number; readonly sizeBytes: number }
  | { readonly sizeBytes: number; open(offset: number, sizeBytes: number): Promise<AsyncIterable<Uint8Array>> };

/** A stream that is not written anywhere yet: by path, the parts that a file will be put together of. */
export function contentSource(entryName: string, contents: ReadonlyMap<string, readonly Part[]>): StreamSource {
  return localSource(entryName, async (path, offset, length) => {
    const parts = contents.get(path);
    if (!parts) throw new Error('is not there');
    const found: Uint8Array[] = [];
    let begins = 0;
    for (const part of parts) {
      const sizeBytes = part instanceof Uint8Array ? part.length : part.sizeBytes;
      const [from, to] = [Math.max(0, offset - begins), Math.min(sizeBytes, offset + length - begins)];
      if (from < to) found.push(await readPart(part, from, to - from));
      begins += sizeBytes;
    }
    return { bytes: Buffer.concat(found), fileSizeBytes: begins };
  });
}

async function readPart(part: Part, offset: number, length: number): Promise<Uint8Array> {
  if (part instanceof Uint8Array) return part.subarray(offset, offset + length);
  if ('path' in part) return (await readSpan(part.path, part.offset + offset, length)).bytes;
  const chunks: Uint8Array[] = [];
  for await (const chunk of await part.open(offset, length)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function readSpan(path: string, offset: number, length: number): Promise<ReadBytes> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
    await file.read(bytes, 0, bytes.length, offset);
    return { bytes, fileSizeBytes: size };
  } finally {
    await file.close();
  }
}

/** The multivariant playlist of a folder by the names that packagers use, else the only playlist that is there. */
export async function findEntry(dir: string, names: readonly string[]): Promise<string | null> {
  const playlists = names.filter((name) => name.endsWith('.m3u8')).toSorted();
  for (const usual of ['master.m3u8', 'main.m3u8', 'index.m3u8', 'playlist.m3u8'])
    if (playlists.includes(usual)) return usual;
  for (const name of playlists)
    if ((await readFile(join(dir, name), 'utf8')).includes('#EXT-X-STREAM-INF')) return name;
  return playlists.length === 1 ? (playlists[0] ?? null) : null;
}
