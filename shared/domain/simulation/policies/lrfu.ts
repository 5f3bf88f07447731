/**
 * Exponentially decayed frequency (Lee et al., "LRFU", IEEE ToC 2001), with the history of absent objects kept.
 *
 * All counts decay alike, so their order changes only with requests: the key is the logarithm of the count as it would
 * have been worth at time 0, which never needs to be touched again.
 */

import type { PolicyFactory } from '../policy.ts';
import { dayS } from '../trace.ts';
import { makeRanked } from './ranked.ts';

export const makeLrfu =
  (halfLifeDays: number): PolicyFactory =>
  (input) => {
    const keys = new Float64Array(input.sizes.length).fill(Number.NEGATIVE_INFINITY);
    let originS = Number.NaN;
    const keyOf = (object: number, timeS: number): number => {
      if (Number.isNaN(originS)) originS = timeS;
      const now = (timeS - originS) / (halfLifeDays * dayS);
      const before = keys[object] ?? Number.NEGATIVE_INFINITY;
      const key = now + Math.log2(1 + 2 ** (before - now));
      keys[object] = key;
      return key;
    };
    return makeRanked(input, keyOf, { admission: true });
  };
