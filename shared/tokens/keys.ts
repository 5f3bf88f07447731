import { randomBytes } from 'node:crypto';
import { exportJWK, generateKeyPair } from 'jose';
import type { TokenKey } from '../domain/fleet.ts';

/** A key that signs playback tokens. Only control holds one; for HS256 what checks can also sign. */
export interface SigningKey extends TokenKey {
  /** `EC`: the private value, base64url. Never leaves control. */
  readonly d?: string;
}

/** Random and sortable by nothing: a key id tells no one when or where the key was made. */
const newKid = (): string => `k${randomBytes(8).toString('hex')}`;

/** A new key. HS256 is fast and enough where all appliances are the operator's own; ES256 lets others check without signing. */
export async function generateTokenKey(alg: TokenKey['alg'] = 'HS256'): Promise<SigningKey> {
  const kid = newKid();
  if (alg === 'HS256') return { kid, alg, kty: 'oct', k: randomBytes(32).toString('base64url') };
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const { x, y, d } = await exportJWK(privateKey);
  if (!x || !y || !d) throw new Error('ES256 key without its parts');
  return { kid, alg, kty: 'EC', crv: 'P-256', x, y, d };
}

/** The part of a signing key that appliances get. */
export function verificationKey(key: SigningKey): TokenKey {
  const { d: _private, ...rest } = key;
  return rest;
}

/**
 * Signing keys of a JSON Web Key Set text (RFC 7517 §5).
 *
 * @throws Error that says which key cannot be used and why; it never repeats key material.
 */
export function parseSigningKeys(text: string): SigningKey[] {
  const set = parseJson(text) as { keys?: unknown } | null;
  if (!Array.isArray(set?.keys) || set.keys.length === 0) throw new Error('must be a JSON Web Key Set with a key');
  return set.keys.map((key: unknown, index) => {
    const found = asSigningKey(key);
    if (typeof found === 'string') throw new Error(`key ${index + 1} ${found}`);
    return found;
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error('must be JSON', { cause: error });
  }
}

function asSigningKey(value: unknown): SigningKey | string {
  const { kid, alg, kty, k, crv, x, y, d } = (value ?? {}) as Partial<Record<keyof SigningKey, unknown>>;
  if (typeof kid !== 'string' || kid === '') return 'has no kid';
  if (alg === 'HS256' && kty === 'oct') {
    if (typeof k !== 'string' || Buffer.from(k, 'base64url').length < 32) return 'has a secret below 32 bytes';
    return { kid, alg, kty, k };
  }
  if (alg === 'ES256' && kty === 'EC' && crv === 'P-256') {
    if (typeof x !== 'string' || typeof y !== 'string' || typeof d !== 'string') return 'lacks x, y or d';
    return { kid, alg, kty, crv, x, y, d };
  }
  return 'is neither HS256 (oct) nor ES256 (EC, P-256)';
}
