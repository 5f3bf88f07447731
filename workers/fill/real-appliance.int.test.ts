/** The fill against the appliance itself, as a process of its own: what the one sends, the other takes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeApplianceHttpApi } from '../../shared/adapters/appliance-http/appliance-http.ts';
import type { Fill, FillPlan, PlannedFile } from '../../shared/domain/fill.ts';
import type { ApplianceOrders } from '../../shared/domain/fleet.ts';
import { manifestName, storeKeys } from '../../shared/domain/keys.ts';
import type { Manifest } from '../../shared/domain/manifest.ts';
import { orderedFiles } from '../../shared/domain/planning/version-files.ts';
import { noCount } from '../../shared/domain/reporting/fill-report.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import type { ApplianceApi, HeldKey } from '../../shared/ports/appliance-api.ts';
import { makePortsKit, type PortsKit } from '../../shared/testing/ports-kit.ts';
import { makeTestAppliance, makeTestRegion, publishTestAsset } from '../../shared/testing/published.ts';
import { applianceCredential } from '../../shared/tokens/credentials.ts';
import { makeFillRegion } from './fill-region.ts';

const fleetSecret = 'a fleet secret of at least 32 characters';
const target = (url: string) => ({ id: 'e1', internalUrl: url });

let kit: PortsKit;
let api: ApplianceApi;
let dir: string;
let control: Server;
let appliance: ChildProcess;
let url: string;

async function startAppliance(): Promise<void> {
  appliance = spawn(process.execPath, ['services/appliance/main.ts'], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      PATH: process.env.PATH ?? '',
      NIGHTFILL_PORT: '0',
      NIGHTFILL_LOG_LEVEL: 'silent',
      NIGHTFILL_APPLIANCE_ID: 'e1',
      NIGHTFILL_APPLIANCE_CREDENTIAL: applianceCredential(fleetSecret, 'e1'),
      NIGHTFILL_APPLIANCE_DIR: dir,
      NIGHTFILL_CONTROL_URL: `http://127.0.0.1:${(control.address() as AddressInfo).port}`,
    },
  });
  const [message] = (await once(appliance, 'message')) as [{ readonly port: number }];
  url = `http://127.0.0.1:${message.port}`;
  await expect.poll(async () => (await fetch(`${url}/readyz`)).status, { timeout: 10_000 }).toBe(200);
}

/** As much of control as an appliance needs before it takes a fill: its orders. */
async function startControl(): Promise<Server> {
  const orders: ApplianceOrders = {
    applianceId: 'e1',
    regionId: 'r',
    role: 'edge',
    mode: 'active',
    capacityBytes: 1e9,
    tokenKeys: [],
    pullCredential: 'nobody pulls in this test, and nobody may',
    upstreams: [],
  };
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(orders));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function endAppliance(signal: NodeJS.Signals): Promise<void> {
  const exited = once(appliance, 'exit');
  appliance.kill(signal);
  await exited;
}

beforeEach(async () => {
  kit = await makePortsKit(systemClock);
  dir = await mkdtemp(join(tmpdir(), 'nightfill-appliance-'));
  api = makeApplianceHttpApi({ credentialOf: (id) => applianceCredential(fleetSecret, id), pageSize: 3 });
  control = await startControl();
  await startAppliance();
});
afterEach(async () => {
  if (appliance.exitCode === null && appliance.signalCode === null) await endAppliance('SIGKILL');
  await api.close();
  control.closeAllConnections();
  control.close();
  await kit.dispose();
  await rm(dir, { recursive: true, force: true });
});

