import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeApplianceHttpApi } from '../../shared/adapters/appliance-http/appliance-http.ts';
import { makeBullmqJobQueue } from '../../shared/adapters/bullmq/bullmq-job-queue.ts';
import type { Fill, FillPlan } from '../../shared/domain/fill.ts';
import type { Appliance, Region } from '../../shared/domain/fleet.ts';
import { forecastRegion } from '../../shared/domain/forecasting/forecast-region.ts';
import { fillId, manifestName, storeKeys } from '../../shared/domain/keys.ts';
import type { Manifest } from '../../shared/domain/manifest.ts';
import { planFill } from '../../shared/domain/planning/plan-fill.ts';
import { noCount } from '../../shared/domain/reporting/fill-report.ts';
import { windowFor } from '../../shared/domain/time/fill-window.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { JobAbortedError, type JobContext } from '../../shared/ports/job-queue.ts';
import { type FailingAppliance, startFailingAppliance } from '../../shared/testing/failing-appliance.ts';
import { makePortsKit, type PortsKit } from '../../shared/testing/ports-kit.ts';
import { makeTestAppliance, makeTestRegion, publishTestAsset } from '../../shared/testing/published.ts';
import { quickPolicies } from '../../shared/testing/quick-policies.ts';
import { applianceCredential } from '../../shared/tokens/credentials.ts';
import { type FillRegionDeps, makeFillRegion } from './fill-region.ts';

const fleetSecret = 'a fleet secret of at least 32 characters';
const date = '2026-11-21';
const logger = pino({ level: 'silent' });
const api = makeApplianceHttpApi({ credentialOf: (id) => applianceCredential(fleetSecret, id), silenceMs: 2_000 });

let kit: PortsKit;
let edges: FailingAppliance[];
let published: Manifest[];

beforeEach(async () => {
  kit = await makePortsKit(systemClock);
  edges = [];
  published = [];
});
afterEach(async () => {
  await Promise.all(edges.map((edge) => edge.close()));
  await kit.dispose();
});

interface Night {
  readonly budget?: Partial<Region['budget']>;
  readonly run?: number;
  readonly start?: Fill['start'];
  readonly spentBytes?: number;
  readonly edgeCount?: number;
}

/** A region with edges, published assets and a frozen plan that wants all of them on every edge. */
async function freeze(assets: Readonly<Record<string, readonly number[]>>, night: Night = {}): Promise<Fill> {
  const { run = 1, start = 'now', edgeCount = 1 } = night;
  const region = makeTestRegion('r', { budget: { bytesPerNight: 1e12, rateBps: 4e9, ...night.budget } });
  await kit.fleet.putRegion(region);
  const appliances: Appliance[] = [];
  for (let at = edges.length; at < edgeCount; at += 1) {
    edges.push(await startFailingAppliance(applianceCredential(fleetSecret, `e${at}`)));
  }
  for (const [at, edge] of edges.entries()) {
    const appliance = makeTestAppliance(`e${at}`, 'r', edge.url);
    await kit.fleet.putAppliance(appliance);
    appliances.push(appliance);
  }
  const ports = { ...kit, store: kit.redisKit.store };
  for (const [id, sizes] of Object.entries(assets)) published.push(await publishTestAsset(ports, id, sizes));
  const versions = await Promise.all(
    published.map(async (manifest) => {
      const object = await ports.store.get(storeKeys.manifest(manifest.assetId, manifest.version));
      const bytes = await buffer(object?.body ?? Readable.from([]));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return { manifest, manifestFile: { sizeBytes: bytes.length, sha256 } };
    }),
  );
  const history = published.map(({ assetId }, at) => ({
    assetId,
    date: '2026-11-20',
    views: 10,
    bytes: 1e9 / (at + 1),
  }));
  const forecast = forecastRegion({ regionId: 'r', date, history, madeAt: '2026-11-20T20:00:00.000Z' });
  const plan: FillPlan = planFill({
    region,
    date,
    run,
    fillId: fillId('r', date, run),
    frozenAt: '2026-11-20T20:00:00.000Z',
    start,
    forecast,
    forecastKey: storeKeys.forecast('r', date),
    versions,
    appliances: appliances.map((appliance) => ({ appliance, inventory: [] })),
    spentBytes: night.spentBytes ?? 0,
  });
  const fill: Fill = {
    id: plan.id,
    regionId: 'r',
    date,
    run,
    state: 'scheduled',
    start,
    createdAt: '2026-11-20T20:00:00.000Z',
    startedAt: null,
    finishedAt: null,
    message: null,
    planned: { files: plan.fetchFiles, bytes: plan.fetchBytes },
    pushed: noCount,
    skipped: noCount,
    failed: noCount,
    rateBps: 0,
  };
  await kit.documents.putPlan(plan);
  await kit.documents.createFill(fill);
  return fill;
}

