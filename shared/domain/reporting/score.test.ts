import { describe, expect, it } from 'vitest';
import { appliance, empty, forecastOf, plan as planOf, version } from '../../testing/plan-case.ts';
import { carriedOut, scoredDate, tariff } from '../../testing/scored-day.ts';
import type { DailyDemand, ServiceRow } from '../demand.ts';
import { addDays } from '../time/local-time.ts';
import { accuracyByClass, calibrationOf, classesBefore } from './accuracy.ts';
import { actionsOf } from './failures.ts';
import { makeClassifier } from './miss-taxonomy.ts';
import { placementFor, plannedSizes } from './placement.ts';
import { type SavingsInput, savingsOf } from './savings.ts';
import { makeStepsOf } from './watched-shares.ts';

describe('sizes of titles', () => {
  it('count one copy, for a title that is everywhere too', () => {
    const versions = [version('a0', { v: [1_000, 2_000] }), version('a1', { v: [500] })];
    const demand = { a0: 1e6, a1: 10 };
    const appliances = [empty(appliance('e0', 1e6)), empty(appliance('e1', 1e6))];
    const sizes = plannedSizes(planOf({ versions, demand, appliances }), forecastOf(demand));
    for (const one of versions) {
      const { assetId, sizeBytes } = one.manifest;
      expect(sizes.get(assetId)?.sizeBytes).toBe(sizeBytes + one.manifestFile.sizeBytes);
    }
    expect(sizes.get('a0')?.copies).toBe(2);
  });
});

describe('the taxonomy of misses', () => {
  const versions = ['p', 'q', 'n'].map((id) => version(id, { v: [1_000] }));
  const plan = planOf({
    versions,
    demand: { p: 1e6, q: 1e6, gone: 5 },
    appliances: [empty(appliance('e0', 1e6)), empty(appliance('e1', 1e6))],
  });
  const place = (assetId: string): string =>
    plan.appliances.find(({ fetch }) => fetch.some((file) => file.assetId === assetId))?.applianceId ?? '';
  const classify = makeClassifier(plan, forecastOf({ p: 1e6, q: 1e6, gone: 5 }), {
    failures: [{ applianceId: place('q'), key: 'q/v1/x', sizeBytes: 1, reason: 'appliance-full', detail: '' }],
  });
  const row = (assetId: string, cause: ServiceRow['cause'], applianceId = place(assetId)): ServiceRow => ({
    day: scoredDate,
    hour: 1,
    assetId,
    applianceId,
    cause,
    bytes: 1,
    firstUseBytes: 0,
  });

  it.each<[string, ServiceRow, string]>([
    ['nobody expected it', row('n', 'unseen', 'e0'), 'never-forecast'],
    ['it was expected and not published any more', row('gone', 'unseen', 'e0'), 'never-planned'],
    ['another part of it was planned here', row('p', 'unseen'), 'never-planned'],
    ['it had not come yet', row('p', 'late'), 'planned-late'],
    ['it did not come because the disk was full', row('q', 'late'), 'health'],
    ['its appliance did not serve', row('p', 'unseen', 'e9'), 'health'],
    ['it was given up', row('n', 'evicted', 'e0'), 'evicted'],
    ['it was deleted', row('n', 'purged', 'e0'), 'purge'],
    ['its version had just come', row('n', 'replaced', 'e0'), 'purge'],
    ['it was damaged', row('p', 'lost'), 'other'],
  ])('%s', (_, of, expected) => expect(classify(of)).toBe(expected));
});

describe('a placement', () => {
  const sizes = new Map(['a', 'b'].map((id) => [id, { sizeBytes: 1_000, copies: 1 }]));
  const expected = new Map([
    ['a', 3_000],
    ['b', 2_000],
  ]);
  const shares = (curve: readonly number[]) =>
    Object.fromEntries(
      placementFor(expected, sizes, 1_000, makeStepsOf({ days: 7, hours: 100, curve, mix: {}, assets: [] })),
    );

  it('holds all of the most wanted title where every byte is watched alike', () => {
    expect(shares(new Array(20).fill(1))).toEqual({ a: 1 });
  });

  it('holds the first halves of two where nobody gets further', () => {
    expect(shares(Array.from({ length: 20 }, (_, bin) => (bin < 10 ? 2 : 0)))).toEqual({ a: 1, b: 1 });
  });

  it('holds the beginnings of more titles where most leave early', () => {
    const found = shares(Array.from({ length: 20 }, (_, bin) => (bin < 5 ? 3 : 1 / 3)));
    expect(found.a).toBeGreaterThan(0.75);
    expect(found.b).toBeCloseTo(0.75, 6);
  });
});

