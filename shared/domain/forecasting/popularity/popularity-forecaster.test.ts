import { describe, expect, it } from 'vitest';
import { makePopularityForecaster } from './popularity-forecaster.ts';
import { makeRandom } from './random.ts';

const hourS = 3_600;
const dayS = 24 * hourS;
const horizonS = 4 * hourS;

/** Tells steady demand of `ratePerDay[series]` at random times, and studies one request in three. */
function steady(ratesPerDay: readonly number[], days: number, seed = 3) {
  const forecaster = makePopularityForecaster({ horizonS, series: ratesPerDay.length });
  const random = makeRandom(seed);
  for (let timeS = 0; timeS < days * dayS; timeS += 600) {
    forecaster.advance(timeS);
    ratesPerDay.forEach((rate, series) => {
      if (random() >= (rate * 600) / dayS) return;
      forecaster.see(series, timeS + 300);
    });
    ratesPerDay.forEach((_, series) => {
      if (random() > 0.05) return;
      forecaster.expectLog(series, timeS + 300);
      forecaster.studyLast(1e6);
    });
  }
  return forecaster;
}

describe('the popularity forecaster', () => {
  it('expects what a steady rate will bring', () => {
    const rates = [2, 8, 32, 96];
    const forecaster = steady(rates, 20);
    for (const [series, rate] of rates.entries()) {
      const expected = Math.exp(forecaster.expectLog(series, 20 * dayS));
      const truth = (rate * horizonS) / dayS;
      expect(expected / truth).toBeGreaterThan(0.4);
      expect(expected / truth).toBeLessThan(2.5);
    }
  });

  it('ranks series by their rates', () => {
    const rates = Array.from({ length: 40 }, (_, index) => 1.3 ** index / 10);
    const forecaster = steady(rates, 15);
    const logs = rates.map((_, series) => forecaster.expectLog(series, 15 * dayS));
    let wrong = 0;
    for (let a = 0; a < logs.length; a += 1)
      for (let b = a + 4; b < logs.length; b += 1) if ((logs[a] ?? 0) > (logs[b] ?? 0)) wrong += 1;
    expect(wrong).toBeLessThan(40);
  });

  it('learns that in a world of short lives, silence means the end', () => {
    const lives = 60;
    const forecaster = makePopularityForecaster({ horizonS, series: lives });
    const random = makeRandom(5);
    const endS = 20 * dayS;
    for (let timeS = 0; timeS < endS; timeS += 900) {
      forecaster.advance(timeS);
      for (let series = 0; series < lives; series += 1) {
        const ageS = timeS - (series * endS) / lives;
        const isAlive = ageS >= 0 && ageS < 2 * dayS;
        if (isAlive && random() < 0.5) forecaster.see(series, timeS);
        if (ageS < 0 || random() > 0.2) continue;
        forecaster.expectLog(series, timeS);
        forecaster.studyLast(1e6);
      }
    }
    // The one that ended about half a day ago, and one in the middle of its life.
    const perDay = lives / 20;
    const ended = Math.round((20 - 2.5) * perDay);
    const alive = Math.round((20 - 1) * perDay);
    expect(forecaster.expectLog(ended, endS)).toBeLessThan(forecaster.expectLog(alive, endS) - 1.5);
    expect(forecaster.expectLog(ended, endS)).toBeLessThan(forecaster.guessLog(ended, endS) - 0.7);
  });

  it('expects more here of what is asked for elsewhere', () => {
    const forecaster = steady([20, 20, 20], 5);
    for (let timeS = 5 * dayS; timeS < 6 * dayS; timeS += 60) forecaster.seeElsewhere(3, timeS);
    expect(forecaster.expectLog(3, 6 * dayS)).toBeGreaterThan(forecaster.expectLog(9, 6 * dayS) + 1);
  });

  it('gives the same numbers for the same calls, and says what they are made of', () => {
    const [one, two] = [steady([5, 10, 50], 8), steady([5, 10, 50], 8)];
    expect(one.expectLog(2, 8 * dayS)).toBe(two.expectLog(2, 8 * dayS));
    const sum = one.explain(2, 8 * dayS).reduce((total, { adds }) => total + adds, 0);
    expect(one.guessLog(2, 8 * dayS) + sum).toBeCloseTo(one.expectLog(2, 8 * dayS), 9);
  });

  it('takes hourly counts as well as single requests, and series beyond its room', () => {
    const forecaster = makePopularityForecaster({ horizonS, series: 1 });
    for (let hour = 0; hour < 240; hour += 1) forecaster.see(1_000, hour * hourS, 3);
    const expected = Math.exp(forecaster.guessLog(1_000, 240 * hourS));
    expect(expected).toBeGreaterThan(9);
    expect(expected).toBeLessThan(15);
  });

  it('stays finite for whatever comes', () => {
    const forecaster = makePopularityForecaster({ horizonS, series: 2 });
    expect(Number.isFinite(forecaster.expectLog(0, 5))).toBe(true);
    forecaster.see(0, 10, 1e6);
    forecaster.see(0, 10);
    forecaster.studyLast(1e12);
    forecaster.advance(400 * dayS);
    expect(Number.isFinite(forecaster.expectLog(0, 400 * dayS))).toBe(true);
    expect(Number.isFinite(forecaster.expectLog(1, 400 * dayS))).toBe(true);
  });
});
