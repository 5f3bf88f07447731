/**
 * A 53-bit string hash for placement: quick, pure, well mixed, the same in every process and release.
 *
 * This is cyrb53 (bryc, public domain): two 32-bit multiplicative lanes after MurmurHash3's finaliser. It is not
 * cryptographic: nobody gains anything from choosing where an asset lives. Changing it would move almost every asset of
 * every region, so a test pins its values.
 */
export function hash53(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}

const two53 = 2 ** 53;

/** The hash as a number strictly between 0 and 1. */
export const hashUnit = (text: string): number => (hash53(text) + 0.5) / two53;
