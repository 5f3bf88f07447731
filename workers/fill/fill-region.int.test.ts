import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manifestName } from '../../shared/domain/keys.ts';
import { noCount } from '../../shared/domain/reporting/fill-report.ts';
import { windowFor } from '../../shared/domain/time/fill-window.ts';
import { JobAbortedError } from '../../shared/ports/job-queue.ts';
import { clockFrom, type FillNight, makeFillNight, nightDate, segments } from '../../shared/testing/fill-night.ts';
import { type FillWorkerOptions, runFill } from './testing/run-fill.ts';

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

  it('keeps the rate within 5% over ten seconds, over all parallel pushes', async () => {
    await night.addEdges(2);
    const rateBps = 16e6;
    const fill = await night.freeze({ a: segments(48, 500_000) }, { budget: { rateBps } });
    const stop = new AbortController();
    const running = run(fill.id, { parallelPushes: 6 }, stop.signal);
    const arrivals = () => night.edges.flatMap((edge) => edge.arrivals).sort((a, b) => a.atMs - b.atMs);
    await expect.poll(() => arrivals().length, { timeout: 5_000 }).toBeGreaterThan(0);
    const startMs = arrivals()[0]?.atMs ?? 0;
    await delay(startMs + 10_500 - performance.now());
    stop.abort(new JobAbortedError('cancelled'));
    await running;
    const bytes = arrivals()
      .filter(({ atMs }) => atMs - startMs <= 10_000)
      .reduce((sum, arrival) => sum + arrival.bytes, 0);
    expect((bytes * 8) / 10 / rateBps).toBeGreaterThan(0.95);
    expect((bytes * 8) / 10 / rateBps).toBeLessThan(1.05);
    const { meanRateBps, state } = await night.report();
    expect(state).toBe('cancelled');
    expect(meanRateBps / rateBps).toBeGreaterThan(0.9);
    expect(meanRateBps / rateBps).toBeLessThan(1.1);
  }, 40_000);

  it('stops at the end of the window and says what is left', async () => {
    const fill = await night.freeze({ a: segments(40, 100_000) }, { start: 'window', budget: { rateBps: 8e6 } });
    const { endMs } = windowFor(nightDate, { start: '01:00', end: '05:00' }, 'Europe/Berlin');
    const clock = clockFrom(endMs - 3_000);
    expect(await run(fill.id, { clock })).toEqual({ state: 'incomplete' });
    expect(clock.now() - endMs).toBeLessThan(1_000);
    const result = await night.report();
    expect(result.pushed.files).toBeGreaterThan(3);
    expect(result.failed.files).toBeGreaterThan(3);
    expect(new Set(result.failures.map(({ reason }) => reason))).toEqual(new Set(['window-ended']));
    expect(result.pushed.files + result.failed.files).toBe(result.planned.files);
    expect(result.forecastCoverage).toBeLessThan(0.9);
    const arrived = night.edge(0).arrivals.length;
    await delay(300);
    expect(night.edge(0).arrivals.length).toBe(arrived);
    expect((await night.fill(fill.id)).message).toContain('window-ended');
  });

  it('waits for the window, and sends nothing before it opens', async () => {
    const fill = await night.freeze({ a: segments(2, 1_000) }, { start: 'window' });
    const { startMs } = windowFor(nightDate, { start: '01:00', end: '05:00' }, 'Europe/Berlin');
    const running = run(fill.id, { clock: clockFrom(startMs - 800) });
    await expect.poll(async () => (await night.fill(fill.id)).state).toBe('paused-window');
    expect(night.edge(0).arrivals).toEqual([]);
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
