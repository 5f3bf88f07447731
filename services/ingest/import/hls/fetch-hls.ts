import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import pLimit from 'p-limit';
import { maxPlaylistBytes } from '../../../../shared/conformance/source.ts';
import { isMediaPath } from '../../../../shared/domain/keys.ts';
import { relativeUris } from '../../../../shared/hls/relative-uris.ts';
import { HlsRefusedError, readHls } from '../../../../shared/hls/stream-files.ts';
import { refuseStore } from '../../admit-source.ts';
import { tooLarge } from '../../receive-object.ts';
import type { UrlOpener } from '../open-url.ts';
import type { ImportPlace, StagedFiles } from './staged-files.ts';

/** What is known of a stream's place once its first playlist is there. */
export interface HlsOrigin {
  /** Folder of the first playlist, after redirects, with a slash at its end. */
  readonly base: string;
  /** What the first playlist is called here. */
  readonly entry: string;
}

export interface FetchHlsOptions {
  readonly opener: UrlOpener;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** From an earlier attempt; null at the first. */
  readonly origin: HlsOrigin | null;
  /** Runs one fetch, again where trouble may pass. */
  readonly retry: <T>(fetchOne: () => Promise<T>) => Promise<T>;
  /** Resolves when it is on the disk. */
  onOrigin(origin: HlsOrigin): Promise<void>;
  onBytes(received: number): void;
}

const filesAtOnce = 4;

/**
 * Fetches a stream, file by file, each address checked as an import's is; what is there from an earlier attempt is not
 * fetched again. Returns the path of the first playlist.
 *
 * @throws HlsRefusedError, Problem `too-large`, and what the opener refuses.
 */
export async function fetchHls(
  url: URL,
  place: ImportPlace,
  staged: StagedFiles,
  options: FetchHlsOptions,
): Promise<string> {
  const { opener, maxBytes, signal, retry, onBytes } = options;
  const there = await staged.list(place.id);
  let total = 0;
  for (const { sizeBytes } of there.values()) total += sizeBytes;
  onBytes(total);

  /** Counts bytes as they come, and takes them back when the fetch fails. */
  async function counted<T>(path: string, mostBytes: number, use: (count: (bytes: number) => void) => Promise<T>) {
    let own = 0;
    try {
      return await use((bytes) => {
        own += bytes;
        total += bytes;
        if (total > maxBytes) throw tooLarge(maxBytes);
        if (own > mostBytes) throw new HlsRefusedError(`${path} is too large for a playlist.`);
        onBytes(total);
      });
    } catch (error) {
      total -= own;
      throw error;
    }
  }

  /** A playlist is kept with addresses that are right where it will lie. */
  async function fetchPlaylist(from: string, nameOf: (final: URL) => Promise<HlsOrigin & { path: string }>) {
    await counted(from, maxPlaylistBytes, async (count) => {
      const opened = await opener.open(from, signal);
      const chunks = Readable.from(measured(opened.body, count));
      const text = (await buffer(chunks)).toString('utf8');
      const { base, path } = await nameOf(opened.url);
      const body = Buffer.from(relativeUris(text, opened.url.href, base, path));
      there.set(path, await staged.put(place, path, { body, signal }).catch(refuseStore));
    });
  }

  const fetchEntry = async (): Promise<HlsOrigin> => {
    let found: HlsOrigin | null = null;
    await retry(() =>
      fetchPlaylist(url.href, async (final) => {
        found = originOf(final);
        await options.onOrigin(found);
        return { ...found, path: found.entry };
      }),
    );
    if (!found) throw new Error('a playlist was fetched from nowhere');
    return found;
  };

  const origin = options.origin && there.has(options.origin.entry) ? options.origin : await fetchEntry();
  const { base, entry } = origin;
  const stream = await readHls(entry, async (path) => {
    if (!there.has(path)) await retry(() => fetchPlaylist(new URL(path, base).href, async () => ({ ...origin, path })));
    return staged.text(place, path);
  });

  const fetchFile = (path: string): Promise<void> =>
    retry(() =>
      counted(path, maxBytes, async (count) => {
        const { body } = await opener.open(new URL(path, base).href, signal);
        const passing = Readable.from(measured(body, count), { objectMode: false });
        there.set(path, await staged.put(place, path, { body: passing, signal }).catch(refuseStore));
      }),
    );
  const limit = pLimit(filesAtOnce);
  const missing = stream.files.filter(({ path }) => !there.has(path));
  let failed = false;
  const settled = await Promise.allSettled(
    missing.map(({ path }) =>
      limit(async () => {
        if (failed) return;
        await fetchFile(path).catch((error: unknown) => {
          failed = true;
          throw error;
        });
      }),
    ),
  );
  const broken = settled.find((result) => result.status === 'rejected');
  if (broken) throw broken.reason;
  return entry;
}

/** The name is kept where it is one that is served as a playlist; nothing else of a stream names its first playlist. */
function originOf(final: URL): HlsOrigin {
  const folder = new URL('.', final);
  const name = final.pathname.split('/').at(-1) ?? '';
  return {
    base: folder.origin + folder.pathname,
    entry: isMediaPath(name) && name.toLowerCase().endsWith('.m3u8') ? name : 'main.m3u8',
  };
}

async function* measured(body: Readable, count: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of body as AsyncIterable<Buffer>) {
    count(chunk.length);
    yield chunk;
  }
}
