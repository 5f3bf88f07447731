import type { Readable } from 'node:stream';
import { Agent, request } from 'undici';
import { Problem } from '../../../shared/platform/problem.ts';
import { type AddressGuard, AddressRefusedError, notAllowed } from './address-guard.ts';

export interface OpenedUrl {
  /** After redirects. */
  readonly url: URL;
  readonly body: Readable;
  /** What the server announces; null where it does not. */
  readonly sizeBytes: number | null;
}

export interface UrlOpener {
  /**
   * Follows redirects to a body, checking each address.
   *
   * @throws Problem for what is final; UrlTroubleError for what another attempt may mend.
   */
  open(url: string, signal: AbortSignal): Promise<OpenedUrl>;
  close(): Promise<void>;
}

/** The other side failed in a way that may pass. */
export class UrlTroubleError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UrlTroubleError';
  }
}

const maxRedirects = 5;

export function makeUrlOpener(guard: AddressGuard, silenceMs: number): UrlOpener {
  const agent = new Agent({
    connect: { lookup: guard.lookup, timeout: Math.min(silenceMs, 10_000) },
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
    maxHeaderSize: 32 * 1024,
    // A kept connection would be one whose address was checked long ago.
    pipelining: 0,
  });

  async function ask(url: URL, signal: AbortSignal) {
    try {
      const headers = { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'nightfill-import' };
      return await request(url, { dispatcher: agent, signal, headers });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof AddressRefusedError) throw notAllowed(error);
      throw new UrlTroubleError(troubleOf(error), { cause: error });
    }
  }

  return {
    async open(text, signal) {
      let url = new URL(text);
      for (let redirects = 0; redirects <= maxRedirects; redirects++) {
        await guard.checkUrl(url);
        const { statusCode, headers, body } = await ask(url, signal);
        if (statusCode === 200) {
          const encoding = headers['content-encoding'];
          const announced = Number(headers['content-length'] ?? Number.NaN);
          if (!encoding || encoding === 'identity')
            return { url, body, sizeBytes: Number.isInteger(announced) ? announced : null };
        }
        // Nothing of the body is of interest; leaving it would hold the connection.
        body.on('error', () => undefined).destroy();
        if (statusCode < 300 || statusCode >= 400) throw refusal(statusCode);
        const location = [headers.location ?? []].flat()[0];
        const next = location === undefined ? null : URL.parse(location, url.href);
        if (!next) throw unreachable(`The server answers ${statusCode} without saying where to.`);
        url = next;
      }
      throw unreachable(`The URL is redirected more than ${maxRedirects} times.`);
    },
    close: () => agent.destroy(),
  };
}

function refusal(status: number): Error {
  if (status === 200) return unreachable('The server sends the file compressed, which it was asked not to.');
  if (status >= 500 || status === 429 || status === 408) return new UrlTroubleError(`the server answers ${status}`);
  return unreachable(`The server answers ${status}. Check the URL, and that a signed one has not expired.`);
}

export const unreachable = (detail: string, cause?: unknown): Problem =>
  new Problem('source-unreachable', detail, { cause });

/** In words, without addresses. */
export function troubleOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (/TIMEOUT|ETIMEDOUT/.test(code)) return 'the server was silent for too long';
  if (/ENOTFOUND|EAI_AGAIN/.test(code)) return 'its name cannot be resolved';
  if (/REFUSED|UNREACH/.test(code)) return 'no server answers there';
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/.test(code)) return 'its certificate is not valid';
  if (/UND_ERR|ECONNRESET|EPIPE|HPE_/.test(code)) return 'the connection was broken off';
  return 'the connection failed';
}
