import { describe, expect, it } from 'vitest';
import { addToRateCurve, type RatePoint, rateStepOf } from './rate-curve.ts';

describe('the rate curve', () => {
  it('sums what left within a step, and has no point where nothing did', () => {
    let curve: readonly RatePoint[] = [];
    for (const [atS, bytes] of [
      [0.5, 1],
      [9.9, 2],
      [10, 4],
      [35, 8],
      [36, 0],
    ] as const)
      curve = addToRateCurve(curve, atS, bytes);
    expect(curve).toEqual([
      { atS: 0, bytes: 3 },
      { atS: 10, bytes: 4 },
      { atS: 30, bytes: 8 },
    ]);
  });

  it('stays short over a long night without losing a byte', () => {
    let curve: readonly RatePoint[] = [];
    for (let atS = 0; atS < 10 * 3_600; atS += 5) curve = addToRateCurve(curve, atS, 7);
    expect(curve.length).toBeLessThanOrEqual(360);
    expect(curve.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(7 * 7_200);
    expect(new Set(curve.slice(0, -1).map(({ bytes }) => bytes)).size).toBe(1);
    expect(rateStepOf(10 * 3_600)).toBe(160);
  });
});
