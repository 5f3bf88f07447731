import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AssetForecast, FillPlan, Forecast } from '../fill.ts';
import type { Appliance, Region } from '../fleet.ts';
import type { FileRole, Manifest, ManifestFile } from '../manifest.ts';
import { rankAppliances } from '../routing/rendezvous.ts';
import type { HeldObject } from './candidates.ts';
import { copiesOf, usableBytes } from './limits.ts';
import { copiesInPlan, planFill } from './plan-fill.ts';
import type { PlannableVersion } from './version-files.ts';

const stamp = '2026-11-20T12:00:00.000Z';
const date = '2026-11-21';
const mega = 1_000_000;

const region = (budget: Partial<Region['budget']> = {}): Region => ({
  id: 'r',
  name: 'R',
  timeZone: 'Europe/Berlin',
  window: { start: '01:00', end: '05:00' },
  budget: { bytesPerNight: 1_000 * mega, rateBps: 1_000 * mega, ...budget },
  coverage: { networks: [], location: null },
  fillEnabled: true,
  createdAt: stamp,
  updatedAt: stamp,
});

const appliance = (id: string, capacityBytes: number, weight = 1): Appliance => ({
  id,
  regionId: 'r',
  role: 'edge',
  mode: 'active',
  publicUrl: 'http://127.0.0.1:1',
  internalUrl: 'http://127.0.0.1:1',
  capacityBytes,
  weight,
  createdAt: stamp,
  updatedAt: stamp,
});

/** A version with one audio and two video renditions unless told otherwise. */
function version(assetId: string, segments: Readonly<Record<string, readonly number[]>>): PlannableVersion {
  const file = (path: string, role: FileRole, sizeBytes: number, rendition: string | null, index: number | null) =>
    ({
      path,
      role,
      sizeBytes,
      sha256: 'ab'.repeat(32),
      contentType: 'video/mp4',
      rendition,
      index,
      startS: null,
      durationS: null,
    }) satisfies ManifestFile;
  const names = Object.keys(segments);
  const files = [
    file('master.m3u8', 'playlist', 300, null, null),
    ...names.flatMap((name) => [
      file(`${name}/playlist.m3u8`, 'playlist', 200, name, null),
      file(`${name}/init.mp4`, 'init', 700, name, null),
      ...(segments[name] ?? []).map((size, index) => file(`${name}/${index}.m4s`, 'segment', size, name, index)),
    ]),
  ];
  const manifest: Manifest = {
    schema: 1,
    assetId,
    version: 'v1',
    title: assetId,
    createdAt: stamp,
    durationS: 60,
    packaging: 'segments',
    sliceSizeBytes: 4_194_304,
    sizeBytes: files.reduce((sum, f) => sum + f.sizeBytes, 0),
    source: { sha256: 'cd'.repeat(32), sizeBytes: 1 },
    recipe: { profile: 'p', packager: 'p', encoder: 'e' },
    playlists: { hls: 'master.m3u8', dash: 'manifest.mpd' },
    renditions: names.map((id) => ({
      id,
      kind: id.startsWith('audio') ? 'audio' : 'video',
      codecs: 'x',
      bandwidthBps: (segments[id] ?? []).reduce((sum, size) => sum + size, 0),
      averageBandwidthBps: 1,
      width: null,
      height: null,
      frameRate: null,
      channels: null,
      sampleRateHz: null,
      playlist: `${id}/playlist.m3u8`,
    })),
    files,
  };
  return { manifest, manifestFile: { sizeBytes: 1_000, sha256: 'ef'.repeat(32) } };
}

const forecastOf = (demand: Readonly<Record<string, number>>): Forecast => {
  const assets = Object.entries(demand).map(
    ([assetId, expectedBytes]): AssetForecast => ({
      assetId,
      expectedBytes,
      expectedViews: 1,
      lowBytes: 0,
      highBytes: expectedBytes,
      observedDays: 1,
    }),
  );
  return {
    schema: 1,
    regionId: 'r',
    date,
    model: 'm/1',
    madeAt: stamp,
    historyUntil: null,
    historyDays: 0,
    expectedViews: assets.length,
    expectedBytes: assets.reduce((sum, a) => sum + a.expectedBytes, 0),
    score: null,
    assets,
  };
};

