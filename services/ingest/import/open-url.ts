import type { Readable } from 'node:stream';
import { Agent, request } from 'undici';
import { Problem } from '../../../shared/platform/problem.ts';
import { type AddressGuard, AddressRefusedError, notAllowed } from './address-guard.ts';

export interface OpenedUrl {
  /** After redirects. */
  readonly url: URL;
  readonly body: Readable;
  /** Of the whole file, as the server announces it; null where it does not. */
  readonly sizeBytes: number | null;
  /** The first byte that `body` brings. */
  readonly start: number;
  /** By which a later request can ask for the rest of the same bytes; null where the server gives nothing that can serve. */
  readonly validator: string | null;
}

/** The rest of a file, if it is still the one that has this validator. */
export interface WantedRest {
  /** Over 0. */
  readonly start: number;
  readonly validator: string;
}

export interface UrlOpener {
  /**
   * Follows redirects to a body, checking each address. A server that cannot give the rest, or has another file by now,
   * gives all of it, from byte 0.
   *
   * @throws Problem for what is final; UrlTroubleError for what another attempt may mend, RangeRefusedError where that one has
   * to ask for all.
   */
  open(url: string, signal: AbortSignal, rest?: WantedRest): Promise<OpenedUrl>;
  close(): Promise<void>;
}

/** The other side failed in a way that may pass. */
export class UrlTroubleError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UrlTroubleError';
  }
}

/** The rest of the file cannot be had. */
export class RangeRefusedError extends UrlTroubleError {}

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

  async function ask(url: URL, signal: AbortSignal, rest: WantedRest | undefined) {
    try {
      const range = rest ? { range: `bytes=${rest.start}-`, 'if-range': rest.validator } : {};
      const headers = { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'nightfill-import', ...range };
      return await request(url, { dispatcher: agent, signal, headers });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof AddressRefusedError) throw notAllowed(error);
      throw new UrlTroubleError(troubleOf(error), { cause: error });
    }
  }

  return {
    async open(text, signal, rest) {
      let url = new URL(text);
      for (let redirects = 0; redirects <= maxRedirects; redirects++) {
        await guard.checkUrl(url);
        const { statusCode, headers, body } = await ask(url, signal, rest);
        const part = statusCode === 206 && rest ? partOf(headers['content-range'], rest) : null;
        if (statusCode === 200 || part) {
          const encoding = headers['content-encoding'];
          const announced = Number(headers['content-length'] ?? Number.NaN);
          const whole = { start: 0, sizeBytes: Number.isInteger(announced) ? announced : null };
          if (!encoding || encoding === 'identity')
            return { url, body, validator: validatorOf(headers), ...(part ?? whole) };
        }
        // Nothing of the body is of interest; leaving it would hold the connection.
        body.on('error', () => undefined).destroy();
        if (rest && (statusCode === 206 || statusCode === 416))
          throw new RangeRefusedError('the server does not give the rest of the file');
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

/** RFC 9110 §14.4. Null for another part than was asked for. */
function partOf(
  header: string | string[] | undefined,
  rest: WantedRest,
): Pick<OpenedUrl, 'start' | 'sizeBytes'> | null {
  const [, start, size] = /^bytes (\d+)-\d+\/(\d+|\*)$/i.exec([header ?? ''].flat()[0] ?? '') ?? [];
  return Number(start) === rest.start ? { start: rest.start, sizeBytes: size === '*' ? null : Number(size) } : null;
}

/**
 * If-Range takes strong validators only: an ETag that is not weak, or a modification time that lies at least a second
 * before the answer, so that a second change cannot hide behind it (RFC 9110 §8.8.2.2, §13.1.5).
 */
export function validatorOf(headers: Readonly<Record<string, string | string[] | undefined>>): string | null {
  const [etag, modified, date] = [headers.etag, headers['last-modified'], headers.date].map(
    (value) => [value].flat()[0],
  );
  if (etag !== undefined && /^"[\x21\x23-\x7e\x80-\xff]*"$/.test(etag)) return etag;
  if (modified === undefined || date === undefined) return null;
  return Date.parse(date) - Date.parse(modified) >= 1_000 ? modified : null;
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
