/** Addresses and networks as settings name them. */
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
const parse = (text: string): Address | null => (ipaddr.isValid(text) ? ipaddr.process(text) : null);

/** Whether an address is one of these, or lies in one of these networks: addresses, CIDR notation, or `loopback`. */
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