const handler = (over: Partial<FillRegionDeps> = {}) =>
  makeFillRegion({
    ...kit,
    store: kit.redisKit.store,
    api,
    clock: systemClock,
    logger,
    parallelPushes: 4,
    patienceMs: { window: 1_500, now: 1_500 },
    ...over,
  });

const job = (id: string, signal: AbortSignal = new AbortController().signal): JobContext<'fill-region'> => ({
  id: `fill-${id}`,
  payload: { fillId: id },
  attempt: 1,
  lastAttempt: false,
  signal,
  progress: async () => undefined,
});

const report = async () => {
  const found = await kit.documents.getReport('r', date);
  if (!found) throw new Error('no report');
  return found;
};
const fillOf = async (id: string): Promise<Fill> => {
  const found = await kit.documents.getFill(id);
  if (!found) throw new Error('no fill');
  return found;
};
const clockAt = (atMs: number): Clock => {
  const offsetMs = atMs - Date.now();
  return { now: () => Date.now() + offsetMs, sleep: systemClock.sleep };
};
const edgeAt = (at: number): FailingAppliance => {
  const edge = edges[at];
  if (!edge) throw new Error(`no edge ${at}`);
  return edge;
};
const many = (count: number, bytes: number): number[] => new Array<number>(count).fill(bytes);

