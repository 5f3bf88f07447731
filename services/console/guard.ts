import type { FastifyRequest } from 'fastify';
import { bearerOf, sameSecret } from '../../shared/platform/bearer.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { cookieOf, isSession, sessionCookie } from './session.ts';

export type Access = 'open' | 'bearer' | 'session' | 'none';

/** How a request may see the pages. */
export const makeGuard =
  ({ apiKey, openPages, clock }: { readonly apiKey: string; readonly openPages: boolean; readonly clock: Clock }) =>
  (request: Pick<FastifyRequest, 'headers'>): Access => {
    const session = cookieOf(request.headers.cookie, sessionCookie);
    if (session && isSession(apiKey, session, clock.now())) return 'session';
    const bearer = bearerOf(request);
    if (bearer && sameSecret(bearer, apiKey)) return 'bearer';
    return openPages ? 'open' : 'none';
  };

export type Guard = ReturnType<typeof makeGuard>;

/** Only an address of this console: anything else would make the sign-in a way to send people elsewhere. */
export const safeNext = (next: string): string => (/^\/(?![/\\])[^\s\\]*$/.test(next) ? next : '/');
