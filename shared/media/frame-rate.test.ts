import { describe, expect, it } from 'vitest';
import { nearestRate, nominalRate } from './frame-rate.ts';

describe('nominalRate', () => {
  it.each([
    ['NTSC film', 24_000 / 1001, 24_000 / 1001, 24_000, 1001],
    ['a phone: 30.01 by its clock, 27 on average', 90_000 / 2999, 27.02, 30, 1],
    ['a screen recording that mostly stands still', 30, 8.7, 30, 1],
    ['interlaced pictures', 50, 25, 25, 1],
    ['a millisecond clock', 1000, 23.976, 24_000, 1001],
    ['a real rate that nothing fits', 90_000, 29.9, 30_000, 1001],
    ['120 frames a second', 120, 120, 60, 1],
    ['100 frames a second', 100, 100, 50, 1],
    ['240 frames a second', 240, 239.7, 60, 1],
    ['slow motion pictures', 1, 1, 5, 1],
    ['nothing known', null, null, 30, 1],
    ['only an average known', null, 25, 25, 1],
    ['only a real rate known', 25, null, 25, 1],
  ])('%s', (_case, real, average, numerator, denominator) => {
    expect(nominalRate(real, average)).toEqual({ numerator, denominator });
  });

  it('finds the fraction again from the number', () => {
    expect(nearestRate(29.97002997)).toEqual({ numerator: 30_000, denominator: 1001 });
  });
});