describe('accuracy', () => {
  const day = (assetId: string, on: string, bytes: number): DailyDemand => ({ assetId, date: on, views: 1, bytes });

  it('parts titles by what was watched before, never by the day itself', () => {
    const before = addDays(scoredDate, -1);
    const demand = [day('h', before, 50), day('t', before, 40), day('l', before, 10), day('x', scoredDate, 1_000)];
    expect(Object.fromEntries(classesBefore(demand, scoredDate))).toEqual({ h: 'head', t: 'torso', l: 'tail' });
  });

  it('tells error, bias and how well the intervals held', () => {
    const { assets } = forecastOf({ h: 100, l: 10 });
    const actual = new Map([
      ['h', 80],
      ['new', 20],
    ]);
    const classes = new Map([
      ['h', 'head'],
      ['l', 'tail'],
    ] as const);
    const found = accuracyByClass(assets, actual, classes);
    expect(found.map(({ seriesClass, wape, bias }) => [seriesClass, wape, bias])).toEqual([
      ['head', 0.25, 0.25],
      ['tail', null, null],
      ['new', 1, -1],
    ]);
    expect(calibrationOf(assets, actual)).toEqual([{ level: 0.8, forecasts: 2, inside: 2, share: 1 }]);
  });
});

describe('money', () => {
  it('is what was not carried twice, at the price of day and night', () => {
    const served = [
      { outcome: 'hit-disk', bytes: 6e9 },
      { outcome: 'pull-peer', bytes: 1e9 },
      { outcome: 'pull-origin', bytes: 2e9 },
      { outcome: 'coalesced', bytes: 1e9 },
    ];
    const of = (over: Partial<SavingsInput>) =>
      savingsOf({ tariff, served, answers: served, filledBytes: 4e9, usedBytes: null, ...over });
    const { withoutCost, pullCost, fillCost, saved } = of({});
    expect([withoutCost, pullCost, fillCost, saved]).toEqual([20, 4, 2, 14]);
    expect(of({ answers: [...served, { outcome: 'top-up', bytes: 1e9 }] }).saved).toBe(12);
    expect(of({ served: [], answers: [], filledBytes: 1e9 }).saved).toBe(-0.5);
  });

  it('counts what crossed where appliances tell it, rather than what viewers got of it', () => {
    const served = [{ outcome: 'pull-origin', bytes: 2e9 }];
    const answers = [...served, { outcome: 'top-up', bytes: 1e9 }, { outcome: 'crossed', bytes: 5e9 }];
    const found = savingsOf({ tariff, served, answers, filledBytes: 0, usedBytes: 0 });
    expect(found).toMatchObject({ pulledBytes: 5e9, withoutCost: 4, pullCost: 10, saved: -6 });
  });

  it('credits a fill with one crossing for each byte that was used, however often', () => {
    const served = [{ outcome: 'hit-disk', bytes: 60e9 }];
    const found = savingsOf({ tariff, served, answers: served, filledBytes: 4e9, usedBytes: 3e9 });
    expect(found.savedByFill).toBe(3 * 2 - 4 * 0.5);
    expect(savingsOf({ tariff, served, answers: served, filledBytes: 4e9, usedBytes: 9e9 }).savedByFill).toBe(6);
  });
});

describe('what to do', () => {
  it('is said once for each reason, the most bytes first', () => {
    const plan = planOf({
      versions: [version('p', { v: [1_000, 5_000] })],
      demand: { p: 1e6 },
      appliances: [empty(appliance('e0', 1e6))],
    });
    const { report } = carriedOut(plan, [false]);
    const [action] = actionsOf(report);
    expect(action).toMatchObject({
      reason: 'window-ended',
      files: plan.fetchFiles,
      bytes: plan.fetchBytes,
      appliances: ['e0'],
    });
    expect(action?.mend).toMatch(/nightfill regions set/);
  });
});
