import { describe, expect, it } from 'vitest';
import type { DailyDemand } from '../demand.ts';
import type { Forecast, SeriesClass } from '../fill.ts';
import { addDays } from '../time/local-time.ts';
import { demandTableOf } from './demand-table.ts';
import { type ForecastInput, forecastRegion } from './forecast-region.ts';
import { makeCapper } from './winsorise.ts';

const start = '2026-09-07';
const on = (day: number): string => addDays(start, day);
const row = (assetId: string, day: number, bytes: number): DailyDemand => ({
  assetId,
  date: on(day),
  bytes: Math.round(bytes),
  views: 1,
});
const forecast = (history: readonly DailyDemand[], day: number, over: Partial<ForecastInput> = {}): Forecast =>
  forecastRegion({
    regionId: 'r',
    date: on(day),
    history: demandTableOf(history),
    madeAt: '2026-11-20T00:00:00.000Z',
    ...over,
  });
const days = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
/** `count` assets of about the same volume, each day as `of` says. */
const many = (count: number, dayCount: number, of: (asset: number, day: number) => number): DailyDemand[] =>
  days(dayCount).flatMap((day) => days(count).map((asset) => row(`a${asset}`, day, of(asset, day))));
const choiceOf = ({ choices = [] }: Forecast, seriesClass: SeriesClass) =>
  choices.find((choice) => choice.seriesClass === seriesClass);
