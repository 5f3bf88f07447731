/** Chance that comes again the same from one seed (xorshift32). */
export interface Chance {
  /** A whole number from 0 on, below this. */
  below(limit: number): number;
  pick<T>(from: readonly T[]): T;
  /** True once in so many times. */
  onceIn(times: number): boolean;
}

export function makeChance(seed: number): Chance {
  let state = seed >>> 0 || 1;
  const below = (limit: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % limit;
  };
  return {
    below,
    pick: <T>(from: readonly T[]): T => from[below(from.length)] as T,
    onceIn: (times) => below(times) === 0,
  };
}
