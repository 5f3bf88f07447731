/** Who calls, and under which address: what proxies say counts only when they are trusted. */
import ipaddr from 'ipaddr.js';
import type { Exchange } from './exchange.ts';

export interface Caller {
  readonly ip: string;
  /** Scheme and authority as the caller sees them. */
  readonly origin: string;
}

export type CallerOf = (exchange: Exchange) => Caller;

/** The host is the caller's word: one that is no authority must not reach into the path that a token is matched with. */
const authority = /^[\w.:[\]-]{1,255}$/;

type Address = ipaddr.IPv4 | ipaddr.IPv6;
const parse = (text: string): Address | null => (ipaddr.isValid(text) ? ipaddr.process(text) : null);
const unmapped = (ip: string): string => (ip.startsWith('::ffff:') ? ip.slice('::ffff:'.length) : ip);

/** `trusted`: addresses, networks in CIDR notation, or `loopback`. */
export function makeCallerOf(trusted: readonly string[]): CallerOf {
  const isTrusted = makeNetworks(trusted);
  let lastHost: string | null = null;
  let lastAuthority = '';
  /** Nearly every request names the same host. */
  const authorityOf = (host: string): string => {
    if (host !== lastHost) {
      lastHost = host;
      lastAuthority = authority.test(host) ? host : 'invalid';
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

/** Whether an address is one of these, or lies in one of these networks. */
export function makeNetworks(texts: readonly string[]): (ip: string) => boolean {
  const networks = texts.map(networkOf);
  return (ip) => {
    const address = networks.length > 0 ? parse(ip) : null;
    return address !== null && networks.some((network) => network(address));
  };
}

function networkOf(text: string): (address: Address) => boolean {
  if (text === 'loopback') return (address) => address.range() === 'loopback';
  const [network, bits] = text.includes('/') ? ipaddr.parseCIDR(text) : [ipaddr.process(text), null];
  return (address) =>
    address.kind() === network.kind() &&
    address.match([network, bits ?? (network.kind() === 'ipv4' ? 32 : 128)] as never);
}
