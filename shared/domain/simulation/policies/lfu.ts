/** Least frequently used goes first; counts begin anew with each stay, and of equal counts the least recently used goes. */
import type { PolicyFactory } from '../policy.ts';
import { makeRanked } from './ranked.ts';

/** Small enough never to make up for one request, large enough to tell two places of a trace apart. */
const recencyWeight = 2 ** -32;

export const makeLfu: PolicyFactory = (input) => {
  const counts = new Uint32Array(input.sizes.length);
  const keyOf = (object: number, _timeS: number, position: number, isHeld: boolean): number => {
    const count = isHeld ? (counts[object] ?? 0) + 1 : 1;
    counts[object] = count;
    return count + position * recencyWeight;
  };
  return makeRanked(input, keyOf, { admission: false });
};
