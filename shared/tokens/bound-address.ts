/**
 * Tokens bound to an address (RFC 9246 §2.1.10): `cdniip` holds an address or a CIDR network, encrypted, because where
 * somebody is must not be readable in a URL.
 *
 * Compact JWE, `dir` with A256GCM, under a key derived from the HS256 key that signs the token. Holders of a public key
 * (ES256) cannot read it, so such a token is refused.
 */
import { createHmac } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import { CompactEncrypt, compactDecrypt } from 'jose';
import type { TokenKey } from '../domain/fleet.ts';

const derive = (key: TokenKey): Uint8Array => {
  if (key.alg !== 'HS256' || !key.k) throw new Error('only tokens of an HS256 key can be bound to an address');
  return createHmac('sha256', Buffer.from(key.k, 'base64url')).update('nightfill cdniip').digest();
};

/** Value of `cdniip` for an address or network. */
export const sealAddress = (key: TokenKey, network: string): Promise<string> =>
  new CompactEncrypt(new TextEncoder().encode(network))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
    .encrypt(derive(key));

/** @throws Error where it cannot be read. */
export async function openAddress(key: TokenKey, sealed: string): Promise<(ip: string) => boolean> {
  const options = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] };
  const { plaintext } = await compactDecrypt(sealed, derive(key), options);
  const text = new TextDecoder().decode(plaintext);
  const [address, bits] = text.includes('/') ? ipaddr.parseCIDR(text) : [ipaddr.process(text), 128];
  return (ip) => {
    if (!ipaddr.isValid(ip)) return false;
    const caller = ipaddr.process(ip);
    if (caller.kind() !== address.kind()) return false;
    return text.includes('/')
      ? caller.match(address as never, bits as never)
      : caller.toNormalizedString() === address.toNormalizedString();
  };
}