interface Case {
  readonly demand: Readonly<Record<string, number>>;
  readonly versions: readonly PlannableVersion[];
  readonly appliances: readonly { readonly appliance: Appliance; readonly inventory: readonly HeldObject[] }[];
  readonly budget?: Partial<Region['budget']>;
  readonly spentBytes?: number;
  readonly start?: 'now' | 'window';
  readonly frozenAt?: string;
}

const plan = (c: Case): FillPlan =>
  planFill({
    region: region(c.budget),
    date,
    run: 1,
    fillId: `r-${date}`,
    frozenAt: c.frozenAt ?? stamp,
    start: c.start ?? 'window',
    forecast: forecastOf(c.demand),
    forecastKey: `forecasts/r/${date}.json`,
    versions: c.versions,
    appliances: c.appliances,
    spentBytes: c.spentBytes ?? 0,
  });

const empty = (a: Appliance) => ({ appliance: a, inventory: [] });
const ladder = (assetId: string, scale = 1) =>
  version(assetId, {
    'video-720p': [9 * mega * scale, 9 * mega * scale],
    'video-240p': [2 * mega * scale, 2 * mega * scale],
    'audio-128k': [mega * scale, mega * scale],
  });
const keysOf = (files: readonly { readonly key: string }[]): string[] => files.map(({ key }) => key);
const reasonsOf = (p: FillPlan): Record<string, string> =>
  Object.fromEntries(p.rejected.map((r) => [`${r.assetId}:${r.reason}`, `${r.files}`]));
const inventoryOf = (v: PlannableVersion): HeldObject[] => [
  { key: `${v.manifest.assetId}/v1/asset.json`, heldBytes: v.manifestFile.sizeBytes },
  ...v.manifest.files.map((f) => ({ key: `${v.manifest.assetId}/v1/${f.path}`, heldBytes: f.sizeBytes })),
];