describe('fill-region', () => {
  it('pushes what is planned, asset.json before anything else, and reports it', async () => {
    const fill = await freeze({ a: many(5, 50_000), b: many(3, 40_000) }, { edgeCount: 2 });
    expect(await handler()(job(fill.id))).toEqual({ state: 'completed' });

    const { appliances, ...rest } = await report();
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
    for (const edge of edges) {
      const seen = new Set<string>();
      for (const { key, status } of edge.puts) {
        expect(status).toBe(201);
        const version = key.split('/').slice(0, 2).join('/');
        if (!seen.has(version)) expect(key).toBe(`${version}/${manifestName}`);
        seen.add(version);
      }
      expect([...edge.pinned].sort()).toEqual([...edge.held.keys()].sort());
    }
    expect(await fillOf(fill.id)).toMatchObject({
      state: 'completed',
      pushed: fill.planned,
      message: null,
      rateBps: 0,
    });
  });

  it('sends nothing that is held, and does nothing for a fill that has ended', async () => {
    const fill = await freeze({ a: many(4, 30_000) });
    await handler()(job(fill.id));
    const pushes = edgeAt(0).puts.length;
    await handler()(job(fill.id));
    expect(edgeAt(0).puts.length).toBe(pushes);

    const held = [...edgeAt(0).held];
    const second = await freeze({ c: many(2, 10_000) }, { run: 2 });
    for (const [key, bytes] of held) edgeAt(0).held.set(key, bytes);
    await handler()(job(second.id));
    const result = await report();
    expect(result.run).toBe(2);
    expect(result.skipped.files).toBe(7);
    expect(result.pushed.files).toBe(5);
  });

  it('keeps the rate within 5% over ten seconds, over all parallel pushes', async () => {
    const rateBps = 16e6;
    const fill = await freeze({ a: many(48, 500_000) }, { edgeCount: 2, budget: { rateBps } });
    const stop = new AbortController();
    const running = handler({ parallelPushes: 6 })(job(fill.id, stop.signal));
    const arrivals = () => edges.flatMap((edge) => edge.arrivals).sort((a, b) => a.atMs - b.atMs);
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
    const { meanRateBps, state } = await report();
    expect(state).toBe('cancelled');
    expect(meanRateBps / rateBps).toBeGreaterThan(0.9);
    expect(meanRateBps / rateBps).toBeLessThan(1.1);
  }, 40_000);

  it('stops at the end of the window and says what is left', async () => {
    const fill = await freeze({ a: many(40, 100_000) }, { start: 'window', budget: { rateBps: 8e6 } });
    const { endMs } = windowFor(date, { start: '01:00', end: '05:00' }, 'Europe/Berlin');
    const clock = clockAt(endMs - 1_500);
    expect(await handler({ clock })(job(fill.id))).toEqual({ state: 'incomplete' });
    expect(clock.now() - endMs).toBeLessThan(1_000);
    const result = await report();
    expect(result.pushed.files).toBeGreaterThan(3);
    expect(result.failed.files).toBeGreaterThan(3);
    expect(new Set(result.failures.map(({ reason }) => reason))).toEqual(new Set(['window-ended']));
    expect(result.pushed.files + result.failed.files).toBe(result.planned.files);
    expect(result.forecastCoverage).toBeLessThan(0.9);
    const arrived = edgeAt(0).arrivals.length;
    await delay(300);
    expect(edgeAt(0).arrivals.length).toBe(arrived);
    expect((await fillOf(fill.id)).message).toContain('window-ended');
  });

  it('waits for the window, and sends nothing before it opens', async () => {
    const fill = await freeze({ a: many(2, 1_000) }, { start: 'window' });
    const { startMs } = windowFor(date, { start: '01:00', end: '05:00' }, 'Europe/Berlin');
    const running = handler({ clock: clockAt(startMs - 800) })(job(fill.id));
    await expect.poll(async () => (await fillOf(fill.id)).state).toBe('paused-window');
    expect(edgeAt(0).arrivals).toEqual([]);
    expect(await running).toEqual({ state: 'completed' });
  });

  it('spends no more than the night allows, over all runs of the date and all retries', async () => {
    const first = await freeze({ a: many(10, 100_000) }, { budget: { bytesPerNight: 620_000 } });
    expect(first.planned.bytes).toBeLessThanOrEqual(620_000);
    edgeAt(0).faults.refuse = (key) => (key.endsWith('/2.m4s') ? 422 : null);
    await handler()(job(first.id));
    const arrived = (): number => edgeAt(0).arrivals.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(arrived()).toBeLessThanOrEqual(620_000);
    expect((await fillOf(first.id)).sentBytes).toBe(arrived());

    edgeAt(0).faults.refuse = () => null;
    const second = await freeze({ b: many(10, 100_000) }, { run: 2, budget: { bytesPerNight: 900_000 } });
    const before = arrived();
    expect(await handler()(job(second.id))).toEqual({ state: 'incomplete' });
    expect(arrived()).toBeLessThanOrEqual(900_000);
    expect(arrived()).toBeGreaterThan(before);
    expect((await report()).failures.every(({ reason }) => reason === 'night-budget-spent')).toBe(true);
  });

  it('works around an appliance that is down, and one that comes back in time', async () => {
    const fill = await freeze({ a: many(6, 20_000) }, { edgeCount: 2 });
    await edgeAt(0).down();
    expect(await handler()(job(fill.id))).toEqual({ state: 'incomplete' });
    const result = await report();
    expect(result.appliances.find((a) => a.applianceId === 'e1')?.pushed.files).toBe(9);
    expect(result.appliances.find((a) => a.applianceId === 'e0')?.failed.files).toBe(9);
    expect(result.failures[0]).toMatchObject({ applianceId: 'e0', reason: 'appliance-unreachable' });

    const again = await freeze({ b: many(2, 20_000) }, { run: 2, edgeCount: 2 });
    const running = handler({ patienceMs: { window: 8_000, now: 8_000 } })(job(again.id));
    await delay(500);
    await edgeAt(0).up();
    expect(await running).toEqual({ state: 'completed' });
  });

  it('ends as failed when no appliance could be reached at all', async () => {
    const fill = await freeze({ a: many(2, 1_000) });
    await edgeAt(0).down();
    expect(await handler()(job(fill.id))).toEqual({ state: 'failed' });
    expect((await fillOf(fill.id)).message).toContain('see that the appliances run');
  });

  it('goes on after dropped connections and answers that say to try later', async () => {
    const fill = await freeze({ a: many(6, 50_000) });
    let drops = 3;
    let busy = 3;
    edgeAt(0).faults.drop = (key) => key.endsWith('/3.m4s') && drops-- > 0;
    edgeAt(0).faults.refuse = (key) => (key.endsWith('/4.m4s') && busy-- > 0 ? 503 : null);
    expect(await handler({ patienceMs: { window: 20_000, now: 20_000 } })(job(fill.id))).toEqual({
      state: 'completed',
    });
    expect((await fillOf(fill.id)).sentBytes).toBeGreaterThan(fill.planned.bytes);
  });

  it('makes room by what is not planned, and says so when that is not enough', async () => {
    const fill = await freeze({ a: many(5, 100_000) });
    edgeAt(0).held.set('pulled/v9/1.m4s', 300_000);
    edgeAt(0).faults.capacityBytes = 700_000;
    expect(await handler()(job(fill.id))).toEqual({ state: 'completed' });
    expect(edgeAt(0).held.has('pulled/v9/1.m4s')).toBe(false);
    expect((await report()).appliances[0]?.evicted).toEqual({ files: 1, bytes: 300_000 });

    const second = await freeze({ b: many(5, 100_000) }, { run: 2 });
    expect(await handler()(job(second.id))).toEqual({ state: 'incomplete' });
    expect((await report()).failures.every(({ reason }) => reason === 'appliance-full')).toBe(true);
  });

  it('tells damaged bytes, missing sources and deleted assets apart', async () => {
    const fill = await freeze({ a: many(3, 10_000), b: many(2, 10_000) });
    const store = kit.redisKit.store;
    await store.put('assets/a/v1/video-360p/0.m4s', Buffer.alloc(10_000, 'x'));
    await store.delete('assets/a/v1/video-360p/1.m4s');
    await kit.catalogue.update('b', (asset) => ({ ...asset, state: 'deleted' }));
    expect(await handler()(job(fill.id))).toEqual({ state: 'incomplete' });
    const reasons = Object.fromEntries((await report()).failures.map(({ key, reason }) => [key, reason]));
    expect(reasons['a/v1/video-360p/0.m4s']).toBe('digest-mismatch');
    expect(reasons['a/v1/video-360p/1.m4s']).toBe('source-missing');
    expect(reasons['b/v1/asset.json']).toBe('asset-deleted');
    expect(edgeAt(0).held.has('a/v1/video-360p/2.m4s')).toBe(true);
    expect(edgeAt(0).held.has('a/v1/video-360p/0.m4s')).toBe(false);
  });

  it('sends of a large file only the slices that are missing', async () => {
    const fill = await freeze({ a: [10 * 1024 * 1024] });
    edgeAt(0).held.set('a/v1/video-360p/0.m4s', 4 * 1024 * 1024);
    expect(await handler()(job(fill.id))).toEqual({ state: 'completed' });
    expect(edgeAt(0).held.get('a/v1/video-360p/0.m4s')).toBe(10 * 1024 * 1024);
    const sent = edgeAt(0).arrivals.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(sent).toBe(fill.planned.bytes - 4 * 1024 * 1024);
  });

  it('shows its progress, and hands on what is left when the worker closes', async () => {
    const fill = await freeze({ a: many(40, 100_000) }, { budget: { rateBps: 8e6 } });
    const stop = new AbortController();
    const running = handler()(job(fill.id, stop.signal));
    const live = () => fillOf(fill.id);
    await expect.poll(async () => (await live()).pushed.files, { timeout: 5_000 }).toBeGreaterThan(4);
    expect((await live()).state).toBe('running');
    expect((await live()).rateBps).toBeGreaterThan(4e6);
    stop.abort(new JobAbortedError('worker-closing'));
    await expect(running).rejects.toThrow('worker-closing');
    expect(await kit.documents.getReport('r', date)).toBeNull();
    expect((await live()).state).toBe('running');
    expect(await handler()(job(fill.id))).toEqual({ state: 'completed' });
    expect(await report()).toMatchObject({ pushed: fill.planned, skipped: noCount });
    const stored = edgeAt(0)
      .puts.filter(({ status }) => status === 201)
      .map(({ key }) => key);
    expect(new Set(stored).size).toBe(stored.length);
  });

  it('is taken up by another worker where it stopped after kill -9, with nothing counted or stored twice', async () => {
    const fill = await freeze({ a: many(40, 100_000) }, { budget: { rateBps: 8e6 } });
    const at = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
    const child = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { pino } from 'pino';
         import { makeApplianceHttpApi } from ${at('../../shared/adapters/appliance-http/appliance-http.ts')};
         import { makeBullmqJobQueue } from ${at('../../shared/adapters/bullmq/bullmq-job-queue.ts')};
         import { quickPolicies as policies } from ${at('../../shared/testing/quick-policies.ts')};
         import { makeStoreDocuments } from ${at('../../shared/adapters/documents/store-documents.ts')};
         import { makeFolderObjectStore } from ${at('../../shared/adapters/folder/folder-object-store.ts')};
         import { connectRedis } from ${at('../../shared/adapters/redis/connection.ts')};
         import { makeRedisCatalogue } from ${at('../../shared/adapters/redis/redis-catalogue.ts')};
         import { makeRedisFleet } from ${at('../../shared/adapters/redis/redis-fleet.ts')};
         import { systemClock as clock } from ${at('../../shared/platform/clock.ts')};
         import { applianceCredential } from ${at('../../shared/tokens/credentials.ts')};
         import { makeFillRegion } from ${at('./fill-region.ts')};
         const [redisUrl, root, secret] = process.argv.slice(1);
         const redis = connectRedis({ url: redisUrl });
         const store = makeFolderObjectStore({ root });
         const run = makeFillRegion({
           fleet: makeRedisFleet({ redis, store, clock }),
           catalogue: makeRedisCatalogue({ redis, store, clock }),
           documents: makeStoreDocuments(store),
           api: makeApplianceHttpApi({ credentialOf: (id) => applianceCredential(secret, id) }),
           store, clock, logger: pino({ level: 'silent' }), parallelPushes: 4,
         });
         const queue = makeBullmqJobQueue({ redisUrl, clock, policies });
         await queue.work('fill-region', run);`,
        kit.redisKit.server.url,
        kit.redisKit.folder,
        fleetSecret,
      ],
      { stdio: ['ignore', 'inherit', 'inherit'], cwd: process.cwd() },
    );
    const exited = once(child, 'exit');
    const queue = makeBullmqJobQueue({
      redisUrl: kit.redisKit.server.url,
      clock: systemClock,
      policies: quickPolicies,
    });
    try {
      const { id } = await queue.add('fill-region', { fillId: fill.id });
      await expect.poll(() => edgeAt(0).held.size, { timeout: 15_000, interval: 20 }).toBeGreaterThan(15);
      await queue.work('fill-region', handler());
      child.kill('SIGKILL');
      await exited;
      const ended = await queue.waitFor('fill-region', id, 25_000);
      expect(ended).toMatchObject({ state: 'completed', result: { state: 'completed' }, attempts: 2 });
    } finally {
      await queue.close();
    }
    expect(await report()).toMatchObject({ pushed: fill.planned, skipped: noCount, failed: noCount });
    const stored = edgeAt(0)
      .puts.filter(({ status }) => status === 201)
      .map(({ key }) => key);
    expect(new Set(stored).size).toBe(stored.length);
  }, 40_000);
});
