/**
 * The one place that reads a media address.
 *
 * Decoded once (RFC 3986 §2.4: never twice), unreserved characters alone, whose escaped form is the same address (§6.2.2.2);
 * and then held against a narrow alphabet. So `..`, empty parts, backslashes, `%2F`, control characters and whatever a
 * second decoding would make of `%25…` are refused, not repaired: two addresses have one key only where they are the same.
 */
import { formatObjectKey, type ObjectKey, parseObjectKey } from '../../shared/domain/keys.ts';

export interface MediaUrl {
  readonly key: ObjectKey;
  /** `<assetId>/<version>/<path>` */
  readonly name: string;
  /** From the path prefix, else the query; null when neither has one. */
  readonly token: string | null;
}

/** A JWT in compact form; anything else in its place makes the address a wrong one. */
const tokenForm = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;

/** Paths read lately: the same ones come again and again, each time behind another token. */
const known = new Map<string, Omit<MediaUrl, 'token'>>();
const maxKnown = 20_000;
/** No path of ours is longer, also with every letter of it escaped. */
const maxPathLength = 2_000;

/** Reads the request target of `/v/…` or `/t/<token>/v/…`; null when it is no media address. */
export function parseMediaUrl(target: string): MediaUrl | null {
  const cut = target.indexOf('?');
  const path = cut < 0 ? target : target.slice(0, cut);
  if (!path.startsWith('/t/')) {
    const place = readPath(path);
    return place && { ...place, token: queryToken(target, cut) };
  }
  const end = path.indexOf('/', 3);
  const token = path.slice(3, end);
  const place = end > 0 && tokenForm.test(token) ? readPath(path.slice(end)) : null;
  return place && { key: place.key, name: place.name, token };
}

const queryToken = (target: string, cut: number): string | null =>
  cut < 0 ? null : new URLSearchParams(target.slice(cut + 1)).get('token');

function readPath(path: string): Omit<MediaUrl, 'token'> | null {
  const found = known.get(path);
  if (found) return found;
  if (!path.startsWith('/v/') || path.length > maxPathLength) return null;
  const key = parseObjectKey(decodeOnce(path.slice('/v/'.length)));
  if (!key) return null;
  const place = { key, name: formatObjectKey(key) };
  // All at once rather than one by one: it fills only by addresses that somebody makes up.
  if (known.size >= maxKnown) known.clear();
  known.set(path, place);
  return place;
}

/** What is escaped and has no business to be stays as it is, and is in no key's alphabet. */
const decodeOnce = (text: string): string =>
  text.includes('%') ? text.replace(/%[0-9a-f]{2}/gi, (octet) => unreserved.get(octet.toLowerCase()) ?? octet) : text;

const unreserved: ReadonlyMap<string, string> = new Map(
  [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~'].map((letter) => [
    `%${letter.charCodeAt(0).toString(16)}`,
    letter,
  ]),
);

/** Value of one cookie (RFC 6265 §4.2); null when it is not there. */
export function cookieOf(header: string | undefined, name: string): string | null {
  for (const pair of header?.split(';') ?? []) {
    const [key, ...value] = pair.trim().split('=');
    if (key === name) return value.join('=') || null;
  }
  return null;
}