describe('planFill', () => {
  it('pushes asset.json first, then playlists and init, then audio and the lower rendition before the higher', () => {
    const p = plan({ demand: { a: 1e9 }, versions: [ladder('a')], appliances: [empty(appliance('e1', 1e9))] });
    expect(keysOf(p.appliances[0]?.fetch ?? [])).toEqual(
      [
        'asset.json',
        'master.m3u8',
        'audio-128k/playlist.m3u8',
        'video-240p/playlist.m3u8',
        'video-720p/playlist.m3u8',
        'audio-128k/init.mp4',
        'video-240p/init.mp4',
        'video-720p/init.mp4',
        'audio-128k/0.m4s',
        'audio-128k/1.m4s',
        'video-240p/0.m4s',
        'video-240p/1.m4s',
        'video-720p/0.m4s',
        'video-720p/1.m4s',
      ].map((path) => `a/v1/${path}`),
    );
    expect(p).toMatchObject({ plannedCoverage: 1, fetchFiles: 14, rejected: [] });
  });

  it('leaves out a title without demand, and one that is gone, and says so', () => {
    const p = plan({
      demand: { gone: 500 },
      versions: [ladder('cold')],
      appliances: [empty(appliance('e1', 1e9))],
    });
    expect(p.fetchFiles).toBe(0);
    expect(reasonsOf(p)).toEqual({ 'gone:asset-deleted': '0', 'cold:no-demand-forecast': '14' });
  });

  it('says so when no appliance can be filled', () => {
    const p = plan({ demand: { a: 500 }, versions: [ladder('a')], appliances: [] });
    expect(reasonsOf(p)).toEqual({ 'a:no-appliance': '14' });
  });

  it('places each title where the router will look for it', () => {
    const edges = ['e1', 'e2', 'e3'].map((id) => appliance(id, 1e9));
    const names = Array.from({ length: 30 }, (_, index) => `asset-${index}`);
    const p = plan({
      demand: Object.fromEntries(names.map((name) => [name, 1_000])),
      versions: names.map((name) => version(name, { v: [1_000] })),
      appliances: edges.map(empty),
    });
    for (const { applianceId, fetch } of p.appliances) {
      for (const { assetId } of fetch) expect(rankAppliances(assetId, edges)[0]?.id).toBe(applianceId);
    }
    expect(new Set(p.appliances.flatMap(({ fetch }) => fetch.map(({ assetId }) => assetId))).size).toBe(30);
  });

  it('gives a title that carries much of the load more copies', () => {
    expect(copiesOf(100, 100, 4)).toBe(4);
    expect(copiesOf(30, 100, 4)).toBe(3);
    expect(copiesOf(10, 100, 4)).toBe(1);
    expect(copiesOf(0, 0, 4)).toBe(1);
    const edges = ['e1', 'e2'].map((id) => empty(appliance(id, 1e9)));
    const p = plan({
      demand: { hot: 900, a: 50, b: 50 },
      versions: ['hot', 'a', 'b'].map((n) => ladder(n)),
      appliances: edges,
    });
    expect(p.appliances.every(({ fetch }) => fetch.some(({ assetId }) => assetId === 'hot'))).toBe(true);
    expect(Object.fromEntries(copiesInPlan(p))).toEqual({ hot: 2, a: 1, b: 1 });
    expect(p.plannedCoverage).toBe(1);
  });

  it('keeps what lies there already, and does not fetch it again', () => {
    const v = ladder('a');
    const p = plan({
      demand: { a: 1e9 },
      versions: [v],
      appliances: [{ appliance: appliance('e1', 1e9), inventory: inventoryOf(v) }],
    });
    expect(p.fetchFiles).toBe(0);
    expect(p.appliances[0]?.keep).toHaveLength(14);
    expect(p.appliances[0]?.keep[0]?.reason).toBe('already-held');
    expect(p.plannedCoverage).toBe(1);
  });

  it('fetches again a file that is held in part only', () => {
    const v = ladder('a');
    const inventory = inventoryOf(v).map((o, index) => (index === 5 ? { ...o, heldBytes: o.heldBytes - 1 } : o));
    const p = plan({ demand: { a: 1e9 }, versions: [v], appliances: [{ appliance: appliance('e1', 1e9), inventory }] });
    expect(keysOf(p.appliances[0]?.fetch ?? [])).toEqual([inventory[5]?.key]);
  });

  it('does not swap for a gain smaller than a swap costs, and does for a larger one', () => {
    const [held, coming] = [version('held', { v: [80 * mega] }), version('coming', { v: [80 * mega] })];
    const swap = (demand: number) =>
      plan({
        demand: { held: 1_000 * mega, coming: demand * mega },
        versions: [held, coming],
        appliances: [{ appliance: appliance('e1', 100 * mega), inventory: inventoryOf(held) }],
      });
    expect(swap(1_050).fetchFiles).toBe(0);
    expect(reasonsOf(swap(1_050))).toEqual({ 'coming:worth-less-than-held': '5' });
    const swapped = swap(1_200);
    expect(swapped.fetchFiles).toBe(5);
    expect(keysOf(swapped.appliances[0]?.evict ?? [])).toEqual(['held/v1/v/0.m4s']);
  });

  it('makes room by what nobody will watch before anything else', () => {
    const v = version('new', { v: [50 * mega] });
    const p = plan({
      demand: { new: 1e9 },
      versions: [v],
      appliances: [
        {
          appliance: appliance('e1', 100 * mega),
          inventory: [
            { key: 'old/v1/1.m4s', heldBytes: 40 * mega },
            { key: 'old/v1/2.m4s', heldBytes: 40 * mega },
          ],
        },
      ],
    });
    expect(keysOf(p.appliances[0]?.evict ?? [])).toEqual(['old/v1/2.m4s']);
  });

  it('counts what earlier runs brought, and names the budget where it ends', () => {
    const c = { demand: { a: 1e9 }, versions: [ladder('a')], appliances: [empty(appliance('e1', 1e9))] };
    const p = plan({ ...c, budget: { bytesPerNight: 20 * mega }, spentBytes: 13 * mega });
    expect(p.fetchBytes).toBeLessThanOrEqual(7 * mega);
    expect(p.fetchBytes).toBeGreaterThan(6 * mega);
    expect(reasonsOf(p)).toEqual({ 'a:over-night-budget': '2' });
    expect(plan({ ...c, budget: { bytesPerNight: 20 * mega }, spentBytes: 20 * mega }).fetchFiles).toBe(0);
  });

  it('plans no more than the rate brings in the window, or in what is left of it', () => {
    const c = { demand: { a: 1e9 }, versions: [ladder('a')], appliances: [empty(appliance('e1', 1e9))] };
    const slow = { rateBps: (8 * 13 * mega) / (4 * 3_600) };
    expect(plan({ ...c, budget: slow }).fetchBytes).toBeLessThanOrEqual(13 * mega);
    expect(plan({ ...c, budget: slow, frozenAt: '2026-11-21T03:00:00.000Z' }).fetchBytes).toBeLessThanOrEqual(
      3.25 * mega,
    );
    expect(plan({ ...c, budget: slow, frozenAt: '2026-11-21T05:00:00.000Z' }).fetchFiles).toBe(0);
    expect(plan({ ...c, budget: slow, start: 'now' }).plannedCoverage).toBe(1);
  });
});

