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

/** Where each sign lies between the knots: the same for all models, and so worked out once for several. */
export interface PlacedSigns {
  /** Place of the knot below, among the knots of all signs. */
  readonly knots: Int32Array;
  /** How far from it to the next one, 0 … 1. */
  readonly shares: Float64Array;
}

export const makePlacedSigns = (signCount: number): PlacedSigns => ({
  knots: new Int32Array(signCount),
  shares: new Float64Array(signCount),
});

/** Writes the places of the signs at `at` to `into`. */
export function placeSigns(signs: Float64Array, at: number, into: PlacedSigns): void {
  const { knots: places, shares } = into;
  for (let index = 0; index < places.length; index += 1) {
    const place = (signs[at + index] ?? 0) + farthest;
    const knot = Math.min(knots - 2, Math.floor(place));
    places[index] = index * knots + knot;
    shares[index] = place - knot;
  }
}

export interface AdditiveModel {
  /** What the signs add to the logarithm of the first guess. */
  adjust(placed: PlacedSigns): number;
  /** One step towards an outcome. @param weight how much it matters, about 1. */
  learn(placed: PlacedSigns, guessLog: number, count: number, weight: number): void;
  /** What each sign adds. */
  explain(placed: PlacedSigns): number[];
  /** All that was learnt, to be written over by what was learnt earlier. */
  readonly learnt: readonly Float64Array[];
}

export function makeAdditiveModel(signCount: number): AdditiveModel {
  const heights = new Float64Array(signCount * knots);
  const squares = new Float64Array(signCount * knots).fill(initialSquares);

  const part = (knot: number, share: number): number =>
    (heights[knot] ?? 0) * (1 - share) + (heights[knot + 1] ?? 0) * share;
  const adjust = ({ knots: places, shares }: PlacedSigns): number => {
    let sum = 0;
    for (let index = 0; index < signCount; index += 1) sum += part(places[index] ?? 0, shares[index] ?? 0);
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
    learn: (placed, guessLog, count, weight) => {
      const expected = Math.exp(Math.min(mostExpectedLog, guessLog + adjust(placed)));
      const pull = (weight * (expected - count)) / (1 + expected / burstAt);
      const slope = Math.max(-steepest, Math.min(steepest, pull));
      for (let index = 0; index < signCount; index += 1) {
        const knot = placed.knots[index] ?? 0;
        const share = placed.shares[index] ?? 0;
        move(knot, slope * (1 - share));
        move(knot + 1, slope * share);
      }
    },
    learnt: [heights, squares],
    explain: ({ knots: places, shares }) =>
      Array.from({ length: signCount }, (_, index) => part(places[index] ?? 0, shares[index] ?? 0)),
  };
}
