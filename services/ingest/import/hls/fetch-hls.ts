import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { maxPlaylistBytes } from '../../../../shared/conformance/source.ts';
import { type ManifestFile, sliceSizeBytes } from '../../../../shared/domain/manifest.ts';
import { tooLarge } from '../../receive-file.ts';
import type { UrlOpener } from '../open-url.ts';
import { type HlsStream, readHls, refusal } from './read-hls.ts';

export type Digests = Pick<ManifestFile, 'sizeBytes' | 'sha256' | 'sliceSha256'>;

export interface FetchedHls {
  readonly stream: HlsStream;
  readonly digests: ReadonlyMap<string, Digests>;
}

export interface FetchHlsOptions {
  readonly opener: UrlOpener;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** Runs one fetch, again where trouble may pass. */
  readonly retry: <T>(fetchOne: () => Promise<T>) => Promise<T>;
  onBytes(received: number): void;
}

/**
 * Fetches a stream into a folder, file by file, each address checked as an import's is.
 *
 * @throws Problem `hls-not-importable`, `too-large`, and what the opener refuses.
 */
export async function fetchHls(url: URL, dir: string, options: FetchHlsOptions): Promise<FetchedHls> {
  const { opener, maxBytes, signal, retry, onBytes } = options;
  const digests = new Map<string, Digests>();
  let total = 0;

  async function fetchOnce(path: string, mostBytes: number): Promise<void> {
    const begun = total;
    try {
      const { body } = await opener.open(new URL(path, url).href, signal);
      const target = join(dir, path);
      await mkdir(dirname(target), { recursive: true });
      const digest = startDigest();
      await pipeline(
        body,
        async function* (chunks: AsyncIterable<Buffer>) {
          for await (const chunk of chunks) {
            total += chunk.length;
            if (total > maxBytes) throw tooLarge(maxBytes);
            if (total - begun > mostBytes) throw refusal(`${path} is too large for a playlist.`);
            digest.update(chunk);
            onBytes(total);
            yield chunk;
          }
        },
        createWriteStream(target),
        { signal },
      );
      digests.set(path, digest.end());
    } catch (error) {
      total = begun;
      throw error;
    }
  }
  const fetchFile = (path: string, mostBytes: number) => retry(() => fetchOnce(path, mostBytes));

  const entry = url.pathname.split('/').at(-1) ?? '';
  const stream = await readHls(entry, async (path) => {
    if (!digests.has(path)) await fetchFile(path, maxPlaylistBytes);
    return readFile(join(dir, path), 'utf8');
  });
  for (const { path } of stream.files) if (!digests.has(path)) await fetchFile(path, maxBytes);
  return { stream, digests };
}

/** Size and digests as a manifest wants them: of the whole, and of each slice where there is more than one. */
function startDigest() {
  const whole = createHash('sha256');
  const slices: string[] = [];
  let slice = createHash('sha256');
  let inSlice = 0;
  let sizeBytes = 0;
  const endSlice = (): void => {
    slices.push(slice.digest('hex'));
    slice = createHash('sha256');
    inSlice = 0;
  };
  return {
    update(chunk: Buffer): void {
      whole.update(chunk);
      sizeBytes += chunk.length;
      for (let rest = chunk; rest.length > 0; ) {
        const part = rest.subarray(0, sliceSizeBytes - inSlice);
        slice.update(part);
        inSlice += part.length;
        rest = rest.subarray(part.length);
        if (inSlice === sliceSizeBytes) endSlice();
      }
    },
    end(): Digests {
      if (inSlice > 0) endSlice();
      const sha256 = whole.digest('hex');
      return slices.length > 1 ? { sizeBytes, sha256, sliceSha256: slices } : { sizeBytes, sha256 };
    },
  };
}
