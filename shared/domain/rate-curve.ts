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

/** The curve with bytes that left between two moments, evenly as far as is known. */
export function addSpanToRateCurve(
  curve: readonly RatePoint[],
  fromS: number,
  toS: number,
  bytes: number,
): readonly RatePoint[] {
  const stepS = rateStepOf(toS);
  const boundaryS = Math.floor(toS / stepS) * stepS;
  if (boundaryS <= fromS || toS <= fromS) return addToRateCurve(curve, fromS, bytes);
  const before = Math.round((bytes * (boundaryS - fromS)) / (toS - fromS));
  return addToRateCurve(addToRateCurve(curve, fromS, before), toS, bytes - before);
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

export interface RateStep {
  readonly fromS: number;
  readonly seconds: number;
  readonly bytes: number;
}

/** The steps with the time that each stands for; the last ends with the fill. */
export function rateSteps(curve: readonly RatePoint[], durationS: number): RateStep[] {
  const stepS = rateStepOf(curve.at(-1)?.atS ?? 0);
  return curve.map(({ atS, bytes }) => ({
    fromS: atS,
    seconds: Math.max(0.001, Math.min(stepS, durationS - atS)),
    bytes,
  }));
}

/** Bits a second: over the steps in which bytes left, and in the best of them. */
export function ratesOf(
  curve: readonly RatePoint[],
  durationS: number,
): { readonly meanRateBps: number; readonly peakRateBps: number } {
  let bytes = 0;
  let seconds = 0;
  let peak = 0;
  for (const step of rateSteps(curve, durationS)) {
    bytes += step.bytes;
    seconds += step.seconds;
    // What is left of a second at the very end says nothing about rates.
    peak = Math.max(peak, step.bytes / Math.max(1, step.seconds));
  }
  const mean = seconds > 0 ? bytes / seconds : 0;
  return { meanRateBps: Math.round(mean * 8), peakRateBps: Math.round(Math.max(mean, peak) * 8) };
}

/** The curve as `columns` mean rates over equal parts of the fill's time, for drawing; bits a second. */
export function resample(curve: readonly RatePoint[], durationS: number, columns: number): number[] {
  if (curve.length === 0 || columns < 1 || durationS <= 0) return [];
  const width = durationS / columns;
  const bytes = new Array<number>(columns).fill(0);
  for (const step of rateSteps(curve, durationS)) {
    const end = step.fromS + step.seconds;
    for (let at = Math.floor(step.fromS / width); at < columns && at * width < end; at += 1) {
      const overlap = Math.min(end, (at + 1) * width) - Math.max(step.fromS, at * width);
      if (overlap > 0) bytes[at] = (bytes[at] ?? 0) + (step.bytes * overlap) / step.seconds;
    }
  }
  return bytes.map((sum) => Math.round((sum * 8) / width));
}
