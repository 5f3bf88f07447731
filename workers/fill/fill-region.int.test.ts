import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { manifestName } from '../../shared/domain/keys.ts';
import { noCount } from '../../shared/domain/reporting/fill-report.ts';
import { windowFor } from '../../shared/domain/time/fill-window.ts';
import {
  clockFrom,
  type FillNight,
  makeFillNight,
  nightDate,
  segments,
  soon,
} from '../../shared/testing/fill-night.ts';
import { type FillWorkerOptions, runFill } from './testing/run-fill.ts';

// Against hanging only: how long it takes is the machine's.
vi.setConfig({ testTimeout: 150_000, hookTimeout: 150_000 });

let night: FillNight;

beforeEach(async () => {
  night = await makeFillNight();
});
afterEach(() => night.dispose());

const run = (fillId: string, over: FillWorkerOptions = {}, signal?: AbortSignal) =>
  runFill(night, fillId, over, signal);

describe('fill-region', () => {
  it('pushes what is planned, asset.json before anything else, and reports it', async () => {
    await night.addEdges(2);
    const fill = await night.freeze({ a: segments(5, 50_000), b: segments(3, 40_000) });
    expect(await run(fill.id)).toEqual({ state: 'completed' });

    const { appliances, ...rest } = await night.report();
    expect(rest).toMatchObject({
      state: 'completed',
      planned: fill.planned,
      pushed: fill.planned,
      failed: noCount,
      failures: [],
      forecastCoverage: 1,
    });
    expect(rest.meanRateBps).toBeGreaterThan(0);
    expect(appliances.map(({ applianceId }) => applianceId)).toEqual(['e0', 'e1']);
    for (const edge of night.edges) {
      const seen = new Set<string>();
      for (const { key, status } of edge.puts) {
        expect(status).toBe(201);
        const version = key.split('/').slice(0, 2).join('/');
        if (!seen.has(version)) expect(key).toBe(`${version}/${manifestName}`);
        seen.add(version);
      }
      expect([...edge.pinned].sort()).toEqual([...edge.held.keys()].sort());
    }
    expect(await night.fill(fill.id)).toMatchObject({
      state: 'completed',
      pushed: fill.planned,
      message: null,
      rateBps: 0,
    });
  });

  it('sends nothing that is held, and does nothing for a fill that has ended', async () => {
    const fill = await night.freeze({ a: segments(4, 30_000) });
    await run(fill.id);
    const pushes = night.edge(0).puts.length;
    await run(fill.id);
    expect(night.edge(0).puts.length).toBe(pushes);

    const held = [...night.edge(0).held];
    const second = await night.freeze({ c: segments(2, 10_000) }, { run: 2 });
    for (const [key, bytes] of held) night.edge(0).held.set(key, bytes);
    await run(second.id);
    const result = await night.report();
    expect(result.run).toBe(2);
    expect(result.skipped.files).toBe(7);
    expect(result.pushed.files).toBe(5);
  });

  it('sends no more than the rate allows, over all parallel pushes, and says how fast it was', async () => {
    await night.addEdges(2);
    const rateBps = 16e6;
    const fill = await night.freeze({ a: segments(16, 500_000) }, { budget: { rateBps } });
    const startMs = performance.now();
    expect(await run(fill.id, { parallelPushes: 6 })).toEqual({ state: 'completed' });
    // By any time since the beginning: a slow machine only makes it less. That it is no less either is tested without one.
    let bytes = 0;
    for (const arrival of night.edges.flatMap((edge) => edge.arrivals).sort((a, b) => a.atMs - b.atMs)) {
      bytes += arrival.bytes;
      const allowedMs = arrival.atMs - startMs + 150;
      expect(bytes, `after ${Math.round(arrival.atMs - startMs)} ms`).toBeLessThanOrEqual(
        (rateBps / 8_000) * allowedMs,
      );
    }
    const { meanRateBps, sentBytes = 0 } = await night.report();
    expect(bytes).toBe(sentBytes);
    expect(meanRateBps / rateBps).toBeLessThan(1.05);
  });

  it('stops at the end of the window and says what is left', async () => {
    const fill = await night.freeze({ a: segments(200, 100_000) }, { start: 'window', budget: { rateBps: 8e6 } });
    const { endMs } = windowFor(nightDate, { start: '01:00', end: '05:00' }, 'Europe/Berlin');
    const clock = clockFrom(endMs - 3_600_000);
    const running = run(fill.id, { clock });
    // Not only stored there: whoever is stopped before the answer comes cannot count it.
    await expect.poll(async () => (await night.fill(fill.id)).pushed.files, soon).toBeGreaterThan(4);
    clock.moveTo(endMs);
    expect(await running).toEqual({ state: 'incomplete' });
    const result = await night.report();
    expect(result.pushed.files).toBeGreaterThan(3);
    expect(result.failed.files).toBeGreaterThan(3);
    expect(new Set(result.failures.map(({ reason }) => reason))).toEqual(new Set(['window-ended']));
    expect(result.pushed.files + result.failed.files).toBe(result.planned.files);
    expect(result.forecastCoverage).toBeLessThan(0.9);
    await delay(300);
    // What had left by then may arrive later, and nothing else.
    expect(night.edge(0).arrivals.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(
      result.sentBytes ?? 0,
    );
    expect((await night.fill(fill.id)).message).toContain('window-ended');
  });

  it('waits for the window, and sends nothing before it opens', async () => {
    const fill = await night.freeze({ a: segments(2, 1_000) }, { start: 'window' });
    const { startMs } = windowFor(nightDate, { start: '01:00', end: '05:00' }, 'Europe/Berlin');
    const clock = clockFrom(startMs - 3_600_000);
    const running = run(fill.id, { clock });
    await expect.poll(async () => (await night.fill(fill.id)).state, soon).toBe('paused-window');
    expect(night.edge(0).arrivals).toEqual([]);
    clock.moveTo(startMs);
    expect(await running).toEqual({ state: 'completed' });
  });

  it('spends no more than the night allows, over all runs of the date and all retries', async () => {
    const first = await night.freeze({ a: segments(10, 100_000) }, { budget: { bytesPerNight: 620_000 } });
    expect(first.planned.bytes).toBeLessThanOrEqual(620_000);
    night.edge(0).faults.refuse = (key) => (key.endsWith('/2.m4s') ? 422 : null);
    await run(first.id);
    const arrived = (): number => night.edge(0).arrivals.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(arrived()).toBeLessThanOrEqual(620_000);
    const { sentBytes, rateCurve = [] } = await night.fill(first.id);
    expect(sentBytes).toBe(arrived());
    expect(rateCurve.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(arrived());

    night.edge(0).faults.refuse = () => null;
    const second = await night.freeze({ b: segments(10, 100_000) }, { run: 2, budget: { bytesPerNight: 900_000 } });
    const before = arrived();
    expect(await run(second.id)).toEqual({ state: 'incomplete' });
    expect(arrived()).toBeLessThanOrEqual(900_000);
    expect(arrived()).toBeGreaterThan(before);
    expect((await night.report()).failures.every(({ reason }) => reason === 'night-budget-spent')).toBe(true);
  });

  it('sends of a large file only the slices that are missing', async () => {
    const fill = await night.freeze({ a: [10 * 1024 * 1024] });
    night.edge(0).held.set('a/v1/video-360p/0.m4s', 4 * 1024 * 1024);
    expect(await run(fill.id)).toEqual({ state: 'completed' });
    expect(night.edge(0).held.get('a/v1/video-360p/0.m4s')).toBe(10 * 1024 * 1024);
    const sent = night.edge(0).arrivals.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(sent).toBe(fill.planned.bytes - 4 * 1024 * 1024);
  });
});
