import { describe, expect, it } from 'vitest';
import { type DemandRow, positionBins } from '../demand.ts';
import type { Region } from '../fleet.ts';
import { makeRandom } from '../forecasting/popularity/random.ts';
import { addDays } from '../time/local-time.ts';
import { asksOf } from './asks.ts';
import { askBounds, type DecideRoomInput, decideRoom, sampleBounds } from './decide-room.ts';
import { chooseShare, type PulledRoom } from './pulled-room.ts';
import { makeLogSampler } from './sampled-log.ts';

const region: Region = {
  id: 'r',
  name: 'R',
  timeZone: 'Europe/Berlin',
  window: { start: '01:00', end: '05:00' },
  budget: { bytesPerNight: 1e12, rateBps: 1e12 },
  coverage: { networks: [], location: null },
  fillEnabled: true,
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
};
const from = '2026-10-25';
const hourlyViews = 12;
const titleBytes = 12_000_000;

/** Views of titles of the same size, each a fifth of it; `pick` says which title a view is of. */
function demand(days: number, viewsAnHour: number, pick: (day: number, random: () => number) => string): DemandRow[] {
  const random = makeRandom(7);
  return Array.from({ length: days * 24 }, (_, at) => {
    const day = Math.floor(at / 24);
    const views = Array.from({ length: viewsAnHour }, () => pick(day, random));
    return [...Map.groupBy(views, (id) => id)].map(([assetId, { length }]) => ({
      regionId: 'r',
      assetId,
      day: addDays(from, day),
      hour: at % 24,
      views: length,
      bytes: length * (titleBytes / 5),
    }));
  }).flat();
}

/** Of `titles`, the lower numbers more often. */
const zipf = (titles: number, random: () => number): number => Math.min(titles - 1, Math.floor(titles ** random()) - 1);

const steady = (days: number) => demand(days, hourlyViews, (_, random) => `t${zipf(200, random)}`);
/** Half of each day's views are of titles that came that day. */
const churning = (days: number) =>
  demand(days, hourlyViews, (day, random) =>
    random() < 0.5 ? `new-${day}-${zipf(30, random)}` : `t${zipf(200, random)}`,
  );

function decide(rows: readonly DemandRow[], over: Partial<DecideRoomInput> = {}): PulledRoom | null {
  const sampler = makeLogSampler(sampleBounds);
  for (const row of rows) sampler.add(row);
  const work = decideRoom({
    region,
    decidedAt: `${addDays(from, 28)}T00:00:00.000Z`,
    until: rows.at(-1)?.day ?? from,
    log: sampler.read(),
    sizeOf: () => titleBytes,
    audience: null,
    capacityBytes: 30 * titleBytes,
    present: 0.1,
    ...over,
  });
  for (let step = work.next(); ; step = work.next()) if (step.done) return step.value;
}

const anyOrder = <T>(list: readonly T[]): T[] => {
  const random = makeRandom(3);
  return list
    .map((one) => ({ one, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ one }) => one);
};

describe('the room for pulled slices', () => {
  it('stays small where demand is steady', () => {
    const room = decide(steady(14));
    expect(room?.share).toBeLessThanOrEqual(0.1);
    expect(room).toMatchObject({ days: 14, countedDays: 8, before: 0.1, sampledShare: 1 });
    expect(room?.results.map(({ share }) => share)).toEqual([0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 0.9]);
  });

  it('need not grow where half of each day’s demand is for titles that no forecast has seen: plans leave those alone', () => {
    const room = decide(churning(14));
    const ratio = (share: number) => room?.results.find((one) => one.share === share)?.byteHitRatio ?? 0;
    expect(ratio(0.9)).toBeGreaterThan(0.3);
    expect(Math.abs(ratio(0.9) - ratio(0.1))).toBeLessThan(0.005);
    expect(room).toMatchObject({ share: 0.1 });
  });

  it('is the same from the same log in any order, also by how far viewers get', () => {
    const rows = churning(8);
    const curve = Array.from({ length: positionBins }, (_, bin) => 1 + positionBins - bin);
    const over = { until: addDays(from, 7), audience: { hours: 100, days: 7, curve, mix: {}, assets: [] } };
    expect(decide(anyOrder(rows), over)).toEqual(decide(rows, over));
  });

  it('is not decided from less than a week, or without a disk', () => {
    expect(decide(steady(28).filter(({ day }) => day > addDays(from, 21)))).toBeNull();
    expect(decide(steady(8), { capacityBytes: 0, until: addDays(from, 7) })).toBeNull();
  });
});

