/** Signed token renewal (RFC 9246 §2.1.12 to §2.1.14 and §3.3): a cookie with a fresh token while somebody goes on watching. */
import { type JWTPayload, SignJWT } from 'jose';
import type { TokenKey } from '../domain/fleet.ts';

export interface Renewal {
  /** Once half of the time is over: a cookie with each answer would only be noise. */
  isDue(nowS: number): boolean;
  /** The token that follows, of the same session and for the same addresses. */
  renew(nowS: number): Promise<string>;
  /** Path of the cookie for the path of a request, so deep as `cdnistd` says. */
  cookiePath(path: string): string;
  readonly lifetimeS: number;
}

const viaCookie = 1;
/** Longer would be a token that nobody can take back. */
const maxLifetimeS = 86_400;

/** Null where the token asks for none, or where its key only verifies. */
export function readRenewal(payload: JWTPayload, key: TokenKey): Renewal | null {
  const { cdnistt, cdniets, cdnistd = 0, exp } = payload;
  if (cdnistt !== viaCookie || typeof cdniets !== 'number' || !(cdniets > 0) || typeof exp !== 'number') return null;
  if (key.alg !== 'HS256' || !key.k || typeof cdnistd !== 'number') return null;
  const secret = Buffer.from(key.k, 'base64url');
  const lifetimeS = Math.min(Math.floor(cdniets), maxLifetimeS);
  return {
    lifetimeS,
    isDue: (nowS) => exp - nowS < lifetimeS / 2,
    renew: (nowS) =>
      new SignJWT({ ...payload, exp: nowS + lifetimeS })
        .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'JWT' })
        .sign(secret),
    cookiePath: (path) =>
      cdnistd > 0
        ? path
            .split('/')
            .slice(0, cdnistd + 1)
            .join('/')
        : '/',
  };
}
