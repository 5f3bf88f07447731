/**
 * The one place that reads a media address.
 *
 * Decoded once (RFC 3986 §2.4: never twice) and then held against a narrow alphabet, so that `..`, empty parts,
 * backslashes, control characters and whatever a second decoding would make of `%25…` are refused, not repaired.
 */
import { type ObjectKey, parseObjectKey } from '../../shared/domain/keys.ts';

export interface MediaUrl {
  readonly key: ObjectKey;
  /** From the path prefix, else the query; null when neither has one. */
  readonly token: string | null;
}

/** A JWT in compact form; anything else in its place makes the address a wrong one. */
const prefixed = /^\/t\/([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)(\/v\/.*)$/;

/** Reads the request target of `/v/…` or `/t/<token>/v/…`; null when it is no media address. */
export function parseMediaUrl(target: string): MediaUrl | null {
  const cut = target.indexOf('?');
  const path = cut < 0 ? target : target.slice(0, cut);
  const query = cut < 0 ? null : new URLSearchParams(target.slice(cut + 1));
  const match = path.startsWith('/t/') ? prefixed.exec(path) : null;
  if (path.startsWith('/t/') && !match) return null;
  const rest = match?.[2] ?? path;
  if (!rest.startsWith('/v/')) return null;
  const key = parseObjectKey(decodeOnce(rest.slice('/v/'.length)) ?? '');
  return key && { key, token: match?.[1] ?? query?.get('token') ?? null };
}

function decodeOnce(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** Value of one cookie (RFC 6265 §4.2); null when it is not there. */
export function cookieOf(header: string | undefined, name: string): string | null {
  for (const pair of header?.split(';') ?? []) {
    const [key, ...value] = pair.trim().split('=');
    if (key === name) return value.join('=') || null;
  }
  return null;
}