describe('the choice of a share', () => {
  const days = (...hits: readonly number[]) =>
    hits.map((hitBytes, at) => ({ date: addDays(from, at), servedBytes: 1_000, hitBytes }));
  const replays = (shares: Readonly<Record<number, readonly number[]>>) =>
    new Map(Object.entries(shares).map(([share, hits]) => [Number(share), days(...hits)]));

  it('does not move for little, nor for what only one day gains', () => {
    expect(chooseShare(0.1, replays({ 0.1: [500, 510, 490], 0.2: [503, 513, 493] })).share).toBe(0.1);
    expect(chooseShare(0.1, replays({ 0.1: [500, 500, 500], 0.2: [495, 495, 560] })).share).toBe(0.1);
  });

  it('moves no further than it must', () => {
    const same = { 0.1: [500, 510, 490], 0.2: [560, 572, 549], 0.35: [563, 574, 552] };
    expect(chooseShare(0.1, replays(same)).share).toBe(0.2);
    expect(chooseShare(0.35, replays(same)).share).toBe(0.35);
  });

  it('keeps what an operator set before, if nothing is better', () => {
    expect(chooseShare(0.15, replays({ 0.1: [500, 510], 0.15: [501, 511] }))).toMatchObject({ share: 0.15 });
  });
});

describe('the sampled log', () => {
  const large = Array.from({ length: 9_000 }, (_, asset) =>
    Array.from(
      { length: 12 },
      (_each, at): DemandRow => ({
        regionId: 'r',
        assetId: `a${asset}`,
        day: addDays(from, at),
        hour: asset % 24,
        views: 3,
        bytes: 30_000_000,
      }),
    ),
  ).flat();
  const sampleOf = (rows: readonly DemandRow[]) => {
    const sampler = makeLogSampler(sampleBounds);
    for (const row of rows) sampler.add(row);
    return sampler.read();
  };

  it('keeps within its bounds, with whole assets, whatever the order', () => {
    const sample = sampleOf(large);
    expect(sample.share).toBe(0.25);
    expect(sample.assets.length).toBeGreaterThan(1_800);
    expect(sample.assets.length).toBeLessThanOrEqual(sampleBounds.mostAssets);
    expect(sample.assets.every(({ cells }) => cells.length === 12)).toBe(true);
    expect(sampleOf(anyOrder(large))).toEqual(sample);
  });

  it('becomes no more requests than are allowed, of as many bytes', () => {
    const sample = sampleOf(large);
    const { times, parts, counts, sizes } = asksOf(sample, {
      sizeOf: () => 2_000_000_000,
      curveOf: () => [],
      bounds: askBounds,
    });
    expect(times.length).toBeLessThanOrEqual(askBounds.mostAsks);
    expect(sizes.length).toBeLessThanOrEqual(askBounds.mostParts);
    expect(times.every((timeS, at) => timeS >= (times[at - 1] ?? 0))).toBe(true);
    const bytes = parts.reduce((sum, part, at) => sum + (sizes[part] ?? 0) * (counts[at] ?? 0), 0);
    expect(bytes / (sample.assets.length * 12 * 30_000_000)).toBeCloseTo(1, 6);
  });

  it('asks for the parts of a title as often as viewers get to them', () => {
    const sample = sampleOf(large.slice(0, 12 * 200));
    const { parts, counts, firstPart } = asksOf(sample, {
      sizeOf: () => 8 * 4_194_304,
      curveOf: () => [4, 2, 1, 1],
      bounds: { mostParts: 1e6, mostAsks: 1e6 },
    });
    expect(firstPart[1]).toBe(8);
    const asked = new Float64Array(8);
    for (const [at, part] of parts.entries()) asked[part % 8] = (asked[part % 8] ?? 0) + (counts[at] ?? 0);
    const all = asked.reduce((sum, each) => sum + each, 0);
    for (const [part, share] of [0.25, 0.25, 0.125, 0.125, 0.0625, 0.0625, 0.0625, 0.0625].entries())
      expect((asked[part] ?? 0) / all).toBeCloseTo(share, 1);
  });

  it('takes a day without hours as one hour of it', () => {
    const rows = large.slice(0, 1).flatMap((row) => [4, null].map((hour) => ({ ...row, hour })));
    expect(sampleOf(rows).assets[0]?.cells).toHaveLength(2);
  });
});
