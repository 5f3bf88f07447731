import type { Delivery } from '../domain/conformance/model.ts';
import { maxPlaylistBytes, type StreamSource } from './source.ts';

export interface HttpLimits {
  /** For each request, its body included. 10 s by default. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const maxRedirects = 5;

/**
 * A stream over HTTP. Segments are asked for by ranges, and no more of an answer is read than was asked for, also where
 * a server sends the whole.
 */
export function httpSource(entry: string, { timeoutMs = 10_000, signal }: HttpLimits = {}): StreamSource {
  async function request<T>(
    uri: string,
    headers: Readonly<Record<string, string>>,
    use: (response: Response, redirects: number) => Promise<T>,
  ): Promise<T> {
    const limit = AbortSignal.timeout(timeoutMs);
    const both = signal ? AbortSignal.any([signal, limit]) : limit;
    try {
      let url = uri;
      for (let redirects = 0; redirects <= maxRedirects; redirects++) {
        const response = await fetch(url, { headers, signal: both, redirect: 'manual' });
        const location = response.headers.get('location');
        if (response.status < 300 || response.status >= 400 || !location) return await use(response, redirects);
        await response.body?.cancel();
        url = new URL(location, url).href;
        if (!/^https?:/.test(url)) throw new Error(`is redirected to ${url}`);
      }
      throw new Error(`is redirected more than ${maxRedirects} times`);
    } catch (error) {
      signal?.throwIfAborted();
      if (limit.aborted) throw new Error(`did not arrive within ${timeoutMs} ms`);
      const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
      throw new Error(`${error instanceof Error ? error.message : String(error)}${cause}`, { cause: error });
    }
  }

  return {
    entry,
    readsAreCheap: false,
    text: (uri) =>
      request(uri, { 'accept-encoding': 'gzip' }, async (response, redirects) => {
        if (!response.ok) throw await refused(response);
        const bytes = await readUpTo(response, maxPlaylistBytes + 1);
        if (bytes.length > maxPlaylistBytes) throw new Error('is too large for a playlist');
        const delivery: Delivery = {
          contentEncoding: response.headers.get('content-encoding'),
          contentType: response.headers.get('content-type'),
          redirects,
        };
        return { text: new TextDecoder().decode(bytes), delivery };
      }),
    read: (uri, offset, length) => {
      const range = `bytes=${offset}-${offset + Math.max(1, length) - 1}`;
      return request(uri, { range, 'accept-encoding': 'identity' }, async (response) => {
        if (response.status === 416) throw new Error(`ends before byte ${offset}`);
        if (!response.ok) throw await refused(response);
        const whole = response.status !== 206;
        const bytes = await readUpTo(response, whole ? offset + length : length);
        const total = whole
          ? response.headers.get('content-length')
          : /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1];
        if (!total) throw new Error('does not say how large it is');
        return { bytes: whole ? bytes.subarray(offset) : bytes, fileSizeBytes: Number(total) };
      });
    },
  };
}

async function refused(response: Response): Promise<Error> {
  await response.body?.cancel();
  return new Error(`answers ${response.status}`);
}

async function readUpTo(response: Response, most: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  if (response.body)
    for await (const part of response.body as AsyncIterable<Uint8Array>) {
      parts.push(part);
      size += part.length;
      // Leaving the loop cancels the rest of the body.
      if (size >= most) break;
    }
  return Buffer.concat(parts).subarray(0, most);
}
