/**
 * How much of a title's demand a part of its bytes serves, where the part is the most watched one: what plans take first.
 *
 * From the curve that was frozen with the forecast. Renditions are taken as equally watched, since a title that was planned as a whole
 * has no list of them in any document.
 */
import type { Audience } from '../planning/audience.ts';
import { curveFor } from '../planning/file-values.ts';

/** How much more than the mean each twentieth of the title is watched, the most watched first; the mean is 1. */
export type Steps = readonly number[];

/** Titles without a curve of their own share one, so that a million titles cost nothing. */
export function makeStepsOf(audience: Audience | null): (assetId: string) => Steps {
  const known = new Map<readonly number[], Steps>();
  return (assetId) => {
    const { curve } = curveFor(assetId, audience);
    const steps = known.get(curve) ?? normalised(curve);
    known.set(curve, steps);
    return steps;
  };
}

function normalised(curve: readonly number[]): Steps {
  const total = curve.reduce((sum, each) => sum + each, 0);
  const falling = curve.toSorted((a, b) => b - a);
  return falling.map((each) => (total > 0 ? (each * curve.length) / total : 1));
}

/** @param held share of the title's bytes, 0 … 1. */
export function servedShare(steps: Steps, held: number): number {
  const whole = Math.min(steps.length, held * steps.length);
  let served = 0;
  for (let step = 0; step < whole; step += 1) served += (steps[step] ?? 0) * Math.min(1, whole - step);
  return Math.min(1, served / Math.max(1, steps.length));
}
