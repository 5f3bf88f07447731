/**
 * IP addresses and CIDR networks, exactly: RFC 4291 §2.2 text for IPv6, four decimal parts for IPv4.
 *
 * An IPv4-mapped IPv6 address (`::ffff:a.b.c.d`, RFC 4291 §2.5.5.2) is the IPv4 address it carries, because that is how a
 * dual-stack socket shows IPv4 viewers. Octal, hexadecimal and shortened IPv4 forms are refused: readers disagree on them.
 */
export interface IpAddress {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

export interface Network extends IpAddress {
  readonly prefix: number;
}

const mappedPrefix = 0xffffn;

/** The address, or null when the text is none. A zone index (`fe80::1%eth0`) is refused. */
export function parseAddress(text: string): IpAddress | null {
  if (!text.includes(':')) {
    const value = parseIpv4(text);
    return value === null ? null : { bits: 32, value };
  }
  const value = parseIpv6(text);
  if (value === null) return null;
  return value >> 32n === mappedPrefix ? { bits: 32, value: value & 0xffffffffn } : { bits: 128, value };
}

/** The network of `address/prefix` with its host bits cleared; a lone address is a network of one. Null when it is none. */
export function parseNetwork(text: string): Network | null {
  const [addressText = '', prefixText, ...rest] = text.split('/');
  const address = parseAddress(addressText);
  if (!address || rest.length > 0) return null;
  if (prefixText === undefined) return { ...address, prefix: address.bits };
  if (!/^\d{1,3}$/.test(prefixText)) return null;
  const written = Number(prefixText);
  // `::ffff:10.0.0.0/104` is 10.0.0.0/8.
  const prefix = addressText.includes(':') && address.bits === 32 ? written - 96 : written;
  if (prefix < 0 || prefix > address.bits) return null;
  return { bits: address.bits, prefix, value: networkPart(address, prefix) };
}

/** The address with all but its first `prefix` bits cleared. */
export const networkPart = ({ bits, value }: IpAddress, prefix: number): bigint => {
  const hostBits = BigInt(bits - prefix);
  return (value >> hostBits) << hostBits;
};

function parseIpv4(text: string): bigint | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  let value = 0n;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

function parseIpv6(text: string): bigint | null {
  const lastColon = text.lastIndexOf(':');
  const tail = text.slice(lastColon + 1);
  if (tail.includes('.')) {
    const ipv4 = parseIpv4(tail);
    if (ipv4 === null) return null;
    const groups = `${(ipv4 >> 16n).toString(16)}:${(ipv4 & 0xffffn).toString(16)}`;
    return parseIpv6(`${text.slice(0, lastColon + 1)}${groups}`);
  }
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const [head = [], end = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - end.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const groups = [...head, ...new Array<string>(missing).fill('0'), ...end];
  let value = 0n;
  for (const group of groups) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return null;
    value = (value << 16n) | BigInt(`0x${group}`);
  }
  return value;
}
