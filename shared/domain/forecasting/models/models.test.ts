import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dampedEts } from './damped-ets.ts';
import { makeEnsemble } from './ensemble.ts';
import { makeFamily } from './family.ts';
import type { Day, Model } from './model.ts';
import { newTitleDecay } from './new-title-decay.ts';
import { persistence } from './persistence.ts';
import { seasonalMean } from './seasonal-mean.ts';
import { shareOfRegion } from './share-of-region.ts';
import { weightedMean } from './weighted-mean.ts';

/** In a region that is as busy every day. */
const dayOf = (number: number, factor = 1): Day => ({
  number,
  weekday: number % 7,
  factor,
  level: 1e15,
  expectedLevel: 1e15,
});
/** What a model says of the day after a series that begins on day 0; null is a day of which nothing is known. */
function saysAfter(model: Model, series: readonly (number | null)[]): number {
  const track = model.begin();
  for (const [number, bytes] of series.entries()) if (bytes !== null) track.observe(dayOf(number), bytes);
  return track.expect(dayOf(series.length));
}
const times = (count: number, of: (day: number) => number): number[] =>
  Array.from({ length: count }, (_, day) => of(day));
const { models } = makeFamily((age) => 0.8 ** age);

describe('every forecast model', () => {
  const bytes = fc.double({ min: 0, max: 1e15, noNaN: true });
  const series = fc.array(fc.option(bytes, { freq: 5 }), { minLength: 1, maxLength: 80 });

  it.each(models.map((model) => [model.name, model] as const))(
    '%s stays finite and never below nothing',
    (_, model) => {
      fc.assert(
        fc.property(bytes, series, fc.integer({ min: 1, max: 400 }), (first, rest, ahead) => {
          const track = model.begin();
          for (const [at, value] of [first, ...rest].entries()) {
            if (value !== null) track.observe(dayOf(at, 0.5 + (at % 7) / 7), value);
          }
          const expected = track.expect(dayOf(rest.length + ahead));
          expect(Number.isFinite(expected) && expected >= 0).toBe(true);
        }),
      );
    },
  );

  it.each(models.slice(0, -1).map((model) => [model.name, model] as const))(
    '%s expects more of what is steady',
    (_, model) => {
      expect(
        saysAfter(
          model,
          times(30, () => 700),
        ),
      ).toBeCloseTo(700, 6);
    },
  );

  it.each(models.map((model) => [model.name, model] as const))(
    '%s keeps assets apart and asks nothing twice',
    (_, model) => {
      const track = model.begin();
      const other = model.begin();
      for (let at = 0; at < 20; at += 1) {
        track.observe(dayOf(at), at * 10);
        other.observe(dayOf(at), 1e9);
      }
      expect(track.expect(dayOf(20))).toBe(track.expect(dayOf(20)));
      expect(track.expect(dayOf(20))).toBe(
        saysAfter(
          model,
          times(20, (at) => at * 10),
        ),
      );
    },
  );
});

describe('seasonal mean', () => {
  const weekend = (day: number): number => (day % 7 >= 5 ? 3_000 : 1_000);
  it('knows an asset’s own weekend, which the region does not have', () => {
    expect(saysAfter(seasonalMean, times(26, weekend))).toBeCloseTo(3_000);
    expect(saysAfter(seasonalMean, times(28, weekend))).toBeCloseTo(1_000);
  });
  it('is not moved by one day', () => {
    expect(
      saysAfter(
        seasonalMean,
        times(28, (day) => (day === 14 ? 1e6 : 1_000)),
      ),
    ).toBeCloseTo(1_000);
  });
  it('passes over days of which nothing is known', () => {
    const series = times(40, weekend).map((bytes, day) => (day % 5 === 0 ? null : bytes));
    expect(saysAfter(seasonalMean, series)).toBe(3_000);
  });
});

describe('damped smoothing', () => {
  it('goes with a trend, where a mean lags', () => {
    const rising = times(40, (day) => 1_000 + 100 * day);
    expect(Math.abs(saysAfter(dampedEts, rising) - 5_000)).toBeLessThan(
      Math.abs(saysAfter(weightedMean, rising) - 5_000) / 2,
    );
  });
  it('does not run away over a long gap', () => {
    const track = dampedEts.begin();
    for (let day = 0; day < 40; day += 1) track.observe(dayOf(day), 1_000 + 100 * day);
    expect(track.expect(dayOf(400))).toBeLessThan(8_000);
  });
});

it('persistence says the last observed day', () => {
  expect(saysAfter(persistence, [5, 9, null, null])).toBe(9);
});

it('the age curve sets a title’s first days against those of others, and goes on down', () => {
  const model = newTitleDecay((age) => 0.5 ** age);
  expect(saysAfter(model, [800])).toBeCloseTo(400);
  expect(saysAfter(model, [800, 400, 200])).toBeCloseTo(100);
  expect(saysAfter(model, [1_600, null, 400])).toBeCloseTo(200);
});

it('a share of the region follows the region at once, and the asset in its own time', () => {
  const track = shareOfRegion(4).begin();
  for (let at = 0; at < 20; at += 1) track.observe({ ...dayOf(at), level: 10_000 }, 1_000);
  expect(track.expect({ ...dayOf(20), expectedLevel: 3_000 })).toBeCloseTo(300);
  track.observe({ ...dayOf(20), level: 3_000 }, 300);
  expect(track.expect({ ...dayOf(21), expectedLevel: 10_000 })).toBeCloseTo(1_000);
});

describe('models told side by side', () => {
  const saidAfter = (series: readonly number[]): number => {
    const ensemble = makeEnsemble([weightedMean]);
    const said = new Float64Array(1);
    for (const [at, bytes] of series.entries()) ensemble.observe(dayOf(at), bytes);
    ensemble.expect(dayOf(series.length), said);
    return said[0] ?? 0;
  };
  const steady = times(30, () => 6_500);

  it('begin anew where demand has broken off for two days', () => {
    expect(saidAfter([...steady, 25])).toBeGreaterThan(5_000);
    expect(saidAfter([...steady, 25, 20])).toBeLessThan(30);
  });

  it('hold on through days without demand where such days are usual', () => {
    const rare = times(30, (day) => (day % 4 === 0 ? 0 : 100));
    expect(saidAfter([...rare, 0, 0])).toBeGreaterThan(40);
  });
});
