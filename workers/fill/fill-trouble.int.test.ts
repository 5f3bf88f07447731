import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { noCount } from '../../shared/domain/reporting/fill-report.ts';
import { JobAbortedError } from '../../shared/ports/job-queue.ts';
import { type FillNight, makeFillNight, nightDate, segments, soon } from '../../shared/testing/fill-night.ts';
import {
  type FillWorker,
  type FillWorkerOptions,
  openQueue,
  runFill,
  spawnWorker,
  startFillWorker,
} from './testing/run-fill.ts';

// Against hanging only: how long it takes is the machine's.
vi.setConfig({ testTimeout: 150_000, hookTimeout: 150_000 });

let night: FillNight;

beforeEach(async () => {
  night = await makeFillNight();
});
afterEach(() => night.dispose());

const run = (fillId: string, over: FillWorkerOptions = {}, signal?: AbortSignal) =>
  runFill(night, fillId, over, signal);

describe('fill-region in trouble', () => {
  it('works around an appliance that is down, and one that comes back in time', async () => {
    await night.addEdges(2);
    const fill = await night.freeze({ a: segments(6, 20_000) });
    await night.edge(0).down();
    expect(await run(fill.id)).toEqual({ state: 'incomplete' });
    const result = await night.report();
    expect(result.appliances.find((a) => a.applianceId === 'e1')?.pushed.files).toBe(9);
    expect(result.appliances.find((a) => a.applianceId === 'e0')?.failed.files).toBe(9);
    expect(result.failures[0]).toMatchObject({ applianceId: 'e0', reason: 'appliance-unreachable' });

    const again = await night.freeze({ b: segments(2, 20_000) }, { run: 2 });
    const running = run(again.id, { patienceMs: { window: 60_000, now: 60_000 } });
    await expect.poll(async () => (await night.fill(again.id)).state, soon).toBe('running');
    await night.edge(0).up();
    expect(await running).toEqual({ state: 'completed' });
  });

  it('ends as failed when no appliance could be reached at all', async () => {
    const fill = await night.freeze({ a: segments(2, 1_000) });
    await night.edge(0).down();
    expect(await run(fill.id)).toEqual({ state: 'failed' });
    expect((await night.fill(fill.id)).message).toContain('see that the appliances run');
  });

  it('goes on after dropped connections and answers that say to try later', async () => {
    const fill = await night.freeze({ a: segments(6, 50_000) });
    let drops = 3;
    let busy = 3;
    night.edge(0).faults.drop = (key) => key.endsWith('/3.m4s') && drops-- > 0;
    night.edge(0).faults.refuse = (key) => (key.endsWith('/4.m4s') && busy-- > 0 ? 503 : null);
    expect(await run(fill.id, { patienceMs: { window: 60_000, now: 60_000 } })).toEqual({
      state: 'completed',
    });
    expect((await night.fill(fill.id)).sentBytes).toBeGreaterThan(fill.planned.bytes);
  });

  it('makes room by what is not planned, and says so when that is not enough', async () => {
    const fill = await night.freeze({ a: segments(5, 100_000) });
    night.edge(0).held.set('pulled/v9/1.m4s', 300_000);
    night.edge(0).faults.capacityBytes = 700_000;
    expect(await run(fill.id)).toEqual({ state: 'completed' });
    expect(night.edge(0).held.has('pulled/v9/1.m4s')).toBe(false);
    expect((await night.report()).appliances[0]?.evicted).toEqual({ files: 1, bytes: 300_000 });

    const second = await night.freeze({ b: segments(5, 100_000) }, { run: 2 });
    expect(await run(second.id)).toEqual({ state: 'incomplete' });
    expect((await night.report()).failures.every(({ reason }) => reason === 'appliance-full')).toBe(true);
  });

  it('tells damaged bytes, missing sources and deleted assets apart', async () => {
    const fill = await night.freeze({ a: segments(3, 10_000), b: segments(2, 10_000) });
    const { store } = night.ports;
    await store.put('assets/a/v1/video-360p/0.m4s', Buffer.alloc(10_000, 'x'));
    await store.delete('assets/a/v1/video-360p/1.m4s');
    await night.kit.catalogue.update('b', (asset) => ({ ...asset, state: 'deleted' }));
    expect(await run(fill.id)).toEqual({ state: 'incomplete' });
    const reasons = Object.fromEntries((await night.report()).failures.map(({ key, reason }) => [key, reason]));
    expect(reasons['a/v1/video-360p/0.m4s']).toBe('digest-mismatch');
    expect(reasons['a/v1/video-360p/1.m4s']).toBe('source-missing');
    expect(reasons['b/v1/asset.json']).toBe('asset-deleted');
    expect(night.edge(0).held.has('a/v1/video-360p/2.m4s')).toBe(true);
    expect(night.edge(0).held.has('a/v1/video-360p/0.m4s')).toBe(false);
  });

  it('shows its progress, and hands on what is left when the worker closes', async () => {
    const fill = await night.freeze({ a: segments(80, 100_000) }, { budget: { rateBps: 8e6 } });
    const stop = new AbortController();
    const running = run(fill.id, {}, stop.signal);
    const live = () => night.fill(fill.id);
    await expect.poll(async () => (await live()).pushed.files, soon).toBeGreaterThan(4);
    expect((await live()).state).toBe('running');
    await expect.poll(async () => (await live()).rateBps, soon).toBeGreaterThan(0);
    stop.abort(new JobAbortedError('worker-closing'));
    await expect(running).rejects.toThrow('worker-closing');
    expect(await night.kit.documents.getReport('r', nightDate)).toBeNull();
    expect((await live()).state).toBe('running');
    expect(await run(fill.id)).toEqual({ state: 'completed' });
    expect(await night.report()).toMatchObject({ pushed: fill.planned, skipped: noCount });
    const stored = night
      .edge(0)
      .puts.filter(({ status }) => status === 201)
      .map(({ key }) => key);
    expect(new Set(stored).size).toBe(stored.length);
  });

  it('is taken up by another worker where it stopped after kill -9, with nothing counted or stored twice', async () => {
    const fill = await night.freeze({ a: segments(40, 100_000) }, { budget: { rateBps: 8e6 } });
    const child = spawnWorker(night);
    const exited = once(child, 'exit');
    const queue = openQueue(night);
    let second: FillWorker | null = null;
    try {
      const { id } = await queue.add('fill-region', { fillId: fill.id });
      await expect.poll(() => night.edge(0).held.size, soon).toBeGreaterThan(15);
      second = await startFillWorker(night);
      child.kill('SIGKILL');
      await exited;
      const ended = await queue.waitFor('fill-region', id, 120_000);
      expect(ended).toMatchObject({ state: 'completed', result: { state: 'completed' } });
      expect(ended?.attempts).toBeGreaterThan(1);
    } finally {
      await second?.close();
      await queue.close();
    }
    expect(await night.report()).toMatchObject({ pushed: fill.planned, skipped: noCount, failed: noCount });
    const stored = night
      .edge(0)
      .puts.filter(({ status }) => status === 201)
      .map(({ key }) => key);
    expect(new Set(stored).size).toBe(stored.length);
  });
});
