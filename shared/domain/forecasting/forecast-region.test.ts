import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DailyDemand } from '../demand.ts';
import { addDays } from '../time/local-time.ts';
import { sumByLocalDay } from './daily-demand.ts';
import { demandTableOf } from './demand-table.ts';
import { forecastRegion, modelName } from './forecast-region.ts';

const start = '2026-09-07'; // a Monday
const row = (assetId: string, day: number, bytes: number, views = 1): DailyDemand => ({
  assetId,
  date: addDays(start, day),
  bytes,
  views,
});
const forecast = (history: readonly DailyDemand[], day: number) =>
  forecastRegion({
    regionId: 'r',
    date: addDays(start, day),
    history: demandTableOf(history),
    madeAt: '2026-11-20T00:00:00.000Z',
  });
const days = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** A small generator with a fixed seed (mulberry32), so that the statistics below never wobble. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Weekly rhythm, Zipf popularity, noise around it. */
function noisyHistory(assets: number, dayCount: number): DailyDemand[] {
  const random = randomFrom(7);
  const rhythm = [0.8, 0.8, 0.8, 0.9, 1.1, 1.4, 1.2];
  return days(dayCount).flatMap((day) =>
    days(assets).map((asset) => {
      const noise = 0.4 + 1.2 * random();
      return row(`a${asset}`, day, Math.round((1e9 / (asset + 1)) * (rhythm[day % 7] ?? 1) * noise));
    }),
  );
}

