/** How many bytes a fill sent when, in few points however long it took. */

/** Bytes that left from `atS` seconds after the fill began until the next point, or for one step after the last. */
export interface RatePoint {
  readonly atS: number;
  readonly bytes: number;
}

/** Steps of the curve while it is short. */
export const rateStepS = 10;
/** Over this many steps the step doubles: four hours are 180 points of 80 s. */
const mostSteps = 360;

/** Seconds that one point of a fill of this length stands for. */
export function rateStepOf(lengthS: number): number {
  let stepS = rateStepS;
  while (lengthS / stepS >= mostSteps) stepS *= 2;
  return stepS;
}

/** The curve with so many more bytes; steps in which nothing left have no point. */
export function addToRateCurve(curve: readonly RatePoint[], atS: number, bytes: number): readonly RatePoint[] {
  if (bytes <= 0) return curve;
  const lastS = curve.at(-1)?.atS ?? 0;
  const stepS = rateStepOf(Math.max(lastS, atS));
  const sums = new Map<number, number>();
  for (const point of [...curve, { atS, bytes }]) {
    const step = Math.floor(Math.max(0, point.atS) / stepS) * stepS;
    sums.set(step, (sums.get(step) ?? 0) + point.bytes);
  }
  return [...sums].map(([at, sum]) => ({ atS: at, bytes: sum })).sort((a, b) => a.atS - b.atS);
}
