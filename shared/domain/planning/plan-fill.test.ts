import { describe, expect, it } from 'vitest';
import {
  appliance,
  audienceOf,
  empty,
  inventoryOf,
  keysOf,
  ladder,
  mega,
  plan,
  reasonsOf,
  steepCurve,
  version,
} from '../../testing/plan-case.ts';
import { rankAppliances } from '../routing/rendezvous.ts';
import { copiesOf } from './limits.ts';
import { copiesInPlan } from './plan-fill.ts';

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

  it('brings what an operator wants first, also without demand, within the same limits', () => {
    const given = {
      demand: { a: 1e9 },
      versions: [ladder('a'), ladder('b')],
      appliances: [empty(appliance('e1', 1e9))],
    };
    const p = plan({ ...given, mustHave: new Set(['b', 'gone']) });
    const fetch = p.appliances[0]?.fetch ?? [];
    expect(fetch.slice(0, 14).every(({ assetId, reason }) => assetId === 'b' && reason === 'must-have')).toBe(true);
    expect(fetch).toHaveLength(28);
    const tight = plan({ ...given, mustHave: new Set(['b']), budget: { bytesPerNight: (p.fetchBytes * 3) / 5 } });
    expect(new Set((tight.appliances[0]?.fetch ?? []).slice(0, 14).map(({ assetId }) => assetId))).toEqual(
      new Set(['b']),
    );
    expect(tight.fetchBytes).toBeLessThanOrEqual((p.fetchBytes * 3) / 5);
  });

  it('takes the beginnings of many titles where viewers leave early, and whole titles where they stay', () => {
    const names = ['a', 'b', 'c', 'd'];
    const given = {
      demand: { a: 100 * mega, b: 90 * mega, c: 80 * mega, d: 70 * mega, elsewhere: 2_000 * mega },
      versions: names.map((name) => version(name, { v: Array.from({ length: 40 }, () => 100_000) })),
      appliances: [empty(appliance('e1', 9 * mega))],
    };
    const files = (p: ReturnType<typeof plan>) =>
      names.map((name) => p.appliances[0]?.fetch.filter((f) => f.assetId === name && f.key.endsWith('.m4s')) ?? []);
    const staying = files(plan(given));
    expect(staying.map((list) => list.length)).toEqual([40, 40, 0, 0]);
    const leaving = files(plan({ ...given, audience: audienceOf(steepCurve) }));
    expect(leaving.every((list) => list.length > 15 && list.length < 25)).toBe(true);
    // Each from its beginning, without a gap.
    for (const list of leaving)
      expect(list.map(({ key }) => Number(/(\d+)\.m4s$/.exec(key)?.[1]))).toEqual([...list.keys()]);
  });

  it('values renditions by who chooses them, but brings the lowest and the sound first all the same', () => {
    const p = plan({
      demand: { a: 100 * mega, elsewhere: 1_000 * mega },
      versions: [ladder('a')],
      appliances: [empty(appliance('e1', 100 * mega))],
      audience: audienceOf(
        Array.from({ length: 20 }, () => 1),
        { 'v720-x': 0.9, 'v240-x': 0.1, 'a0-und': 1 },
      ),
    });
    const fetch = p.appliances[0]?.fetch ?? [];
    const worth = (rendition: string) =>
      fetch.find((f) => f.rendition === rendition && f.key.endsWith('.m4s'))?.value ?? 0;
    expect(worth('video-240p')).toBeCloseTo(worth('video-720p'), 5);
    expect(worth('audio-128k')).toBeGreaterThan(worth('video-720p'));
    const media = fetch.filter(({ key }) => key.endsWith('.m4s')).map(({ rendition }) => rendition);
    expect(media).toEqual(['audio-128k', 'audio-128k', 'video-240p', 'video-240p', 'video-720p', 'video-720p']);
    expect(fetch.reduce((sum, f) => sum + f.expectedBytes, 0)).toBeCloseTo(100 * mega, 0);
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

  it('moves no more than its share of the bytes when an appliance joins or leaves', () => {
    const names = Array.from({ length: 400 }, (_, index) => `t${index}`);
    const bytesAt = (edges: readonly string[]) => {
      const p = plan({
        demand: Object.fromEntries(names.map((name, at) => [name, 1_000 + at])),
        versions: names.map((name, at) => version(name, { v: [1_000 + 10 * at] })),
        appliances: edges.map((id) => empty(appliance(id, 1e9))),
      });
      return new Map(
        p.appliances.flatMap(({ applianceId, fetch }) => fetch.map((f) => [`${applianceId} ${f.key}`, f.sizeBytes])),
      );
    };
    const [four, five] = [bytesAt(['e1', 'e2', 'e3', 'e4']), bytesAt(['e1', 'e2', 'e3', 'e4', 'e5'])];
    const sum = (sizes: Iterable<number>) => [...sizes].reduce((all, size) => all + size, 0);
    const come = [...five].filter(([place]) => !four.has(place));
    const gone = [...four].filter(([place]) => !five.has(place));
    expect(come.every(([place]) => place.startsWith('e5 '))).toBe(true);
    // A fifth, and what chance adds with 400 titles.
    expect(sum(come.map(([, size]) => size)) / sum(five.values())).toBeLessThan(0.25);
    expect(sum(gone.map(([, size]) => size))).toBe(sum(come.map(([, size]) => size)));
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

  it('pays for what several appliances get once, and spends the rest on other titles', () => {
    const edges = ['e1', 'e2', 'e3'].map((id) => empty(appliance(id, 1e9)));
    const names = ['hot', 'a', 'b', 'c'];
    const given = {
      demand: { hot: 900, a: 30, b: 20, c: 10 },
      versions: names.map((name) => version(name, { v: [100_000] })),
      appliances: edges,
    };
    const all = plan(given);
    const title = (all.fetchBytes ?? 0) / 6;
    expect(Object.fromEntries(copiesInPlan(all))).toEqual({ hot: 3, a: 1, b: 1, c: 1 });
    expect(all.crossingBytes).toBe(4 * title);
    const short = plan({ ...given, budget: { bytesPerNight: 3 * title } });
    expect(Object.fromEntries(copiesInPlan(short))).toEqual({ hot: 3, a: 1, b: 1 });
    expect(short).toMatchObject({ crossingBytes: 3 * title, fetchBytes: 5 * title });
    // What one of them holds already crosses for none.
    const [hot] = given.versions;
    const holding = edges.map((edge, at) => (at === 1 && hot ? { ...edge, inventory: inventoryOf(hot) } : edge));
    const again = plan({ ...given, appliances: holding, budget: { bytesPerNight: title } });
    expect(Object.fromEntries(copiesInPlan(again))).toEqual({ hot: 3, a: 1 });
    expect(again).toMatchObject({ crossingBytes: title, fetchBytes: 3 * title });
    expect(plan({ ...given, appliances: holding, budget: { bytesPerNight: 0 } })).toMatchObject({
      crossingBytes: 0,
      fetchBytes: 2 * title,
    });
  });

  it('brings across nothing that another appliance holds and can lend, as when one joins', () => {
    const names = Array.from({ length: 40 }, (_, at) => `t${at}`);
    const versions = names.map((name) => version(name, { v: [100_000] }));
    const demand = Object.fromEntries(names.map((name) => [name, 1_000]));
    const [old, young] = ['e1', 'e2'].map((id) => appliance(id, 10 * mega));
    if (!old || !young) throw new Error('two');
    const inventory = versions.flatMap(inventoryOf);
    const given = { demand, versions, appliances: [{ appliance: old, inventory }, empty(young)] };
    const p = plan({ ...given, budget: { bytesPerNight: 0 } });
    const [from, to] = p.appliances;
    // Half of the titles are the young one's now; the old one may lend as many as fit into what is left to pulls.
    const title = 102_200 + 1_000;
    const lent = Math.floor((0.1 * 10 * mega) / title);
    expect(p.crossingBytes).toBe(0);
    expect(p.fetchBytes).toBeGreaterThan((lent - 1) * title);
    expect(p.fetchBytes).toBeLessThanOrEqual(0.1 * 10 * mega);
    expect(keysOf(from?.lend ?? []).toSorted()).toEqual(keysOf(to?.fetch ?? []).toSorted());
    expect(from?.evict.some(({ key }) => keysOf(from.lend).includes(key))).toBe(false);
    // With bytes to spend, the rest crosses.
    const rich = plan(given);
    expect(rich.crossingBytes).toBe(rich.fetchBytes - p.fetchBytes);
    expect(rich.fetchFiles).toBeGreaterThan(p.fetchFiles);
  });

  it('gives a further copy no room that a first one of more worth wants', () => {
    const edges = ['e1', 'e2'].map((id) => appliance(id, 150_000));
    const home = (edge: string) =>
      Array.from({ length: 99 }, (_, at) => `t${at}`).find((id) => rankAppliances(id, edges)[0]?.id === edge) ?? '';
    const [first, second] = [home('e1'), home('e2')];
    // Each disk has room for one title; a copy of the hot one is worth 300 on each.
    const p = plan({
      demand: { hot: 600, [first]: 310, [second]: 290, elsewhere: 800 },
      versions: ['hot', first, second].map((name) => version(name, { v: [100_000] })),
      appliances: edges.map(empty),
    });
    expect(Object.fromEntries(copiesInPlan(p))).toEqual({ hot: 1, [first]: 1 });
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
