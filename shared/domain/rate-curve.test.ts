import { describe, expect, it } from 'vitest';
import { addToRateCurve, type RatePoint, rateStepOf, ratesOf, resample } from './rate-curve.ts';

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

describe('what a rate curve says', () => {
  const curve = [
    { atS: 0, bytes: 1_000 },
    { atS: 20, bytes: 4_000 },
  ];

  it('leaves pauses out of the mean, and ends the last step with the fill', () => {
    expect(ratesOf(curve, 25)).toEqual({ meanRateBps: Math.round((5_000 * 8) / 15), peakRateBps: 6_400 });
    expect(ratesOf([], 25)).toEqual({ meanRateBps: 0, peakRateBps: 0 });
  });

  it('is drawn without losing a byte, in as many columns as asked for', () => {
    for (const columns of [1, 3, 13, 40]) {
      const drawn = resample(curve, 25, columns);
      expect(drawn).toHaveLength(columns);
      const bytes = drawn.reduce((sum, bps) => sum + (bps / 8) * (25 / columns), 0);
      expect(Math.abs(bytes - 5_000)).toBeLessThan(columns);
    }
    expect(resample([], 25, 10)).toEqual([]);
  });
});