async function frozenFill(manifest: Manifest, run: number): Promise<Fill> {
  const { store } = kit.redisKit;
  const key = storeKeys.manifest(manifest.assetId, manifest.version);
  const object = await store.get(key);
  const chunks: Buffer[] = [];
  for await (const chunk of object?.body ?? []) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const sha256 = hash('sha256', bytes, 'hex');
  const fetch = orderedFiles({ manifest, manifestFile: { sizeBytes: bytes.length, sha256 } }).map(
    (file): PlannedFile => ({
      key: file.key,
      assetId: manifest.assetId,
      rendition: file.rendition,
      sizeBytes: file.sizeBytes,
      sha256: file.sha256,
      expectedBytes: file.sizeBytes,
      value: 1,
      reason: 'expected-demand',
    }),
  );
  const region = makeTestRegion('r', { budget: { bytesPerNight: 1e12, rateBps: 1e9 } });
  await kit.fleet.putRegion(region);
  await kit.fleet.putAppliance(makeTestAppliance('e1', 'r', url));
  const bytesInAll = fetch.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const plan: FillPlan = {
    schema: 1,
    id: `r-2026-11-21-${run}`,
    regionId: 'r',
    date: '2026-11-21',
    run,
    frozenAt: '2026-11-20T20:00:00.000Z',
    window: region.window,
    timeZone: region.timeZone,
    budget: region.budget,
    forecastKey: 'forecasts/r/2026-11-21.json',
    forecastModel: 'test',
    expectedBytes: bytesInAll,
    plannedCoverage: 1,
    fetchBytes: bytesInAll,
    fetchFiles: fetch.length,
    appliances: [{ applianceId: 'e1', capacityBytes: 1e10, fetch, keep: [], evict: [] }],
    rejected: [],
  };
  const fill: Fill = {
    id: plan.id,
    regionId: 'r',
    date: plan.date,
    run,
    state: 'scheduled',
    start: 'now',
    createdAt: plan.frozenAt,
    startedAt: null,
    finishedAt: null,
    message: null,
    planned: { files: fetch.length, bytes: bytesInAll },
    pushed: noCount,
    skipped: noCount,
    failed: noCount,
    rateBps: 0,
  };
  await kit.documents.putPlan(plan);
  await kit.documents.createFill(fill);
  return fill;
}

const carryOut = (fill: Fill) =>
  makeFillRegion({
    ...kit,
    store: kit.redisKit.store,
    api,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    parallelPushes: 4,
  })({
    id: `fill-${fill.id}`,
    payload: { fillId: fill.id },
    attempt: 1,
    lastAttempt: false,
    signal: new AbortController().signal,
    progress: async () => undefined,
  });

async function inventory(): Promise<HeldKey[]> {
  const held: HeldKey[] = [];
  for await (const { key, heldBytes } of api.inventory(target(url))) held.push({ key, heldBytes });
  return held;
}

describe('a fill of the real appliance', () => {
  it('brings every byte, outlives a kill of the appliance, and finds everything held the next time', async () => {
    const ports = { ...kit, store: kit.redisKit.store };
    const manifest = await publishTestAsset(ports, 'a', [200_000, 300_000, 9 * 1024 * 1024]);
    const first = await frozenFill(manifest, 1);
    expect(await carryOut(first)).toEqual({ state: 'completed' });
    const sizes = new Map(manifest.files.map(({ path, sizeBytes }) => [`a/v1/${path}`, sizeBytes]));
    const held = await inventory();
    expect(held.map(({ key }) => key)).toEqual([...sizes.keys(), `a/v1/${manifestName}`].sort());
    for (const { key, heldBytes } of held) if (sizes.has(key)) expect(heldBytes).toBe(sizes.get(key));
    expect(await kit.documents.getReport('r', '2026-11-21')).toMatchObject({
      pushed: first.planned,
      forecastCoverage: 1,
    });

    await endAppliance('SIGKILL');
    await startAppliance();
    const second = await frozenFill(manifest, 2);
    expect(await carryOut(second)).toEqual({ state: 'completed' });
    expect(await kit.documents.getReport('r', '2026-11-21')).toMatchObject({
      pushed: noCount,
      skipped: second.planned,
    });

    expect(await api.remove(target(url), 'a/')).toBeGreaterThan(9 * 1024 * 1024);
    expect(await inventory()).toEqual([]);
    const third = await frozenFill(manifest, 3);
    expect(await carryOut(third)).toEqual({ state: 'completed' });
    expect((await kit.documents.getReport('r', '2026-11-21', 3))?.failures[0]?.reason).toBe('asset-deleted');
  }, 60_000);

  it('refuses damaged bytes and a wrong credential', async () => {
    const ports = { ...kit, store: kit.redisKit.store };
    const manifest = await publishTestAsset(ports, 'a', [50_000, 50_000]);
    await ports.store.put('assets/a/v1/video-360p/1.m4s', Buffer.alloc(50_000, 'x'));
    expect(await carryOut(await frozenFill(manifest, 1))).toEqual({ state: 'incomplete' });
    expect((await kit.documents.getReport('r', '2026-11-21'))?.failures).toMatchObject([
      { key: 'a/v1/video-360p/1.m4s', reason: 'digest-mismatch' },
    ]);
    const stranger = makeApplianceHttpApi({ credentialOf: () => 'wrong' });
    await expect(stranger.applyPlan(target(url), { pinned: [], evict: [] })).rejects.toMatchObject({ code: 'refused' });
    await stranger.close();
  });
});
