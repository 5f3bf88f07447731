/**
 * A forecast that learns by itself how much each sign is worth: the logarithm of the expected count is a first guess plus
 * one curve for each sign, a straight line between knots. A generalised additive model for counts, fitted as the outcomes come in
 * by adaptive gradient steps (Duchi et al., JMLR 12, 2011). It can say what each sign added, and with no outcomes
 * yet it is the first guess.
 */
const knots = 9;
/** Signs are measured in doublings, and lie between the outermost knots. */
export const farthest = 4;

const stepLength = 0.08;
/** Keeps the first steps short, before a knot has seen any outcome. */
const initialSquares = 0.01;
const shrinkage = 1e-4;
const steepest = 3;
/** Counts come in bursts: beyond so many, the variance grows with the square of the expectation. */
const burstAt = 5;
const mostExpectedLog = 8;

export interface AdditiveModel {
  /** What the signs at `at` add to the logarithm of the first guess. */
  adjust(signs: Float64Array, at: number): number;
  /** One step towards an outcome. @param weight how much it matters, about 1. */
  learn(signs: Float64Array, at: number, guessLog: number, count: number, weight: number): void;
  /** What each sign adds. */
  explain(signs: Float64Array, at: number): number[];
  /** All that was learnt, to be written over by what was learnt earlier. */
  readonly learnt: readonly Float64Array[];
}

export function makeAdditiveModel(signCount: number): AdditiveModel {
  const heights = new Float64Array(signCount * knots);
  const squares = new Float64Array(signCount * knots).fill(initialSquares);
  const knotOf = (sign: number): number => Math.min(knots - 2, Math.floor(sign + farthest));

  const part = (sign: number, index: number): number => {
    const knot = knotOf(sign);
    const share = sign + farthest - knot;
    const at = index * knots + knot;
    return (heights[at] ?? 0) * (1 - share) + (heights[at + 1] ?? 0) * share;
  };
  const adjust = (signs: Float64Array, at: number): number => {
    let sum = 0;
    for (let index = 0; index < signCount; index += 1) sum += part(signs[at + index] ?? 0, index);
    return sum;
  };
  const move = (at: number, slope: number): void => {
    const full = slope + shrinkage * (heights[at] ?? 0);
    const square = (squares[at] ?? 0) + full * full;
    squares[at] = square;
    heights[at] = (heights[at] ?? 0) - (stepLength * full) / Math.sqrt(square);
  };
  return {
    adjust,
    learn: (signs, at, guessLog, count, weight) => {
      const expected = Math.exp(Math.min(mostExpectedLog, guessLog + adjust(signs, at)));
      const pull = (weight * (expected - count)) / (1 + expected / burstAt);
      const slope = Math.max(-steepest, Math.min(steepest, pull));
      for (let index = 0; index < signCount; index += 1) {
        const sign = signs[at + index] ?? 0;
        const knot = knotOf(sign);
        const share = sign + farthest - knot;
        move(index * knots + knot, slope * (1 - share));
        move(index * knots + knot + 1, slope * share);
      }
    },
    learnt: [heights, squares],
    explain: (signs, at) => Array.from({ length: signCount }, (_, index) => part(signs[at + index] ?? 0, index)),
  };
}
