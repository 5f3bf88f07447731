/**
 * Which addresses an import may connect to.
 *
 * Whoever may import chooses a URL, and ingest stands inside a network whose other machines trust it. So only addresses of
 * the public Internet are taken: every address that a name has must be one, the connection goes to an address that was
 * checked (a name may resolve to another one a moment later), and each redirect is checked anew.
 */
import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Problem } from '../../../shared/platform/problem.ts';

export interface AddressGuard {
  /**
   * Checks the form of a URL and every address of its host, as they are now.
   *
   * @throws Problem `invalid-request`, `url-not-allowed` or `source-unreachable`.
   */
  checkUrl(url: URL): Promise<void>;
  /** For the sockets that fetch: resolves names to checked addresses only. */
  readonly lookup: LookupFunction;
}

type Network = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** @throws Error for what is no network in CIDR notation. */
export function parseNetworks(texts: readonly string[]): Network[] {
  return texts.map((text) => {
    if (!ipaddr.isValidCIDR(text)) throw new Error(`"${text}" is no network such as 10.1.0.0/16`);
    return ipaddr.parseCIDR(text);
  });
}

/** `allowed` are networks that are taken although they are not public: an intranet's own media servers. */
export function makeAddressGuard(allowed: readonly Network[]): AddressGuard {
  function isAllowed(text: string): boolean {
    if (!ipaddr.isValid(text)) return false;
    // `process` turns an IPv4 address that is written as IPv6 (::ffff:10.0.0.1) into what it is.
    const address = ipaddr.process(text);
    return (
      address.range() === 'unicast' ||
      allowed.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))
    );
  }

  const guardedLookup: LookupFunction = (hostname, options, done) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error || !first) return done(error ?? new Error(`${hostname} has no address`), '');
      const refused = addresses.find(({ address }) => !isAllowed(address));
      if (refused) return done(new AddressRefusedError(hostname, refused.address), '');
      if (options.all) return done(null, addresses);
      return done(null, first.address, first.family);
    });
  };

  return {
    lookup: guardedLookup,
    async checkUrl(url) {
      if (url.protocol !== 'http:' && url.protocol !== 'https:')
        throw mistake(`must begin with http:// or https://, not ${url.protocol}`);
      if (url.username !== '' || url.password !== '')
        throw mistake('must not hold a user name or password; use a signed URL');
      // The URL parser has turned every spelling of an IPv4 address (decimal, octal, short) into the usual one.
      const host = url.hostname.replace(/^\[|\]$/g, '');
      if (isIP(host) !== 0) {
        if (!isAllowed(host)) throw notAllowed(new AddressRefusedError(host, host));
        return;
      }
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      guardedLookup(host, { all: true }, (error) => (error ? reject(error) : resolve()));
      await promise.catch((error: unknown) => {
        throw error instanceof AddressRefusedError
          ? notAllowed(error)
          : new Problem('source-unreachable', `The name ${host} cannot be resolved. Check the URL.`, { cause: error });
      });
    },
  };
}

/** The address is not told to the caller: it would map the network from the inside. */
export class AddressRefusedError extends Error {
  readonly host: string;

  constructor(host: string, address: string) {
    super(`${host} has the address ${address}, which imports may not connect to`);
    this.name = 'AddressRefusedError';
    this.host = host;
  }
}

export const notAllowed = (error: AddressRefusedError): Problem =>
  new Problem(
    'url-not-allowed',
    `${error.host} is not on the public Internet. Networks of your own are allowed by NIGHTFILL_IMPORT_NETWORKS.`,
    { cause: error },
  );

const mistake = (message: string): Problem =>
  new Problem('invalid-request', `url ${message}.`, { errors: [{ at: 'url', message }] });