const caseArbitrary: fc.Arbitrary<Case> = fc
  .record({
    sizes: fc.array(fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 6 }), { maxLength: 8 }),
    demand: fc.array(fc.nat(1e6), { minLength: 8, maxLength: 8 }),
    capacities: fc.array(fc.integer({ min: 1, max: 200_000 }), { maxLength: 4 }),
    heldShare: fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }),
    junkBytes: fc.nat(50_000),
    bytesPerNight: fc.nat(300_000),
    spentBytes: fc.nat(100_000),
  })
  .map(({ sizes, demand, capacities, heldShare, junkBytes, bytesPerNight, spentBytes }) => {
    const versions = sizes.map((list, index) => version(`a${index}`, { v: list }));
    return {
      versions,
      demand: Object.fromEntries(sizes.map((_, index) => [`a${index}`, demand[index] ?? 0])),
      appliances: capacities.map((capacityBytes, index) => {
        let stored = junkBytes;
        const inventory = [{ key: 'junk/v1/x.m4s', heldBytes: junkBytes }];
        const wanted = versions.flatMap(inventoryOf).filter((_, at) => heldShare[(at + index) % 7]);
        for (const object of wanted) {
          if (stored + object.heldBytes > capacityBytes) continue;
          inventory.push(object);
          stored += object.heldBytes;
        }
        return { appliance: appliance(`e${index}`, capacityBytes), inventory };
      }),
      budget: { bytesPerNight },
      spentBytes,
    };
  });