describe('forecastRegion', () => {
  it('says nothing of a region without history, and dares no score', () => {
    expect(forecast([], 10)).toEqual({
      schema: 1,
      regionId: 'r',
      date: addDays(start, 10),
      model: modelName,
      madeAt: '2026-11-20T00:00:00.000Z',
      historyUntil: null,
      historyDays: 0,
      expectedViews: 0,
      expectedBytes: 0,
      score: null,
      choices: [],
      assets: [],
    });
  });

  it('expects after one day what that day had, with a wide interval', () => {
    const result = forecast([row('a', 0, 1_000, 4)], 1);
    expect(result.assets).toHaveLength(1);
    const [asset] = result.assets;
    expect(asset).toMatchObject({ assetId: 'a', expectedBytes: 1_000, expectedViews: 4, lowBytes: 0, observedDays: 1 });
    expect(asset?.highBytes).toBeGreaterThan(2_000);
    expect(result).toMatchObject({ historyDays: 1, historyUntil: start, score: null });
  });

  it('forgets an asset that was seen once, week by week', () => {
    const history = [row('once', 0, 1_000), ...days(28).map((day) => row('daily', day, 1_000))];
    const at = (day: number): number =>
      forecast(
        history.filter(({ date }) => date < addDays(start, day)),
        day,
      ).assets.find(({ assetId }) => assetId === 'once')?.expectedBytes ?? 0;
    expect(at(1)).toBe(1_000);
    expect(at(7)).toBeLessThan(160);
    expect(at(14)).toBeLessThan(at(7));
    expect(at(14)).toBeGreaterThan(0);
  });

  it('takes a day without any report as missing, and one without the asset as zero', () => {
    const withGap = [0, 1, 2, 6].flatMap((day) => [row('a', day, 700), row('b', day, 700_000)]);
    expect(forecast(withGap, 7).assets.find(({ assetId }) => assetId === 'a')?.expectedBytes).toBe(700);
    const quiet = [...withGap, row('b', 3, 700_000), row('b', 4, 700_000), row('b', 5, 700_000)];
    const result = forecast(quiet, 7);
    expect(result.assets.find(({ assetId }) => assetId === 'a')?.expectedBytes).toBeLessThan(500);
    expect(result.assets.find(({ assetId }) => assetId === 'b')?.expectedBytes).toBeCloseTo(700_000, -3);
  });

  it('follows what is recent more than what is old', () => {
    const history = days(28).map((day) => row('a', day, day < 14 ? 100 : 1_000));
    const { assets } = forecast(history, 28);
    expect(assets[0]?.expectedBytes).toBeGreaterThan(900);
    expect(assets[0]?.expectedBytes).toBeLessThan(1_250);
  });

  it('learns the weekend, and believes it only little after one week', () => {
    const weekly = (count: number) => days(count).map((day) => row('a', day, day % 7 >= 5 ? 3_000 : 1_000));
    const saturday = forecast(weekly(54), 54).expectedBytes;
    const monday = forecast(weekly(56), 56).expectedBytes;
    expect(saturday).toBeGreaterThan(2_300);
    expect(monday).toBeLessThan(1_300);
    const early = forecast(weekly(12), 12).expectedBytes;
    expect(early).toBeLessThan(saturday);
  });

  it('never looks at the day it forecasts, nor behind it', () => {
    const past = days(10).map((day) => row('a', day, 1_000 + day));
    const future = [row('a', 10, 9e9), row('b', 10, 9e9), row('a', 12, 9e9)];
    expect(forecast([...past, ...future], 10)).toEqual(forecast(past, 10));
  });

  it.each([
    ['negative bytes', row('bad', 0, -1)],
    ['no number', row('bad', 0, Number.NaN)],
    ['infinite views', row('bad', 0, 1, Number.POSITIVE_INFINITY)],
  ])('refuses %s and names the row', (_, bad) => {
    expect(() => forecast([bad], 1)).toThrow(/bad on 2026-09-07/);
  });

  it('does not depend on the order of rows, and sums what belongs to one day', () => {
    const history = noisyHistory(5, 20);
    const halves = history.flatMap((r) => [
      { ...r, bytes: Math.floor(r.bytes / 2), views: 0 },
      { ...r, bytes: Math.ceil(r.bytes / 2) },
    ]);
    expect(forecast([...history].reverse(), 20)).toEqual(forecast(history, 20));
    expect(forecast(halves, 20)).toEqual(forecast(history, 20));
  });

  it('keeps its numbers in order for any history', () => {
    const rows = fc.array(
      fc.record({ asset: fc.constantFrom('a', 'b', 'c'), day: fc.nat(20), bytes: fc.nat(1e9), views: fc.nat(100) }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(rows, (list) => {
        const result = forecast(
          list.map((r) => row(r.asset, r.day, r.bytes, r.views)),
          15,
        );
        for (const asset of result.assets) {
          expect(asset.lowBytes).toBeLessThanOrEqual(asset.expectedBytes);
          expect(asset.highBytes).toBeGreaterThanOrEqual(asset.expectedBytes);
          expect(asset.lowBytes).toBeGreaterThanOrEqual(0);
        }
        expect(result.expectedBytes).toBe(result.assets.reduce((sum, a) => sum + a.expectedBytes, 0));
        expect(Object.values(result.score ?? {}).every((value) => Number.isFinite(value))).toBe(true);
      }),
    );
  });

  it('beats "tomorrow is like today" on noisy weeks, with an honest interval', () => {
    const { score } = forecast(noisyHistory(40, 56), 56);
    expect(score?.backtestDays).toBe(14);
    expect(score?.wape).toBeLessThan((score?.persistenceWape ?? 0) * 0.85);
    expect(Math.abs(score?.bias ?? 1)).toBeLessThan(0.1);
    expect(score?.intervalCoverage).toBeGreaterThan(0.72);
    expect(score?.intervalCoverage).toBeLessThan(0.88);
  });

  it('scores a steady history as perfect', () => {
    const { score, assets } = forecast(
      days(28).map((day) => row('a', day, 500)),
      28,
    );
    expect(score).toMatchObject({ wape: 0, bias: 0, intervalCoverage: 1, persistenceWape: 0 });
    expect(assets[0]).toMatchObject({ lowBytes: 500, highBytes: 500 });
  });

  it('counts a title nobody could know of as missed', () => {
    const history = [...days(10).map((day) => row('old', day, 1_000)), row('new', 9, 1_000)];
    const { score } = forecast(history, 10);
    expect(score?.backtestDays).toBe(5);
    expect(score?.wape).toBeGreaterThanOrEqual(1_000 / 6_000 - 0.01);
  });
});

describe('sumByLocalDay', () => {
  it('sums UTC hours into days of the region', async () => {
    const hour = (day: string, at: number | null, bytes: number) => ({
      regionId: 'r',
      assetId: 'a',
      day,
      hour: at,
      views: 1,
      bytes,
    });
    const rows = [
      hour('2026-11-19', 14, 1),
      hour('2026-11-19', 15, 10),
      hour('2026-11-20', 14, 100),
      hour('2026-11-20', 15, 1_000),
      hour('2026-11-20', null, 10_000),
    ];
    expect(await sumByLocalDay(rows, 'Asia/Tokyo', '2026-11-20')).toEqual([
      { assetId: 'a', date: '2026-11-19', views: 1, bytes: 1 },
      { assetId: 'a', date: '2026-11-20', views: 3, bytes: 10_110 },
    ]);
  });
});
