import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../shared/platform/clock.ts';
import { makeHttpServer } from '../../shared/platform/http-server.ts';
import { makeLogger } from '../../shared/platform/logger.ts';
import { makeMetrics } from '../../shared/platform/metrics.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { makePortsKit, type PortsKit } from '../../shared/testing/ports-kit.ts';
import { applianceCredential } from '../../shared/tokens/credentials.ts';
import { appliance, region } from './testing/builders.ts';
import { type Doc, fleetSecret, startControl, type TestControl } from './testing/start-control.ts';

const start = Date.parse('2026-11-20T14:00:00Z');
const clock: Clock = { ...systemClock, now: () => start };
let ports: PortsKit;
let control: TestControl;
const call: TestControl['call'] = (...args) => control.call(...args);

beforeAll(async () => {
  ports = await makePortsKit(clock);
  control = await startControl(ports, clock);
});

afterAll(async () => {
  await control.close();
  await ports.dispose();
});

describe('regions and appliances', () => {
  it('lets nobody in without the key', async () => {
    for (const path of ['/v1/regions', '/v1/status', '/v1/demand']) {
      expect((await call('GET', path, undefined, { authorization: 'Bearer wrong-key-altogether' })).status).toBe(401);
    }
    expect((await fetch(`${control.base}/readyz`)).status).toBe(200);
  });

  it('refuses a region with every mistake at once, each with its mend', async () => {
    const { status, body } = await call('POST', '/v1/regions', {
      id: 'Not An Id',
      timeZone: 'Berlin',
      window: { start: '2am', end: '25:00' },
      budget: { bytesPerNight: 0, rateBps: -1 },
      coverage: { networks: ['192.0.2.0/24', '192.0.2.1', 'here'] },
    });
    expect(status).toBe(400);
    expect(body.code).toBe('invalid-request');
    for (const part of [
      'id must be lower-case letters',
      'timeZone must be an IANA time zone such as Europe/Berlin (got "Berlin")',
      'window.start must be a time of day as HH:MM',
      'window.end must be a time of day as HH:MM',
      'budget.bytesPerNight must be more than 0',
      'budget.rateBps must be more than 0 (bits a second)',
      'coverage.networks[1] must be a CIDR network such as 192.0.2.0/24',
      'coverage.networks[2]',
    ]) {
      expect(body.detail).toContain(part);
    }
    expect(body.errors).toHaveLength(8);
  });

  it('creates, lists, changes and removes regions', async () => {
    const created = await call('POST', '/v1/regions', region('eu-test', { coverage: { networks: ['192.0.2.0/24'] } }));
    expect(created.status).toBe(201);
    expect(created.headers.get('location')).toBe('/v1/regions/eu-test');
    expect(created.body).toMatchObject({
      name: 'eu-test',
      fillEnabled: true,
      coverage: { networks: ['192.0.2.0/24'], location: null },
      nextWindow: { startsAt: '2026-11-21T01:00:00.000Z', endsAt: '2026-11-21T04:00:00.000Z', date: '2026-11-21' },
    });
    expect((await call('POST', '/v1/regions', region('eu-test'))).body.code).toBe('already-exists');

    const changed = await call('PATCH', '/v1/regions/eu-test', { budget: { rateBps: 5e7 }, window: { end: '06:30' } });
    expect(changed.body).toMatchObject({
      budget: { bytesPerNight: 1e9, rateBps: 5e7 },
      window: { start: '02:00', end: '06:30' },
      coverage: { networks: ['192.0.2.0/24'] },
    });
    const peers = (peerRateBps: number | null) => call('PATCH', '/v1/regions/eu-test', { budget: { peerRateBps } });
    expect((await peers(2e8)).body).toMatchObject({ budget: { bytesPerNight: 1e9, rateBps: 5e7, peerRateBps: 2e8 } });
    expect((await peers(0)).body).toMatchObject({ code: 'invalid-request' });
    expect((await peers(null)).body).toMatchObject({ budget: { rateBps: 5e7, peerRateBps: null } });
    expect((await call('PATCH', '/v1/regions/eu-test', { timeZone: 'Mars/Olympus' })).status).toBe(400);
    expect((await call('GET', '/v1/regions/eu-test')).body.timeZone).toBe('Europe/Berlin');
    expect((await call('GET', '/v1/regions/nowhere')).body.code).toBe('region-not-found');

    await call('POST', '/v1/regions', region('zz-test'));
    const first = await call<{ items: Doc[]; next: string }>('GET', '/v1/regions?limit=1');
    expect(first.body).toMatchObject({ items: [{ id: 'eu-test' }], next: 'eu-test' });
    const second = await call<{ items: Doc[]; next: null }>('GET', '/v1/regions?limit=1&after=eu-test');
    expect(second.body).toMatchObject({ items: [{ id: 'zz-test' }], next: null });

    expect((await call('DELETE', '/v1/regions/zz-test')).status).toBe(204);
    expect((await call('DELETE', '/v1/regions/zz-test')).body.code).toBe('region-not-found');
  });

  it('gives a new appliance its credential once, and refuses what could not serve', async () => {
    const created = await call('POST', '/v1/appliances', appliance('eu-t1', 'eu-test'));
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      publicUrl: 'http://eu-t1.example.net',
      role: 'edge',
      mode: 'active',
      weight: 1,
      health: 'never-seen',
      credential: applianceCredential(fleetSecret, 'eu-t1'),
    });
    expect((await call('GET', '/v1/appliances/eu-t1')).body).not.toHaveProperty('credential');
    expect((await call('POST', '/v1/appliances', appliance('eu-t1', 'eu-test'))).body.code).toBe('already-exists');

    const bad = await call('POST', '/v1/appliances', {
      ...appliance('eu-t2', 'atlantis'),
      publicUrl: 'edge.example.net',
      internalUrl: 'ftp://edge.example.net',
      capacityBytes: 0,
      weight: 0,
    });
    expect(bad.status).toBe(400);
    for (const part of [
      'publicUrl must be an absolute',
      'internalUrl must',
      'capacityBytes must',
      'weight must',
      'regionId names no region',
    ]) {
      expect(bad.body.detail).toContain(part);
    }
    expect((await call('PATCH', '/v1/appliances/eu-t1', { mode: 'asleep' })).status).toBe(400);
    expect((await call('PATCH', '/v1/appliances/eu-t1', { mode: 'draining', weight: 2 })).body).toMatchObject({
      mode: 'draining',
      weight: 2,
      role: 'edge',
    });
  });

  it('shows an appliance’s status as it was told, with null where it has nothing to say', async () => {
    const told = { topUpBytes: 7, restingUpstreams: ['shield-1'], diskTrouble: 'its disk gives I/O errors' };
    expect((await control.heartbeat('eu-t1', told)).status).toBe(200);
    const shown = await call<{ status: Doc }>('GET', '/v1/appliances/eu-t1');
    expect(shown.body).toMatchObject({
      health: 'healthy',
      status: { unfitReason: null, ...told },
    });
  });

  it('keeps a region that still has appliances', async () => {
    const refused = await call('DELETE', '/v1/regions/eu-test');
    expect(refused.status).toBe(409);
    expect(refused.body).toMatchObject({ code: 'region-in-use', detail: expect.stringContaining('eu-t1') });
    expect((await call('DELETE', '/v1/appliances/eu-t1')).status).toBe(204);
    expect((await call('DELETE', '/v1/regions/eu-test')).status).toBe(204);
  });

  it('passes on what an appliance holds, asking with its credential, and says when it is away', async () => {
    await call('POST', '/v1/regions', region('inv'));
    const page = {
      items: [{ key: 'a/v1/x.m4s', heldBytes: 7, slices: 1, pinned: true }],
      next: null,
      stats: { capacityBytes: 9, storedBytes: 7, pinnedBytes: 7, storedObjects: 1, memoryBytes: 0, evictedBytes: 0 },
    };
    const edge = makeHttpServer({ logger: makeLogger('edge', 'silent'), metrics: makeMetrics('edge') });
    const asked: unknown[] = [];
    edge.get('/inventory', async ({ headers, query }) => {
      asked.push([headers.authorization, query]);
      return page;
    });
    const internalUrl = await edge.listen({ host: '127.0.0.1', port: 0 });
    await call('POST', '/v1/appliances', appliance('inv-1', 'inv', { internalUrl }));
    expect((await call('GET', '/v1/appliances/inv-1/inventory?after=a&limit=5')).body).toEqual(page);
    expect(asked).toEqual([[`Bearer ${applianceCredential(fleetSecret, 'inv-1')}`, { after: 'a', limit: '5' }]]);
    await edge.close();
    const away = await call('GET', '/v1/appliances/inv-1/inventory');
    expect(away).toMatchObject({
      status: 502,
      body: { code: 'upstream-failed', detail: expect.stringContaining('inv-1') },
    });
    await call('DELETE', '/v1/appliances/inv-1');
    await call('DELETE', '/v1/regions/inv');
  });
});