describe('planFill, for any input', () => {
  it('keeps every hard limit and contradicts itself nowhere', () => {
    fc.assert(
      fc.property(caseArbitrary, (c) => {
        const p = plan(c);
        expect(p.fetchBytes).toBeLessThanOrEqual(Math.max(0, (c.budget?.bytesPerNight ?? 0) - (c.spentBytes ?? 0)));
        for (const one of p.appliances) {
          const inventory = new Map(
            c.appliances
              .find(({ appliance: a }) => a.id === one.applianceId)
              ?.inventory.map((o) => [o.key, o.heldBytes]),
          );
          const stored = [...inventory.values()].reduce((sum, bytes) => sum + bytes, 0);
          const bytes = (files: readonly { readonly sizeBytes: number }[]) =>
            files.reduce((sum, f) => sum + f.sizeBytes, 0);
          expect(bytes(one.keep) + bytes(one.fetch)).toBeLessThanOrEqual(usableBytes(one.capacityBytes));
          if (stored <= one.capacityBytes) {
            const partly = one.fetch.reduce((sum, f) => sum + (inventory.get(f.key) ?? 0), 0);
            expect(stored + bytes(one.fetch) - partly - bytes(one.evict)).toBeLessThanOrEqual(one.capacityBytes);
          }
          const mentioned = [...keysOf(one.fetch), ...keysOf(one.keep), ...keysOf(one.evict)];
          expect(new Set(mentioned).size).toBe(mentioned.length);
          expect(one.keep.every((f) => inventory.get(f.key) === f.sizeBytes)).toBe(true);
          expect(one.evict.every(({ key }) => inventory.has(key))).toBe(true);
          const cheapest = Math.min(...one.fetch.map(({ value }) => value));
          const dearest = Math.max(...one.evict.map(({ value }) => value));
          if (one.fetch.length > 0 && one.evict.length > 0) expect(dearest).toBeLessThanOrEqual(cheapest);
          const manifests = new Set(
            [...keysOf(one.keep), ...keysOf(one.fetch)]
              .filter((key) => key.endsWith('/asset.json'))
              .map((key) => key.split('/')[0]),
          );
          for (const { assetId } of one.fetch) expect(manifests.has(assetId)).toBe(true);
        }
        expect(p.plannedCoverage).toBeGreaterThanOrEqual(0);
        expect(p.plannedCoverage).toBeLessThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
  });

  it('accounts for every expected byte: planned, or left out with a reason', () => {
    fc.assert(
      fc.property(caseArbitrary, (c) => {
        const p = plan(c);
        const planned = p.appliances
          .flatMap((a) => [...a.keep, ...a.fetch])
          .reduce((sum, f) => sum + f.expectedBytes, 0);
        const rejected = p.rejected.reduce((sum, r) => sum + r.expectedBytes, 0);
        expect(Math.abs(planned + rejected - p.expectedBytes)).toBeLessThanOrEqual(1 + p.rejected.length);
      }),
    );
  });

  it('is the same whatever the order of its inputs', () => {
    fc.assert(
      fc.property(caseArbitrary, (c) => {
        const turned = { ...c, versions: [...c.versions].reverse(), appliances: [...c.appliances].reverse() };
        expect(plan(turned)).toEqual(plan(c));
      }),
      { numRuns: 50 },
    );
  });

  it('comes within a few per cent of the best choice on small cases', () => {
    const asset = fc.record({
      demand: fc.integer({ min: 1, max: 1e6 }),
      sizes: fc.array(fc.integer({ min: 3_000, max: 6_000 }), { minLength: 2, maxLength: 4 }),
    });
    const worst = { share: 1, sum: 0, cases: 0 };
    fc.assert(
      fc.property(
        fc.array(asset, { minLength: 2, maxLength: 3 }),
        fc.integer({ min: 30_000, max: 60_000 }),
        (assets, capacity) => {
          const p = plan({
            demand: Object.fromEntries(assets.map(({ demand }, index) => [`a${index}`, demand])),
            versions: assets.map(({ sizes }, index) => version(`a${index}`, { v: sizes })),
            appliances: [empty(appliance('e', capacity))],
          });
          const share = (p.plannedCoverage * p.expectedBytes) / bestBytes(assets, usableBytes(capacity));
          worst.share = Math.min(worst.share, share);
          worst.sum += share;
          worst.cases += 1;
        },
      ),
      { numRuns: 150, seed: 11 },
    );
    expect(worst.sum / worst.cases).toBeGreaterThan(0.98);
    expect(worst.share).toBeGreaterThan(0.85);
  });
});

/** Tries every set of segments; a title's base files (2,200 bytes) are needed for any of them. */
function bestBytes(assets: readonly { demand: number; sizes: readonly number[] }[], room: number): number {
  const baseBytes = 2_200;
  const options = assets.map(({ demand, sizes }) => {
    const whole = baseBytes + sizes.reduce((sum, size) => sum + size, 0);
    return Array.from({ length: 2 ** sizes.length }, (_, mask) => {
      const size = sizes.reduce((sum, one, bit) => sum + (mask & (1 << bit) ? one : 0), mask ? baseBytes : 0);
      return { size, worth: (demand * size) / whole };
    });
  });
  const best = (index: number, left: number): number =>
    (options[index] ?? []).reduce(
      (most, { size, worth }) => (size <= left ? Math.max(most, worth + best(index + 1, left - size)) : most),
      0,
    );
  return best(0, room);
}
