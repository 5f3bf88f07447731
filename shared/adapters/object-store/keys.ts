/** The key rule of the object store port, checked in one place so that no adapter is laxer than another. */
import { ObjectStoreError } from '../../ports/object-store.ts';

const maxKeyBytes = 1_000;
const maxPartBytes = 200;

/** Unicode's control characters (Cc): they break listings, logs and the XML of S3. */
const controlCharacter = /\p{Cc}/u;

/** Why a text is not a key, in words; null when it is one. */
export function keyFault(key: string): string | null {
  if (key === '') return 'it is empty';
  if (!key.isWellFormed()) return 'it has half a surrogate pair, which UTF-8 cannot carry';
  if (controlCharacter.test(key)) return 'it has a control character';
  if (Buffer.byteLength(key) > maxKeyBytes) return `it is longer than ${maxKeyBytes} bytes`;
  for (const part of key.split('/')) {
    if (part === '') return 'it has an empty part';
    if (part === '.' || part === '..') return `it has the part "${part}"`;
    if (Buffer.byteLength(part) > maxPartBytes) return `it has a part longer than ${maxPartBytes} bytes`;
  }
  return null;
}

/** @throws ObjectStoreError `invalid-key` */
export function assertKey(key: string): void {
  const fault = keyFault(key);
  if (fault) throw new ObjectStoreError('invalid-key', key, `${quoted(key)} is not a key: ${fault}`);
}

/**
 * Checks a prefix to list. Its last part may be any beginning of a name; the parts before it must be whole and valid.
 *
 * @throws ObjectStoreError `invalid-key`
 */
export function assertPrefix(prefix: string): void {
  if (prefix === '') return;
  // A letter behind it makes of every beginning of a key a key, and keeps what is wrong wrong.
  const fault = keyFault(prefix.endsWith('/') ? `${prefix}x` : prefix.replace(/(^|\/)\.{1,2}$/, '$1x'));
  if (fault) throw new ObjectStoreError('invalid-key', prefix, `${quoted(prefix)} begins no key: ${fault}`);
}

/**
 * Checks a prefix to delete below: a forgotten `/` must not take the neighbour's objects as well.
 *
 * @throws ObjectStoreError `invalid-key`
 */
export function assertFolderPrefix(prefix: string): void {
  if (!prefix.endsWith('/')) {
    throw new ObjectStoreError('invalid-key', prefix, `${quoted(prefix)} does not end in "/"`);
  }
  assertPrefix(prefix);
}

/** Ascending order of UTF-8 bytes, which is S3's; JavaScript's own order of strings differs above U+FFFF. */
export const compareKeys = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

const quoted = (key: string): string => JSON.stringify(key.length > 120 ? `${key.slice(0, 120)}…` : key);
