import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { Problem } from './problem.ts';

/** The credential of an `Authorization: Bearer …` header, or null (RFC 6750 §2.1). */
export function bearerOf(request: Pick<FastifyRequest, 'headers'>): string | null {
  const match = /^Bearer +([^\s]+)$/i.exec(request.headers.authorization ?? '');
  return match?.[1] ?? null;
}

/** Compares two secrets in a time that says nothing about either, also when their lengths differ. */
export function sameSecret(left: string, right: string): boolean {
  const digest = (value: string) => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(left), digest(right));
}

/**
 * An `onRequest` hook that lets only the given key in.
 *
 * @throws Problem `unauthorized` with `WWW-Authenticate`, as RFC 9110 §11.6.1 asks.
 */
export function requireBearer(key: string, mend: string): (request: Pick<FastifyRequest, 'headers'>) => Promise<void> {
  return async (request) => {
    const given = bearerOf(request);
    if (given && sameSecret(given, key)) return;
    throw new Problem('unauthorized', given ? `The key is not known. ${mend}` : `No key was given. ${mend}`, {
      headers: { 'www-authenticate': 'Bearer realm="nightfill"' },
    });
  };
}
