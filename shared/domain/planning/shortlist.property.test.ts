import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  appliance,
  audienceOf,
  type Case,
  inputOf,
  inventoryOf,
  steepCurve,
  version,
} from '../../testing/plan-case.ts';
import { makeValuer } from './file-values.ts';
import { type PlanInArrays, planFill, planFillOf } from './plan-fill.ts';
import { makeShortlist } from './shortlist.ts';

const media = fc.array(fc.integer({ min: 500, max: 20_000 }), { minLength: 1, maxLength: 12 });

const caseArbitrary: fc.Arbitrary<Case> = fc
  .record({
    titles: fc.array(
      fc.record({ low: media, high: media, demand: fc.integer({ min: 0, max: 1e6 }), held: fc.nat(9) }),
      { minLength: 15, maxLength: 60, size: 'max' },
    ),
    capacities: fc.array(fc.integer({ min: 20_000, max: 600_000 }), { minLength: 1, maxLength: 3 }),
    bytesPerNight: fc.integer({ min: 10_000, max: 1_000_000 }),
    audience: fc.constantFrom('none', 'steep', 'mixed'),
  })
  .map(({ titles, capacities, bytesPerNight, audience }) => {
    const versions = titles.map(({ low, high }, index) =>
      version(`a${index}`, {
        'video-240p': low,
        'video-1080p': high,
        'audio-1': low.map((size) => Math.ceil(size / 5)),
      }),
    );
    return {
      demand: Object.fromEntries(titles.map(({ demand }, index) => [`a${index}`, demand ** 2 / 1e6])),
      versions,
      appliances: capacities.map((capacityBytes, index) => ({
        appliance: appliance(`e${index}`, capacityBytes),
        inventory: versions.filter((_, at) => titles[at]?.held === index).flatMap(inventoryOf),
      })),
      budget: { bytesPerNight },
      ...(audience === 'none'
        ? {}
        : {
            audience: audienceOf(
              steepCurve,
              audience === 'mixed' ? { 'v240-x': 0.2, 'v1080-x': 0.8, 'a0-und': 1 } : {},
            ),
          }),
    };
  });

function byShortlist(c: Case): { readonly plan: PlanInArrays; readonly read: number } {
  const input = inputOf(c);
  const titles = c.versions.map((one) => ({ assetId: one.manifest.assetId, sizeBytes: sizeOf(one), one }));
  const shortlist = makeShortlist({ titles, forecast: input.forecast, appliances: c.appliances, fewest: 1 });
  const valued = makeValuer(c.audience ?? null);
  const versions: ReturnType<typeof valued>[] = [];
  for (;;) {
    versions.push(...shortlist.next().map(({ one }) => valued(one)));
    const plan = planFillOf({ ...input, versions }, shortlist.rest);
    if (plan) return { plan, read: versions.length };
  }
}

const sizeOf = ({ manifest }: Case['versions'][number]): number =>
  manifest.files.reduce((sum, file) => sum + file.sizeBytes, 0);

describe('a plan from the shortlist', () => {
  it('is the plan from all manifests, and accounts for every expected byte', () => {
    let [read, all] = [0, 0];
    fc.assert(
      fc.property(caseArbitrary, (c) => {
        const listed = byShortlist(c);
        const whole = planFill(inputOf(c));
        expect(listed.plan.appliances).toEqual(whole.appliances);
        expect(listed.plan.plannedCoverage).toBe(whole.plannedCoverage);
        const planned = listed.plan.appliances
          .flatMap(({ keep, fetch }) => [...keep, ...fetch])
          .reduce((sum, file) => sum + file.expectedBytes, 0);
        const rejected = listed.plan.rejected.reduce((sum, line) => sum + line.expectedBytes, 0);
        expect(Math.abs(planned + rejected - whole.expectedBytes)).toBeLessThanOrEqual(1 + listed.plan.rejected.length);
        read += listed.read;
        all += c.versions.length;
      }),
      { numRuns: 100, endOnFailure: true, seed: Number(process.env.FC_SEED ?? 5) },
    );
    expect(read).toBeLessThan(all);
  });

  it('reads few of many, and rejects the others by what stopped them', () => {
    const names = Array.from({ length: 500 }, (_, at) => `t${at}`);
    const c: Case = {
      demand: Object.fromEntries(names.map((name, at) => [name, Math.round(1e9 / (at + 1))])),
      versions: names.map((name) => version(name, { v: Array.from({ length: 100 }, () => 1_000) })),
      appliances: [{ appliance: appliance('e0', 2_000_000), inventory: [] }],
    };
    const { plan, read } = byShortlist(c);
    expect(read).toBeLessThan(60);
    expect(plan.appliances[0]?.fetch.length).toBeGreaterThan(1_500);
    const last = plan.rejected.find(({ assetId }) => assetId === 't499');
    expect(last).toMatchObject({ reason: 'over-capacity', files: null, expectedBytes: 2_000_000 });
    const tight = byShortlist({ ...c, budget: { bytesPerNight: 500_000 } }).plan;
    expect(tight.rejected.find(({ assetId }) => assetId === 't499')).toMatchObject({ reason: 'over-night-budget' });
  });
});
