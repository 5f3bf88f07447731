/** The fill against the appliance itself, as a process of its own: what the one sends, the other takes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeApplianceHttpApi } from '../../shared/adapters/appliance-http/appliance-http.ts';
import type { Fill } from '../../shared/domain/fill.ts';
import type { ApplianceOrders } from '../../shared/domain/fleet.ts';
import { manifestName } from '../../shared/domain/keys.ts';
import { noCount } from '../../shared/domain/reporting/fill-report.ts';
import type { ApplianceApi, HeldKey } from '../../shared/ports/appliance-api.ts';
import { type FillNight, makeFillNight, nightSecret, segments, soon } from '../../shared/testing/fill-night.ts';
import { applianceCredential } from '../../shared/tokens/credentials.ts';
import { runFill } from './testing/run-fill.ts';

const target = (url: string) => ({ id: 'e1', internalUrl: url });

let night: FillNight;
let api: ApplianceApi;
let dir: string;
let control: Server;
let appliance: ChildProcess;
let url: string;

async function startAppliance(port = 0): Promise<void> {
  appliance = spawn(process.execPath, ['services/appliance/main.ts'], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      PATH: process.env.PATH ?? '',
      NIGHTFILL_PORT: String(port),
      NIGHTFILL_LOG_LEVEL: 'silent',
      NIGHTFILL_APPLIANCE_ID: 'e1',
      NIGHTFILL_APPLIANCE_CREDENTIAL: applianceCredential(nightSecret, 'e1'),
      NIGHTFILL_APPLIANCE_DIR: dir,
      NIGHTFILL_CONTROL_URL: `http://127.0.0.1:${(control.address() as AddressInfo).port}`,
    },
  });
  const [message] = (await once(appliance, 'message')) as [{ readonly port: number }];
  url = `http://127.0.0.1:${message.port}`;
  await expect.poll(async () => (await fetch(`${url}/readyz`)).status, soon).toBe(200);
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
  night = await makeFillNight();
  dir = await mkdtemp(join(tmpdir(), 'nightfill-appliance-'));
  api = makeApplianceHttpApi({ credentialOf: (id) => applianceCredential(nightSecret, id), pageSize: 3 });
  control = await startControl();
  await startAppliance();
});
afterEach(async () => {
  if (appliance.exitCode === null && appliance.signalCode === null) await endAppliance('SIGKILL');
  await api.close();
  control.closeAllConnections();
  control.close();
  await night.dispose();
  await rm(dir, { recursive: true, force: true });
});

const carryOut = (fill: Fill) => runFill(night, fill.id, { api });

async function inventory(): Promise<HeldKey[]> {
  const held: HeldKey[] = [];
  for await (const { key, heldBytes } of api.inventory(target(url))) held.push({ key, heldBytes });
  return held;
}

describe('a fill of the real appliance', () => {
  it('brings every byte, outlives a kill of the appliance, and finds everything held the next time', async () => {
    const manifest = await night.publish('a', [200_000, 300_000, 9 * 1024 * 1024]);
    const first = await night.freezeFor([target(url)], { run: 1 });
    expect(await carryOut(first)).toEqual({ state: 'completed' });
    const sizes = new Map(manifest.files.map(({ path, sizeBytes }) => [`a/v1/${path}`, sizeBytes]));
    const held = await inventory();
    expect(held.map(({ key }) => key)).toEqual([...sizes.keys(), `a/v1/${manifestName}`].sort());
    for (const { key, heldBytes } of held) if (sizes.has(key)) expect(heldBytes).toBe(sizes.get(key));
    expect(await night.report()).toMatchObject({
      pushed: first.planned,
      forecastCoverage: 1,
    });

    await endAppliance('SIGKILL');
    await startAppliance();
    const second = await night.freezeFor([target(url)], { run: 2 });
    expect(await carryOut(second)).toEqual({ state: 'completed' });
    expect(await night.report()).toMatchObject({
      pushed: noCount,
      skipped: second.planned,
    });

    expect(await api.remove(target(url), 'a/')).toBeGreaterThan(9 * 1024 * 1024);
    expect(await inventory()).toEqual([]);
    const third = await night.freezeFor([target(url)], { run: 3 });
    expect(await carryOut(third)).toEqual({ state: 'completed' });
    expect((await night.report(3)).failures[0]?.reason).toBe('asset-deleted');
  }, 60_000);

  it('ends with every byte when the appliance is killed while it takes them, and comes back', async () => {
    const manifest = await night.publish('a', [9 * 1024 * 1024, ...segments(40, 100_000)]);
    const fill = await night.freezeFor([target(url)], { run: 1, budget: { rateBps: 32e6 } });
    const running = runFill(night, fill.id, { api, patienceMs: { window: 120_000, now: 120_000 } });
    await expect.poll(async () => (await inventory()).length, soon).toBeGreaterThan(8);
    await endAppliance('SIGKILL');
    await startAppliance(Number(new URL(url).port));
    expect(await running).toEqual({ state: 'completed' });
    const held = new Map((await inventory()).map(({ key, heldBytes }) => [key, heldBytes]));
    for (const { path, sizeBytes } of manifest.files) expect(held.get(`a/v1/${path}`)).toBe(sizeBytes);
    const report = await night.report();
    expect(report).toMatchObject({ pushed: fill.planned, skipped: noCount, failed: noCount });
    expect(report.sentBytes).toBeGreaterThanOrEqual(fill.planned.bytes);
  }, 150_000);

  it('refuses damaged bytes and a wrong credential', async () => {
    await night.publish('a', [50_000, 50_000]);
    await night.ports.store.put('assets/a/v1/video-360p/1.m4s', Buffer.alloc(50_000, 'x'));
    expect(await carryOut(await night.freezeFor([target(url)], { run: 1 }))).toEqual({ state: 'incomplete' });
    expect((await night.report()).failures).toMatchObject([
      { key: 'a/v1/video-360p/1.m4s', reason: 'digest-mismatch' },
    ]);
    const stranger = makeApplianceHttpApi({ credentialOf: () => 'wrong' });
    await expect(stranger.applyPlan(target(url), { pinned: [], evict: [] })).rejects.toMatchObject({ code: 'refused' });
    await stranger.close();
  });
});
