/** Who calls, and under which address: what proxies say counts only when they are trusted. */
import ipaddr from 'ipaddr.js';
import { makeNetworks } from '../../shared/platform/networks.ts';
import type { Exchange } from './exchange.ts';
import { Refusal } from './refusals.ts';

export interface Caller {
  readonly ip: string;
  /** Scheme and authority as the caller sees them. */
  readonly origin: string;
}

/** @throws Refusal where the host is none (RFC 9112 §3.2). */
export type CallerOf = (exchange: Exchange) => Caller;

/** The host is the caller's word: one that is no authority must not reach into the path that a token is matched with. */
const authority = /^[\w.:[\]-]{1,255}$/;

/** Of requests that name none, as HTTP/1.0 allows; no name of a host ends so (RFC 2606 §2). */
const noAuthority = 'none.invalid';
const unmapped = (ip: string): string => (ip.startsWith('::ffff:') ? ip.slice('::ffff:'.length) : ip);

/** `trusted`: addresses, networks in CIDR notation, or `loopback`. */
export function makeCallerOf(trusted: readonly string[]): CallerOf {
  const isTrusted = makeNetworks(trusted);
  let lastHost: string | null = null;
  let lastAuthority = '';
  /** Nearly every request names the same host. */
  const authorityOf = (host: string): string => {
    if (host !== lastHost) {
      if (host !== '' && !authority.test(host))
        throw new Refusal('bad-request', 'invalid-request', 'The Host field names no host.');
      lastHost = host;
      lastAuthority = host || noAuthority;
    }
    return lastAuthority;
  };
  return (exchange) => {
    const ip = unmapped(exchange.remoteAddress);
    const scheme = exchange.isSecure ? 'https' : 'http';
    const host = exchange.header('host') ?? '';
    if (trusted.length === 0 || !isTrusted(ip)) return { ip, origin: `${scheme}://${authorityOf(host)}` };
    const proto = lastOf(exchange.header('x-forwarded-proto')) ?? scheme;
    const forwardedHost = lastOf(exchange.header('x-forwarded-host')) ?? host;
    // From the right: the first address that no trusted proxy has is the viewer's.
    const chain = (exchange.header('x-forwarded-for') ?? '').split(',').map((part) => part.trim());
    const viewer = chain.reverse().find((address) => address !== '' && !isTrusted(address));
    return {
      ip: viewer !== undefined && ipaddr.isValid(viewer) ? viewer : ip,
      origin: `${proto === 'https' ? 'https' : 'http'}://${authorityOf(forwardedHost)}`,
    };
  };
}

const lastOf = (list: string | undefined): string | undefined => list?.split(',').at(-1)?.trim() || undefined;
