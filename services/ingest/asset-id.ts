import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../../shared/ports/clock.ts';

/** Crockford's base 32: sorts like the numbers it writes and has no letters that look alike. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const timeDigits = 9;
const randomDigits = 7;

/**
 * A new asset id: 16 characters that sort by the time they were made, to the millisecond, and end in 35 random bits.
 *
 * A tus upload carries the id of the asset that it becomes, so that finishing it twice can only make one.
 */
export function makeAssetId(clock: Pick<Clock, 'now'>): string {
  let time = '';
  for (let left = clock.now(), digit = 0; digit < timeDigits; digit += 1, left = Math.floor(left / 32)) {
    time = alphabet.charAt(left % 32) + time;
  }
  return time + digitsOf(randomBytes(randomDigits));
}

/** The id that an `Idempotency-Key` stands for: the same key is the same asset, for ever and without a table of keys. */
export const assetIdOfKey = (key: string): string =>
  `k${digitsOf(createHash('sha256').update(key).digest().subarray(0, 15))}`;

const digitsOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => alphabet.charAt(byte % 32)).join('');
