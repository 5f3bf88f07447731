/** Several fill workers in one region's night, operators who interfere, and appliances that help each other. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { windowFor } from '../../shared/domain/time/fill-window.ts';
import {
  clockFrom,
  type FillNight,
  makeFillNight,
  nightDate,
  segments,
  soon,
} from '../../shared/testing/fill-night.ts';
import { openQueue, runFill, spawnWorker, startFillWorker } from './testing/run-fill.ts';

// Against hanging only: how long it takes is the machine's.
vi.setConfig({ testTimeout: 150_000, hookTimeout: 150_000 });

let night: FillNight;

beforeEach(async () => {
  night = await makeFillNight({ persistent: true });
});
afterEach(() => night.dispose());

const arrivals = () => night.edges.flatMap((edge) => edge.arrivals).sort((a, b) => a.atMs - b.atMs);
const arrivedBytes = (): number => arrivals().reduce((sum, { bytes }) => sum + bytes, 0);
const storedTwice = (): number =>
  night.edges.reduce((sum, { puts }) => {
    const stored = puts.filter(({ status }) => status === 201).map(({ key }) => key);
    return sum + stored.length - new Set(stored).size;
  }, 0);

describe('several fill workers', () => {
  it('share one night: neither rate nor files are doubled, also when the one that leads is killed', async () => {
    await night.addEdges(2);
    const rateBps = 16e6;
    const fill = await night.freeze({ a: segments(80, 500_000) }, { budget: { rateBps, bytesPerNight: 15e6 } });
    const plan = await night.kit.documents.getPlanOutline('r', nightDate);
    expect(plan?.crossingBytes).toBeLessThanOrEqual(15e6);
    expect(fill.planned.bytes).toBeGreaterThan(15e6);
    const children = [spawnWorker(night), spawnWorker(night)];
    const queue = openQueue(night);
    try {
      const startMs = performance.now();
      const { id } = await queue.add('fill-region', { fillId: fill.id });
      await expect.poll(arrivedBytes, soon).toBeGreaterThan(5e6);
      const exited = once(children[0] as (typeof children)[number], 'exit');
      children[0]?.kill('SIGKILL');
      await exited;
      const ended = await queue.waitFor('fill-region', id, 120_000);
      expect(ended?.state).toBe('completed');
      // By no time more than the rate, and in no night more than its bytes.
      let bytes = 0;
      for (const { atMs, bytes: more } of arrivals()) {
        bytes += more;
        expect(bytes).toBeLessThanOrEqual((rateBps / 8_000) * (atMs - startMs + 200));
      }
      expect(arrivedBytes()).toBeLessThanOrEqual(15e6);
      const report = await night.report();
      expect(report.pushed.files + report.failed.files).toBe(report.planned.files);
      expect(report.failures.every(({ reason }) => reason === 'night-budget-spent')).toBe(true);
      const held = night.edges.reduce((sum, edge) => sum + edge.held.size, 0);
      expect(report.pushed.files).toBe(held);
      expect(storedTwice()).toBe(0);
    } finally {
      for (const child of children) child.kill('SIGKILL');
      await queue.close();
    }
  });

  it('go on with the right bytes after kill -9 of Redis', async () => {
    const fill = await night.freeze({ a: segments(40, 100_000) }, { budget: { rateBps: 8e6 } });
    const worker = await startFillWorker(night);
    try {
      const { id } = await worker.jobs.add('fill-region', { fillId: fill.id });
      await expect.poll(() => night.edge(0).held.size, soon).toBeGreaterThan(10);
      await night.kit.redisKit.server.kill();
      await delay(300);
      await night.kit.redisKit.server.restart();
      const ended = await worker.jobs.waitFor('fill-region', id, 120_000);
      expect(ended).toMatchObject({ state: 'completed', result: { state: 'completed' } });
    } finally {
      await worker.close();
    }
    const report = await night.report();
    expect(report.pushed).toEqual(fill.planned);
    expect(night.edge(0).held.size).toBe(fill.planned.files);
    expect(report.sentBytes).toBeGreaterThan(fill.planned.bytes * 0.9);
  });
});

describe('a fill that is interfered with', () => {
  it('is paused and resumed while it runs, and shows it', async () => {
    const fill = await night.freeze({ a: segments(70, 100_000) }, { budget: { rateBps: 8e6 } });
    const running = runFill(night, fill.id);
    await expect.poll(() => night.edge(0).held.size, soon).toBeGreaterThan(5);
    await night.kit.documents.setFillPaused(fill.id, true);
    await expect.poll(async () => (await night.fill(fill.id)).state, soon).toBe('paused');
    await expect.poll(async () => (await night.fill(fill.id)).rateBps, soon).toBe(0);
    const held = night.edge(0).held.size;
    expect(held).toBeLessThan(fill.planned.files);
    // Longer than would be needed for more files than were on their way.
    await delay(1_500);
    expect(night.edge(0).held.size).toBeLessThanOrEqual(held + 8);
    await night.kit.documents.setFillPaused(fill.id, false);
    expect(await running).toEqual({ state: 'completed' });
    expect((await night.report()).pushed).toEqual(fill.planned);
    expect(storedTwice()).toBe(0);
  });

  it('brings nothing of an asset that is deleted while it runs', async () => {
    const fill = await night.freeze(
      { a: segments(20, 100_000), b: segments(20, 100_000) },
      { budget: { rateBps: 8e6 } },
    );
    const running = runFill(night, fill.id);
    await expect.poll(() => night.edge(0).held.size, soon).toBeGreaterThan(3);
    await night.kit.catalogue.update('b', (asset) => ({ ...asset, state: 'deleted' }));
    expect(await running).toEqual({ state: 'completed' });
    const report = await night.report();
    expect(report.failures.length).toBeGreaterThan(10);
    expect(report.failures.every(({ key, reason }) => key.startsWith('b/') && reason === 'asset-deleted')).toBe(true);
  });

  it('leaves to the next night what the window cut, and sends nothing twice then', async () => {
    const first = await night.freeze({ a: segments(100, 100_000) }, { start: 'window', budget: { rateBps: 8e6 } });
    const { endMs } = windowFor(nightDate, { start: '01:00', end: '05:00' }, 'Europe/Berlin');
    const clock = clockFrom(endMs - 3_600_000);
    const running = runFill(night, first.id, { clock });
    await expect.poll(() => night.edge(0).held.size, soon).toBeGreaterThan(4);
    clock.moveTo(endMs);
    expect(await running).toEqual({ state: 'incomplete' });
    const cut = await night.report();
    const heldAfterCut = night.edge(0).held.size;
    const second = await night.freeze({}, { run: 2 });
    expect(await runFill(night, second.id)).toEqual({ state: 'completed' });
    const rest = await night.report();
    // What was on its way at the window's end may have arrived without its answer, or later: it is there, and not sent again.
    expect(rest.skipped.files).toBeGreaterThanOrEqual(heldAfterCut);
    expect(heldAfterCut).toBeGreaterThanOrEqual(cut.pushed.files);
    expect(rest.pushed.files).toBe(rest.planned.files - rest.skipped.files);
    expect(rest.pushed.files).toBeGreaterThan(0);
    expect(rest.planned.files).toBe(cut.planned.files);
    expect(storedTwice()).toBe(0);
  });
});

describe('appliances of one region', () => {
  it('take from each other what crossed into the region once', async () => {
    await night.addEdges(3);
    const fill = await night.freeze({ a: [...segments(6, 100_000), 9 * 1024 * 1024] });
    expect(await runFill(night, fill.id)).toEqual({ state: 'completed' });
    const report = await night.report();
    const copies = report.appliances.filter(({ planned }) => planned.files > 0).length;
    expect(copies).toBe(3);
    expect(arrivedBytes()).toBe(fill.planned.bytes / copies);
    expect(report.sentBytes).toBe(fill.planned.bytes / copies);
    expect(night.edges.reduce((sum, { taken }) => sum + new Set(taken).size, 0)).toBe((fill.planned.files / 3) * 2);
    const peers = report.appliances.reduce((sum, { sources }) => sum + (sources?.peer?.bytes ?? 0), 0);
    expect(peers).toBe((fill.planned.bytes / 3) * 2);
  });

  it('lend what is another’s now: a title that moved crosses no second time, and is let go of afterwards', async () => {
    await night.addEdges(1);
    const names = Array.from({ length: 12 }, (_, at) => `title-${at}`);
    const first = await night.freeze(Object.fromEntries(names.map((name) => [name, segments(2, 20_000)])));
    expect(await runFill(night, first.id)).toEqual({ state: 'completed' });
    await night.addEdges(1);
    const second = await night.freeze({}, { run: 2, held: 'as-it-is' });
    const plan = await night.kit.documents.getPlan('r', nightDate, 2);
    expect(second.planned.files).toBeGreaterThan(0);
    expect(plan?.crossingBytes).toBe(0);
    // The most watched one is to lie on both: that is kept, and taken from there all the same.
    expect(plan?.appliances[0]?.lend?.length).toBeGreaterThan(0);
    expect(await runFill(night, second.id)).toEqual({ state: 'completed' });
    const report = await night.report(2);
    expect(report).toMatchObject({ sentBytes: 0, plannedCrossingBytes: 0, pushed: second.planned });
    expect(night.edge(1).held.size).toBe(second.planned.files);
    const lent = Array.from(plan?.appliances[0]?.lend ?? [], ({ key }) => key);
    await expect.poll(() => lent.filter((key) => night.edge(0).pinned.has(key))).toEqual([]);
  });

  it('give and take no more than the rate of peers, over all that goes on at once', async () => {
    await night.addEdges(3);
    const peerRateBps = 12e6;
    const fill = await night.freeze({ a: segments(30, 100_000) }, { budget: { peerRateBps } });
    const startMs = performance.now();
    expect(await runFill(night, fill.id)).toEqual({ state: 'completed' });
    const takes = night.edges
      .flatMap((edge, to) => edge.takes.map((take) => ({ ...take, to: `to e${to}`, from: `from ${take.from}` })))
      .sort((a, b) => a.atMs - b.atMs);
    expect(takes.reduce((sum, { bytes }) => sum + bytes, 0)).toBe((fill.planned.bytes / 3) * 2);
    // What was let through by any time, since before the first of it: a slow machine only makes it less.
    const passed = new Map<string, number>();
    for (const { atMs, bytes, from, to } of takes) {
      for (const side of [from, to]) {
        const soFar = (passed.get(side) ?? 0) + bytes;
        passed.set(side, soFar);
        const allowed = (peerRateBps / 8) * ((atMs - startMs) / 1_000 + 0.15);
        expect(soFar, `${side} after ${Math.round(atMs - startMs)} ms`).toBeLessThanOrEqual(allowed + 100_000);
      }
    }
  });

  it('take over, where viewers go next, what one cannot have', async () => {
    await night.addEdges(2);
    const names = Array.from({ length: 12 }, (_, at) => `title-${at}`);
    const fill = await night.freeze(Object.fromEntries(names.map((name) => [name, segments(2, 20_000)])));
    const single = (await night.kit.documents.getPlan('r', nightDate))?.appliances.map(({ fetch }) => fetch.length);
    expect(single?.every((files) => files > 0)).toBe(true);
    night.edge(0).faults.capacityBytes = 1_000;
    expect(await runFill(night, fill.id)).toEqual({ state: 'incomplete' });
    const report = await night.report();
    const [full, other] = report.appliances;
    expect(full?.failed.files).toBeGreaterThan(3);
    expect(other?.tookOver?.files).toBeGreaterThan(3);
    const taken = report.failures.filter(({ heldBy }) => heldBy === 'e1');
    expect(taken.length).toBe(other?.tookOver?.files);
    for (const { key } of taken) expect(night.edge(1).held.has(key)).toBe(true);
    expect((await night.fill(fill.id)).message).toContain('took');
  });
});
