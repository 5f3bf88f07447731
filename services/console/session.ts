/**
 * The sign-in of the console's pages: a cookie that proves that its holder once gave the API key.
 *
 * It opens pages only, never the API, so that no other site can act with it. It is signed with a key derived from the
 * API key: nothing is stored, and a changed API key ends every session.
 */
import { createHmac } from 'node:crypto';
import { sameSecret } from '../../shared/platform/bearer.ts';

export const sessionCookie = 'nightfill_session';
export const sessionTtlMs = 12 * 3_600_000;

const sign = (apiKey: string, expiresAtMs: number): string =>
  createHmac('sha256', apiKey).update(`console-session:${expiresAtMs}`).digest('base64url');

/** The cookie's value. */
export const makeSession = (apiKey: string, nowMs: number): string => {
  const expiresAtMs = nowMs + sessionTtlMs;
  return `${expiresAtMs}.${sign(apiKey, expiresAtMs)}`;
};

export function isSession(apiKey: string, value: string, nowMs: number): boolean {
  const match = /^(\d{1,16})\.([\w-]{43})$/.exec(value);
  if (!match) return false;
  const expiresAtMs = Number(match[1]);
  return sameSecret(match[2] ?? '', sign(apiKey, expiresAtMs)) && expiresAtMs > nowMs;
}

/** The value of one cookie of a `Cookie` header (RFC 6265 §4.2.1), or null. */
export function cookieOf(header: string | undefined, name: string): string | null {
  for (const pair of (header ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return null;
}
