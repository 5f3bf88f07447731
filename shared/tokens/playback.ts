/**
 * Playback tokens: signed JWTs as in RFC 9246 (URI Signing).
 *
 * | claim     | here |
 * |-----------|------|
 * | `cdniv`   | always 1 (§2.1.9) |
 * | `cdniuc`  | over the URI without its token (§2.1.15), in the forms of `containers.ts` |
 * | `exp`     | required, although the RFC leaves it open: a playback URL that works for ever cannot be taken back |
 * | `nbf`     | obeyed where present |
 * | `jti`     | names the session; one token is one playback in the demand log |
 * | `aud`     | must be `nightfill` where present |
 * | `cdniip`  | obeyed where it can be read, see `bound-address.ts`; refused elsewhere: nobody checked would be a false promise |
 * | `cdnistt` | 1 renews the token by cookie (§2.1.14), together with `cdniets` (seconds, §2.1.12) and `cdnistd` (§2.1.13) |
 * | `cdnicrit`| refused where it names a claim that is not obeyed here (§2.1.11) |
 */
import { randomUUID } from 'node:crypto';
import { type CryptoKey, decodeJwt, errors, importJWK, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { TokenKey } from '../domain/fleet.ts';
import type { Clock } from '../ports/clock.ts';
import { openAddress, sealAddress } from './bound-address.ts';
import { type Covers, readContainer } from './containers.ts';
import type { SigningKey } from './keys.ts';
import { type Renewal, readRenewal } from './renewal.ts';

const audience = 'nightfill';
const obeyedClaims: ReadonlySet<string> = new Set([
  'cdniv',
  'cdnicrit',
  'cdniuc',
  'exp',
  'nbf',
  'iat',
  'aud',
  'jti',
  'cdniip',
  'cdnistt',
  'cdniets',
  'cdnistd',
]);
const maxTokenLength = 4_096;

export interface PlaybackTokenRequest {
  readonly key: SigningKey;
  readonly assetId: string;
  readonly version: string;
  /** Unix seconds. */
  readonly expiresAtS: number;
  /** Unix seconds; absent: valid at once. */
  readonly notBeforeS?: number;
  /** Names the session; random by default. */
  readonly sessionId?: string;
  /** Address or CIDR network that may use it; with HS256 only. */
  readonly boundTo?: string;
  /** Renewed by cookie, for so many seconds each time; for players that carry cookies. With HS256 only. */
  readonly renewForS?: number;
}

/** Ids hold nothing that a regular expression would read otherwise (`idPattern`). */
const containerOf = (assetId: string, version: string): string => `regex:https?://[^/]+/v/${assetId}/${version}/.*`;

/** Signs a token that covers one version of one asset, on any appliance. */
export async function signPlaybackToken(request: PlaybackTokenRequest): Promise<string> {
  const { key, assetId, version, expiresAtS, notBeforeS } = request;
  const { boundTo, renewForS } = request;
  const jwt = new SignJWT({
    cdniv: 1,
    cdniuc: containerOf(assetId, version),
    ...(boundTo === undefined ? {} : { cdniip: await sealAddress(key, boundTo) }),
    // The cookie belongs to `/v/<assetId>/<version>`, so that tokens of two titles do not meet.
    ...(renewForS === undefined ? {} : { cdnistt: 1, cdniets: renewForS, cdnistd: 3 }),
  })
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'JWT' })
    .setAudience(audience)
    .setJti(request.sessionId ?? randomUUID())
    .setExpirationTime(expiresAtS);
  if (notBeforeS !== undefined) jwt.setNotBefore(notBeforeS);
  return jwt.sign(await importJWK({ ...key }, key.alg));
}

export type TokenDenial = 'denied-no-token' | 'denied-bad-token' | 'denied-expired' | 'denied-not-covered';

export type TokenVerdict =
  | {
      readonly outcome: 'ok';
      readonly sessionId: string;
      readonly expiresAtS: number;
      /** True where another caller might be refused for the same address. */
      readonly isBound: boolean;
      /** How the token is renewed; null where it is not. */
      readonly renewal: Renewal | null;
    }
  /** `detail` is for logs and problems; it never holds the token. */
  | { readonly outcome: TokenDenial; readonly detail: string };

export interface TokenVerifier {
  /** Changes whenever a token that was good before may no longer be, other than by its time. */
  readonly generation: number;
  /** Replaces the accepted keys. Tokens of a key that is no longer among them are refused from now on. */
  setKeys(keys: readonly TokenKey[]): Promise<void>;
  /** Sessions (`jti`) whose tokens are refused from now on, whatever they say. */
  setRevoked(sessionIds: ReadonlySet<string>): void;
  /**
   * `uri` is the absolute URI of the request, normalised and without the token. At once for a token that was verified
   * before; its expiry and what it covers are looked at every time.
   */
  verify(token: string | null, uri: string, ip?: string): TokenVerdict | Promise<TokenVerdict>;
}

/** What a valid signature said, remembered so that the next request of the session costs no cryptography. */
interface VerifiedToken {
  readonly kid: string;
  readonly sessionId: string;
  readonly expiresAtS: number;
  readonly covers: Covers;
  /** Null: from anywhere. */
  readonly mayCome: ((ip: string) => boolean) | null;
  readonly renewal: Renewal | null;
}

