import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../shared/platform/clock.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { makePortsKit, type PortsKit } from '../../shared/testing/ports-kit.ts';
import { appliance, publishedAsset, region } from './testing/builders.ts';
import { bearerOfAppliance, type Doc, startControl, type TestControl } from './testing/start-control.ts';

let nowMs = Date.parse('2026-11-20T14:00:00Z');
const clock: Clock = { ...systemClock, now: () => nowMs };
let ports: PortsKit;
let control: TestControl;

beforeAll(async () => {
  ports = await makePortsKit(clock);
  control = await startControl(ports, clock);
  for (const id of ['berlin', 'madrid']) await control.call('POST', '/v1/regions', region(id));
  for (const edge of [
    appliance('edge-1', 'berlin'),
    appliance('edge-2', 'berlin', { weight: 3 }),
    appliance('edge-9', 'madrid'),
  ])
    await control.call('POST', '/v1/appliances', edge);
  await ports.catalogue.create(publishedAsset('film'));
});
afterAll(async () => {
  await control.close();
  await ports.dispose();
});

const asAppliance = <T = Doc>(id: string, path: string, body: object) =>
  control.call<T>(
    'POST',
    `/internal/v1/${path}`,
    { applianceId: id, ...body },
    {
      authorization: `Bearer ${bearerOfAppliance(id)}`,
    },
  );

describe('top-ups of a region', () => {
  it('are off until they are allowed, and then shared by the active edges by weight', async () => {
    expect((await control.heartbeat('edge-1')).body.topUp).toBeUndefined();
    const topUp = { bytesPerDay: 4_000_000_000, rateBps: 40_000_000 };
    expect((await control.call('PATCH', '/v1/regions/berlin', { topUp })).body).toMatchObject({ topUp });
    expect((await control.heartbeat('edge-1')).body.topUp).toEqual({ bytesPerDay: 1e9, rateBps: 1e7 });
    expect((await control.heartbeat('edge-2')).body).toMatchObject({
      topUp: { bytesPerDay: 3e9, rateBps: 3e7 },
      weight: 3,
    });
    expect((await control.heartbeat('edge-9')).body.topUp).toBeUndefined();
    await control.heartbeat('edge-1', { topUpBytes: 77 });
    const seen = await control.call<{ status: Doc }>('GET', '/v1/appliances/edge-1');
    expect(seen.body.status).toMatchObject({ topUpBytes: 77 });
    const wrong = await control.call('PATCH', '/v1/regions/berlin', { topUp: { bytesPerDay: 0, rateBps: 1 } });
    expect([wrong.status, wrong.body.detail]).toEqual([
      400,
      expect.stringContaining('topUp.bytesPerDay must be more than 0'),
    ]);
    expect((await control.call('PATCH', '/v1/regions/berlin', { topUp: null })).body.topUp).toBeNull();
    expect((await control.heartbeat('edge-1')).body.topUp).toBeUndefined();
  });

  it('are told what other regions ask for, of assets that can be had', async () => {
    const row = { day: '2026-11-20', hour: 14, outcome: 'hit-disk', requests: 1, views: 1 };
    const rows = [
      { ...row, assetId: 'film', bytes: 500 },
      { ...row, assetId: 'nobody-knows', bytes: 900 },
    ];
    await asAppliance('edge-9', 'telemetry', { batchId: 'b1', rows });
    await asAppliance('edge-9', 'telemetry', { batchId: 'b1', rows });
    nowMs += 5 * 60_000;
    const told = await asAppliance('edge-1', 'demand-elsewhere', { afterMs: 0 });
    const { version } = publishedAsset('film');
    expect([told.status, told.body]).toEqual([
      200,
      { untilMs: nowMs, assets: [{ assetId: 'film', version, bytes: 500 }] },
    ]);
    expect((await asAppliance('edge-9', 'demand-elsewhere', { afterMs: 0 })).body.assets).toEqual([]);
    // How viewers of the asker's own region watch goes with it, once that is known.
    const binsMs = Array.from({ length: 20 }, (_, bin) => (bin < 10 ? 36_000_000 : 0));
    const watched = [{ day: '2026-11-20', binsMs, mixMs: { 'v720-avc1': 1_000 }, assets: [] }];
    await asAppliance('edge-1', 'telemetry', { batchId: 'b2', rows: [], watched });
    nowMs += 61 * 60_000;
    await asAppliance('edge-9', 'telemetry', { batchId: 'b3', rows });
    nowMs += 5 * 60_000;
    const { body } = await asAppliance('edge-1', 'demand-elsewhere', { afterMs: nowMs - 6 * 60_000 });
    expect(body.audience).toMatchObject({ days: 1, hours: 100, mix: { 'v720-avc1': 1 } });
    const stranger = await control.call('POST', '/internal/v1/demand-elsewhere', { applianceId: 'edge-1', afterMs: 0 });
    expect(stranger.status).toBe(401);
  });
});
