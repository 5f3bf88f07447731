/**
 * Which pages may read answers (the CORS protocol of the Fetch standard).
 *
 * Pages of any origin may, without credentials, because the token is in the address. Players that carry it as a cookie need
 * their origin named: a browser shows answers to requests with cookies only to origins that the answer repeats.
 */
import { type Exchange, type HeaderBlock, headerBlock } from './exchange.ts';

export interface Cors {
  /** For an answer, whatever it is. */
  headers(exchange: Pick<Exchange, 'header'>): HeaderBlock;
  /** For OPTIONS; licences alone take POST. */
  preflight(exchange: Pick<Exchange, 'header'>, isLicence: boolean): HeaderBlock;
}

const readable = {
  'access-control-expose-headers':
    'Accept-Ranges, Cache-Status, Content-Encoding, Content-Length, Content-Range, Date, ETag, Last-Modified, Retry-After, Server-Timing, X-Request-Id',
  'timing-allow-origin': '*',
};
export const mediaMethods = 'GET, HEAD, OPTIONS';
export const licenceMethods = 'POST, OPTIONS';

/** @throws Error for what is no origin. */
export function makeCors(cookieOrigins: readonly string[]): Cors {
  for (const origin of cookieOrigins)
    if (!isOrigin(origin)) throw new Error(`${origin} is no origin of a page, such as https://player.example`);
  // Once any origin is named, answers differ by origin, whoever asks.
  const vary = cookieOrigins.length > 0 ? { vary: 'Origin' } : {};
  const anyone = sortsOf({ 'access-control-allow-origin': '*', ...vary });
  const named = new Map(
    cookieOrigins.map((origin) => {
      const allowed = { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' };
      return [origin, sortsOf({ ...allowed, ...vary })];
    }),
  );
  const sortOf = (exchange: Pick<Exchange, 'header'>): Sorts =>
    named.size === 0 ? anyone : (named.get(exchange.header('origin') ?? '') ?? anyone);
  return {
    headers: (exchange) => sortOf(exchange).answer,
    preflight: (exchange, isLicence) => sortOf(exchange)[isLicence ? 'licence' : 'media'],
  };
}

type Sorts = Readonly<Record<'answer' | 'media' | 'licence', HeaderBlock>>;

function sortsOf(allowed: Readonly<Record<string, string>>): Sorts {
  const fields = { ...allowed, ...readable };
  const preflight = (methods: string, names: string): HeaderBlock =>
    headerBlock({
      ...fields,
      'access-control-allow-methods': methods,
      'access-control-allow-headers': names,
      'access-control-max-age': '86400',
      allow: methods,
    });
  return {
    answer: headerBlock(fields),
    media: preflight(mediaMethods, 'Range, If-Range, If-None-Match, If-Modified-Since, Cache-Control'),
    licence: preflight(licenceMethods, 'Content-Type'),
  };
}

/** Scheme, host and port as browsers write them. */
const isOrigin = (text: string): boolean => URL.canParse(text) && new URL(text).origin === text;