/** Even noise around 1, the same in every run. */
function noise(asset: number, day: number): number {
  let mixed = Math.imul(asset * 1_009 + day + 1, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return 0.6 + (0.8 * ((mixed ^ (mixed >>> 16)) >>> 0)) / 4294967296;
}

const weightOf = (result: Forecast, seriesClass: SeriesClass, name: string): number =>
  choiceOf(result, seriesClass)?.weights?.find(({ model }) => model === name)?.weight ?? 0;

describe('the blend of models', () => {
  it('takes most from the seasonal mean where each asset has a weekday of its own', () => {
    const history = many(21, 56, (asset, day) => (day % 7 === asset % 7 ? 9_000 : 500) * noise(asset, day));
    const result = forecast(history, 56);
    expect(choiceOf(result, 'head')).toMatchObject({ model: 'blend/2 head', chosen: true });
    expect(weightOf(result, 'head', 'seasonal-mean/1')).toBeGreaterThan(0.8);
    const ownDay = result.assets.find(({ assetId }) => assetId === 'a0');
    expect(ownDay?.model).toBe('blend/2 head');
    expect(ownDay?.expectedBytes).toBeGreaterThan(4_000);
    expect(result.score?.wape).toBeLessThan((result.score?.persistenceWape ?? 0) / 2);
  });

  it('takes most from what follows fast where demand wanders without a rhythm', () => {
    const walks = days(20).map((asset) => {
      let level = 10_000;
      return days(56).map((day) => {
        level *= noise(asset, day) > 1 ? 1.35 : 1 / 1.35;
        return level;
      });
    });
    const result = forecast(
      many(20, 56, (asset, day) => walks[asset]?.[day] ?? 0),
      56,
    );
    const { model, weights = [], candidates = [] } = choiceOf(result, 'head') ?? {};
    expect(model).toBe('blend/2 head');
    expect(
      weightOf(result, 'head', 'persistence/1') + weightOf(result, 'head', 'share-of-region-1d/1'),
    ).toBeGreaterThan(0.7);
    expect(weights.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 9);
    const wapes = new Map(candidates.map(({ model, wape }) => [model, wape ?? 0]));
    expect(wapes.get('blend/2')).toBeLessThan(1.1 * (wapes.get('persistence/1') ?? 0));
  });

  it('takes most from the decay by age for titles that come and fade', () => {
    const history = [
      ...many(10, 42, () => 5_000),
      ...days(42).flatMap((born) =>
        days(42 - born).map((age) => row(`t${born}`, born + age, 20_000 * 0.5 ** age * noise(born, age))),
      ),
    ];
    const result = forecast(history, 42);
    expect(choiceOf(result, 'new')).toMatchObject({ model: 'blend/2 new', chosen: true });
    expect(weightOf(result, 'new', 'new-title-decay/1')).toBeGreaterThan(0.8);
    const newest = result.assets.find(({ assetId }) => assetId === 't41');
    expect(newest?.expectedBytes).toBeGreaterThan(4_000);
    expect(newest?.expectedBytes).toBeLessThan(16_000);
  });

  it('stays with the default, and says so, while there is little to choose by', () => {
    const result = forecast(
      many(3, 10, () => 500),
      10,
    );
    expect(result.choices?.every(({ chosen }) => !chosen)).toBe(true);
    expect(result.assets[0]?.model).toMatch(/^blend\/2 /);
  });

  it('does not let a title come back that has faded', () => {
    const old = many(20, 40, (asset, day) => (1_000 * noise(asset, day)) / (asset + 1));
    // A title every five days, which brings six tenths of its day before.
    const faded = (until: number) =>
      [20, 25, 30, 35].flatMap((first) =>
        days(until - first).map((age) => row(`film-${first}`, first + age, 5_000 * 0.6 ** age)),
      );
    for (const day of [34, 36, 38, 40]) {
      const history = [...old, ...faded(40)].filter(({ date }) => date < on(day));
      const { expectedBytes = 0 } = forecast(history, day).assets.find(({ assetId }) => assetId === 'film-20') ?? {};
      expect(expectedBytes).toBeLessThan(2 * 5_000 * 0.6 ** (day - 20 - 7));
    }
  });

  it('names a score for each candidate, and only new titles are tried with the decay', () => {
    const result = forecast(many(20, 40, noise), 40);
    expect(choiceOf(result, 'head')?.candidates.map(({ model }) => model)).toEqual([
      'persistence/1',
      'seasonal-mean/1',
      'damped-ets/1',
      'share-of-region-1d/1',
      'share-of-region-4d/1',
      'share-of-region-14d/1',
      'blend/2',
    ]);
  });

  it('says the same twice, and of assets in any order', () => {
    const history = many(12, 30, (asset, day) => 1_000 * noise(asset, day));
    expect(forecast([...history].reverse(), 30)).toEqual(forecast(history, 30));
  });
});

describe('one abusive day', () => {
  it('moves a steady asset by little, and the other assets hardly', () => {
    const steady = (asset: number, day: number): number => 1_000 * noise(asset, day);
    const clean = forecast(many(20, 42, steady), 42);
    const abused = forecast(
      many(20, 42, (asset, day) => (asset === 3 && day === 41 ? 1e9 : steady(asset, day))),
      42,
    );
    const bytesOf = ({ assets }: Forecast): number =>
      assets.reduce((sum, { assetId, expectedBytes }) => sum + (assetId === 'a3' ? 0 : expectedBytes), 0);
    expect(bytesOf(abused) / bytesOf(clean)).toBeCloseTo(1, 1);
    expect(abused.expectedBytes).toBeLessThan(clean.expectedBytes * 1.5);
  });

  it('of a title that nobody asked for before hardly lifts others, and does not count for more than they do together', () => {
    const usual = many(20, 42, (asset, day) => 1_000 * noise(asset, day));
    const clean = forecast(usual, 42);
    // Past midnight, too.
    const abused = forecast([...usual, row('fetched-all-day', 40, 1e9), row('fetched-all-day', 41, 2e8)], 42);
    const others = abused.assets.filter(({ assetId }) => assetId !== 'fetched-all-day');
    for (const { assetId, expectedBytes } of others) {
      const before = clean.assets.find((one) => one.assetId === assetId)?.expectedBytes ?? 0;
      expect(expectedBytes / before).toBeGreaterThan(0.7);
      expect(expectedBytes / before).toBeLessThan(1.3);
    }
    const sum = others.reduce((bytes, { expectedBytes }) => bytes + expectedBytes, 0);
    expect(abused.expectedBytes - sum).toBeLessThan(sum);
  });

  it('is no abuse where new titles bring the most each day, nor where a rise goes on', () => {
    const old = many(20, 30, () => 1_000);
    const news = days(30).flatMap((day) =>
      [50_000, 25_000, 5_000].flatMap((bytes, age) => (day + age < 30 ? [row(`news-${day}`, day + age, bytes)] : [])),
    );
    const latest = forecast([...old, ...news], 30).assets[0];
    expect(latest?.assetId).toBe('news-29');
    expect(latest?.expectedBytes).toBeGreaterThan(15_000);
    const premiere = [28, 29].map((day) => row('film', day, 8_000));
    expect(forecast([...old, ...premiere], 30).assets[0]?.expectedBytes).toBeGreaterThan(4_000);
  });

  it('is cut to ten times what is usual, but a rise that stays is believed on its second day', () => {
    const capper = makeCapper();
    for (const bytes of [90, 100, 110, 100, 100]) capper.cap(bytes);
    expect(capper.cap(50_000)).toBe(1_000);
    expect(capper.cap(60_000)).toBe(60_000);
  });

  it('leaves alone what has too short a past to call anything unusual', () => {
    const capper = makeCapper();
    expect([1, 2, 50_000].map((bytes) => capper.cap(bytes))).toEqual([1, 2, 50_000]);
  });
});

describe('a title without a past here', () => {
  const both = (scale: number): DailyDemand[] => many(20, 28, () => 1_000 * scale);
  const cold = (result: Forecast, assetId: string) => result.assets.find((asset) => asset.assetId === assetId);

  it('is expected by what others watch, at this region’s share of them', () => {
    const elsewhere = [...both(10), row('fresh', 27, 4_000)];
    const asset = cold(
      forecast(both(1), 28, { elsewhere: { regions: 2, history: demandTableOf(elsewhere) } }),
      'fresh',
    );
    expect(asset).toMatchObject({ model: 'pooled-regions/1', observedDays: 0, lowBytes: 0 });
    expect(asset?.expectedBytes).toBeGreaterThan(200);
    expect(asset?.expectedBytes).toBeLessThanOrEqual(400);
  });

  it('is held to 5% of the region, and all of them to 25%', () => {
    const rush = days(40).map((title) => row(`rush${title}`, 27, 1e9));
    const result = forecast(both(1), 28, { elsewhere: { regions: 2, history: demandTableOf([...both(1), ...rush]) } });
    const known = result.assets.filter(({ model }) => model !== 'pooled-regions/1');
    const total = (list: Forecast['assets']): number => list.reduce((sum, { expectedBytes }) => sum + expectedBytes, 0);
    expect(total(result.assets) - total(known)).toBeLessThanOrEqual(total(known) * 0.2501);
    expect(cold(result, 'rush1')?.expectedBytes).toBeLessThanOrEqual(total(known) * 0.05);
  });

  it('counts for little where titles that others have long watched never come', () => {
    const theirs = days(27).map((day) => row('foreign', day, 4_000));
    const asset = cold(
      forecast(both(1), 28, { elsewhere: { regions: 2, history: demandTableOf([...both(1), ...theirs]) } }),
      'foreign',
    );
    expect(asset?.expectedBytes ?? 0).toBeLessThan(400);
  });

  it('seeds a region without any past with the mean of the others', () => {
    const result = forecast([], 28, { elsewhere: { regions: 4, history: demandTableOf(both(4)) } });
    expect(result.assets).toHaveLength(20);
    expect(result.assets[0]).toMatchObject({ model: 'pooled-regions/1', expectedBytes: 1_000 });
  });

  it('is expected on its premiere as the series’ last titles were', () => {
    const history = [...both(1), row('s1', 10, 700), row('s2', 20, 900)];
    const of = (assetId: string, since: string) => ({ assetId, series: 'the-series', since });
    const titles = [of('s1', on(10)), of('s2', on(20)), of('s3', on(28)), of('s4', on(35)), of('old', on(1))];
    const result = forecast(history, 28, { titles });
    expect(cold(result, 's3')).toMatchObject({ model: 'pooled-series/1', expectedBytes: 800 });
    expect(cold(result, 's4')).toBeUndefined();
    expect(cold(result, 'old')).toBeUndefined();
  });
});