/** The session that a token names, whether or not the token is good; null for what is no token. */
export function sessionOfToken(token: string): string | null {
  try {
    return decodeJwt(token).jti ?? null;
  } catch {
    return null;
  }
}

export interface TokenVerifierOptions {
  readonly clock: Clock;
  /** Verified tokens remembered at most. */
  readonly maxRemembered?: number;
}

const deny = (outcome: TokenDenial, detail: string): TokenVerdict => ({ outcome, detail });

export function makeTokenVerifier({ clock, maxRemembered = 50_000 }: TokenVerifierOptions): TokenVerifier {
  const remembered = new LRUCache<string, VerifiedToken>({ max: maxRemembered });
  let keys = new Map<string, { readonly key: TokenKey; readonly material: CryptoKey | Uint8Array }>();

  let generation = 0;
  let revoked: ReadonlySet<string> = new Set();

  async function checkSignature(token: string): Promise<VerifiedToken | TokenVerdict> {
    let kid = '';
    try {
      const { payload } = await jwtVerify(
        token,
        (header) => {
          const entry = keys.get(header.kid ?? '');
          // The key says which algorithm it is for; the token has no say (RFC 8725 §3.1).
          if (!entry || entry.key.alg !== header.alg) throw new errors.JOSENotSupported('no such key');
          kid = entry.key.kid;
          return entry.material;
        },
        { algorithms: ['HS256', 'ES256'], requiredClaims: ['exp', 'cdniuc'], currentDate: new Date(clock.now()) },
      );
      const key = keys.get(kid)?.key;
      return key ? await readClaims(payload, key) : deny('denied-bad-token', 'The key of the token is gone.');
    } catch (error) {
      if (error instanceof errors.JWTExpired) return deny('denied-expired', 'The token has expired.');
      return deny('denied-bad-token', `The token is refused: ${reasonOf(error)}.`);
    }
  }

  return {
    get generation() {
      return generation;
    },
    async setKeys(next) {
      const entries = await Promise.all(
        next.map(async (key) => [key.kid, { key, material: await importJWK({ ...key }, key.alg) }] as const),
      );
      const changed = new Map(entries);
      for (const [token, { kid }] of remembered.entries()) {
        if (JSON.stringify(changed.get(kid)?.key) !== JSON.stringify(keys.get(kid)?.key)) remembered.delete(token);
      }
      keys = changed;
      generation += 1;
    },

    setRevoked(next) {
      if (next.size === revoked.size && [...next].every((id) => revoked.has(id))) return;
      revoked = next;
      generation += 1;
    },

    verify(token, uri, ip = '') {
      if (!token) return deny('denied-no-token', 'The request has no playback token.');
      if (token.length > maxTokenLength) return deny('denied-bad-token', 'The token is longer than any of ours.');
      const known = remembered.get(token);
      if (known) return judge(token, known, uri, ip);
      return checkSignature(token).then((checked) => {
        if ('outcome' in checked) return checked;
        remembered.set(token, checked);
        return judge(token, checked, uri, ip);
      });
    },
  };

  function judge(token: string, verified: VerifiedToken, uri: string, ip: string): TokenVerdict {
    if (verified.expiresAtS * 1_000 <= clock.now()) {
      remembered.delete(token);
      return deny('denied-expired', 'The token has expired.');
    }
    const { sessionId, expiresAtS, covers, mayCome, renewal } = verified;
    if (revoked.has(sessionId)) return deny('denied-bad-token', 'The token was revoked.');
    if (!covers(uri)) return deny('denied-not-covered', 'The token is for another address.');
    if (mayCome && !mayCome(ip)) return deny('denied-not-covered', 'The token is for a caller from elsewhere.');
    return { outcome: 'ok', sessionId, expiresAtS, isBound: mayCome !== null, renewal };
  }
}

async function readClaims(payload: JWTPayload, key: TokenKey): Promise<VerifiedToken | TokenVerdict> {
  const bad = (detail: string): TokenVerdict => deny('denied-bad-token', `The token is refused: ${detail}.`);
  const { exp, jti, aud, cdniv, cdniuc, cdnicrit } = payload;
  if (cdniv !== undefined && cdniv !== 1) return bad('its version of URI signing is not 1');
  if (aud !== undefined && ![aud].flat().includes(audience)) return bad('it is for somebody else');
  if (cdnicrit !== undefined && !(typeof cdnicrit === 'string' && areObeyed(cdnicrit)))
    return bad('it asks for claims that are not obeyed here');
  const covers = typeof cdniuc === 'string' ? readContainer(cdniuc) : null;
  if (!covers || typeof exp !== 'number') return bad('it names no address that can be matched');
  let mayCome: VerifiedToken['mayCome'] = null;
  if (payload.cdniip !== undefined) {
    mayCome = await openAddress(key, String(payload.cdniip)).catch(() => null);
    if (!mayCome) return bad('it is bound to an address that cannot be read here');
  }
  const sessionId = typeof jti === 'string' ? jti : '';
  return { kid: key.kid, expiresAtS: exp, sessionId, covers, mayCome, renewal: readRenewal(payload, key) };
}

/** §2.1.11: a comma-separated list of claims that must be understood. */
const areObeyed = (critical: string): boolean => critical.split(',').every((claim) => obeyedClaims.has(claim.trim()));

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed) return `claim ${error.claim} does not hold`;
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature does not hold';
  if (error instanceof errors.JOSENotSupported) return 'it is signed by no key that is known here';
  return 'it is not a token of ours';
}
