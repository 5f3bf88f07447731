/** Pseudo-random shares, 0 … 1, that are the same in every run: the same log gives the same forecast. */
export type RandomShare = () => number;

/** Numerical Recipes' linear congruential generator: good enough to choose samples. */
export function makeRandom(seed: number): RandomShare {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
