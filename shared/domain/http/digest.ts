/** Digest fields of RFC 9530, SHA-256 only: `sha-256=:<base64>:`. */

const member = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?=,|;|$)/i;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Value of `Content-Digest` or `Repr-Digest` for a lower-case hex SHA-256. */
export function formatDigest(sha256: string): string {
  let bits = 0;
  let count = 0;
  let text = '';
  for (const digit of sha256) {
    bits = (bits << 4) | Number.parseInt(digit, 16);
    count += 4;
    if (count >= 6) {
      count -= 6;
      text += alphabet[(bits >> count) & 63];
    }
  }
  if (count > 0) text += alphabet[(bits << (6 - count)) & 63];
  return `sha-256=:${text}=:`;
}

/** Lower-case hex SHA-256 from a digest field; null when it has none. Other algorithms beside it are passed over. */
export function parseDigest(header: string): string | null {
  const text = member.exec(header)?.[1];
  if (text === undefined) return null;
  let bits = 0;
  let count = 0;
  let hex = '';
  for (const letter of text.slice(0, -1)) {
    bits = ((bits << 6) | alphabet.indexOf(letter)) & 0xffff;
    count += 6;
    while (count >= 4) {
      count -= 4;
      hex += ((bits >> count) & 15).toString(16);
    }
  }
  return hex.slice(0, 64);
}
