import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeBullmqJobQueue } from '../../shared/adapters/bullmq/bullmq-job-queue.ts';
import { makeStoreDocuments } from '../../shared/adapters/documents/store-documents.ts';
import { makeRedisCatalogue } from '../../shared/adapters/redis/redis-catalogue.ts';
import { makeRedisDemandLog } from '../../shared/adapters/redis/redis-demand-log.ts';
import { makeRedisFleet } from '../../shared/adapters/redis/redis-fleet.ts';
import type { Asset } from '../../shared/domain/asset.ts';
import { type ApplianceOrders, type ApplianceStatus, silentAfterMs } from '../../shared/domain/fleet.ts';
import type { Manifest } from '../../shared/domain/manifest.ts';
import { rankAppliances } from '../../shared/domain/routing/rendezvous.ts';
import { type HttpServer, makeHttpServer } from '../../shared/platform/http-server.ts';
import { makeLogger } from '../../shared/platform/logger.ts';
import { makeMetrics } from '../../shared/platform/metrics.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { DemandLog } from '../../shared/ports/demand-log.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import type { JobQueue } from '../../shared/ports/job-queue.ts';
import { makeRedisKit, type RedisKit } from '../../shared/testing/redis-kit.ts';
import { applianceCredential, formatApplianceBearer, pullCredential } from '../../shared/tokens/credentials.ts';
import { generateTokenKey } from '../../shared/tokens/keys.ts';
import { makeTokenVerifier } from '../../shared/tokens/playback.ts';
import { makeControlApp } from './app.ts';
import { makeReadInventory } from './fleet/inventory-client.ts';

const apiKey = 'an-api-key-for-this-test';
const fleetSecret = 'a-fleet-secret-of-more-than-32-characters';
const start = Date.parse('2026-11-20T14:00:00Z');

let kit: RedisKit;
let control: HttpServer;
let base = '';
let jobs: JobQueue;
let catalogue: Catalogue;
let documents: Documents;
let demandLog: DemandLog;
let nowMs = start;
const clock: Clock = { now: () => nowMs, sleep: (ms, signal) => sleep(ms, undefined, signal ? { signal } : {}) };

beforeAll(async () => {
  kit = await makeRedisKit();
  const { first: redis, store } = kit;
  jobs = makeBullmqJobQueue({ redisUrl: kit.server.url, clock });
  catalogue = makeRedisCatalogue({ redis, store, clock });
  documents = makeStoreDocuments(store);
  demandLog = makeRedisDemandLog({ redis, store, clock });
  control = await makeControlApp({
    logger: makeLogger('control', 'silent'),
    metrics: makeMetrics('control'),
    clock,
    fleet: makeRedisFleet({ redis, store, clock }),
    catalogue,
    documents,
    demandLog,
    jobs,
    readInventory: makeReadInventory(fleetSecret),
    checks: { redis: () => redis.ready(2_000), store: () => store.check() },
    settings: {
      fleetSecret,
      apiKey,
      signingKeys: [await generateTokenKey('ES256')],
      defaultRegion: '',
      playbackTtlMs: 3_600_000,
      planLeadMs: 600_000,
      trustProxy: ['127.0.0.1'],
    },
  });
  base = await control.listen({ host: '127.0.0.1', port: 0 });
});

afterAll(async () => {
  await control.close();
  await jobs.close();
  await kit.dispose();
});

interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

type Doc = Readonly<Record<string, unknown>> & {
  readonly code?: string;
  readonly detail?: string;
  readonly id?: string;
};

async function call<T = Doc>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const json = body === undefined || typeof body === 'string' ? {} : { 'content-type': 'application/json' };
  const response = await fetch(base + path, {
    method,
    headers: { authorization: `Bearer ${apiKey}`, ...json, ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json');
  return {
    status: response.status,
    headers: response.headers,
    body: (isJson ? JSON.parse(text) : text) as T,
  } satisfies Answer<T>;
}

const region = (id: string, over: object = {}) => ({
  id,
  timeZone: 'Europe/Berlin',
  window: { start: '02:00', end: '05:00' },
  budget: { bytesPerNight: 1e9, rateBps: 1e8 },
  ...over,
});

const appliance = (id: string, regionId: string, over: object = {}) => ({
  id,
  regionId,
  publicUrl: `http://${id}.example.net/`,
  internalUrl: `http://${id}.internal:9000`,
  capacityBytes: 1e9,
  ...over,
});

const heartbeat = (id: string, over: Partial<ApplianceStatus> = {}, bearer?: string) =>
  call<ApplianceOrders & Doc>(
    'POST',
    '/internal/v1/heartbeat',
    {
      applianceId: id,
      // A clock that is a year behind does not make an appliance silent.
      reportedAt: '2025-11-20T14:00:00.000Z',
      startedAt: '2025-11-20T13:00:00.000Z',
      softwareVersion: '0.1.0',
      storedBytes: 5,
      storedObjects: 1,
      pinnedBytes: 5,
      memoryTierBytes: 5,
      servedBps: 0,
      openConnections: 0,
      unfitReason: null,
      ...over,
    },
    { authorization: `Bearer ${bearer ?? formatApplianceBearer(id, applianceCredential(fleetSecret, id))}` },
  );

const publishedAsset = (id: string, over: Partial<Asset> = {}): Asset => ({
  schema: 1,
  id,
  title: id,
  tags: [],
  state: 'published',
  profile: 'standard',
  source: { fileName: 'a.mp4', sizeBytes: 1, sha256: '0', container: 'mp4', durationS: 1, video: null, audio: null },
  sourceKey: null,
  version: 'v1',
  durationS: 1,
  sizeBytes: 1,
  failure: null,
  createdAt: '2026-11-20T00:00:00.000Z',
  updatedAt: '2026-11-20T00:00:00.000Z',
  publishedAt: '2026-11-20T00:00:00.000Z',
  ...over,
});

const manifest = (assetId: string): Manifest => ({
  schema: 1,
  assetId,
  version: 'v1',
  title: assetId,
  createdAt: '2026-11-20T00:00:00.000Z',
  durationS: 1,
  packaging: 'segments',
  sliceSizeBytes: 4_194_304,
  sizeBytes: 1,
  source: { sha256: '0', sizeBytes: 1 },
  recipe: { profile: 'standard', packager: 'x', encoder: 'x' },
  playlists: { hls: 'main.m3u8', dash: 'main.mpd' },
  renditions: [],
  files: [],
});

describe('regions and appliances', () => {
  it('lets nobody in without the key', async () => {
    for (const path of ['/v1/regions', '/v1/status', '/v1/demand']) {
      expect((await call('GET', path, undefined, { authorization: 'Bearer wrong-key-altogether' })).status).toBe(401);
    }
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
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

describe('heartbeats, orders and playback', () => {
  const berlin = { latitude: 52.52, longitude: 13.4 };
  const paris = { latitude: 48.86, longitude: 2.35 };
  const tokyo = { latitude: 35.68, longitude: 139.69 };

  beforeAll(async () => {
    await call('POST', '/v1/regions', region('berlin', { coverage: { networks: ['192.0.2.0/24'], location: berlin } }));
    await call(
      'POST',
      '/v1/regions',
      region('paris', { coverage: { networks: ['198.51.100.0/24'], location: paris } }),
    );
    await call('POST', '/v1/regions', region('tokyo', { coverage: { networks: ['2001:db8::/32'], location: tokyo } }));
    for (const [id, regionId, over] of [
      ['b1', 'berlin', {}],
      ['b2', 'berlin', {}],
      ['p1', 'paris', {}],
      ['t1', 'tokyo', {}],
      ['shield-t', 'tokyo', { role: 'shield' }],
      ['shield-p', 'paris', { role: 'shield' }],
    ] as const) {
      await call('POST', '/v1/appliances', appliance(id, regionId, over));
    }
    await catalogue.create(publishedAsset('film'));
    await documents.putManifest(manifest('film'));
  });

  it('refuses heartbeats of others', async () => {
    expect((await heartbeat('b1', {}, 'b1.wrong')).status).toBe(401);
    expect((await heartbeat('b1', {}, apiKey)).status).toBe(401);
    const other = formatApplianceBearer('b2', applianceCredential(fleetSecret, 'b2'));
    expect((await heartbeat('b1', {}, other)).status).toBe(403);
    expect((await heartbeat('ghost')).body.code).toBe('appliance-not-found');
  });

  it('has no appliance before the first heartbeat, and says so', async () => {
    const { status, body } = await call('POST', '/v1/playback', { assetId: 'film', ip: '192.0.2.9' });
    expect(status).toBe(503);
    expect(body).toMatchObject({ code: 'no-appliance-available', detail: expect.stringContaining('b1 is never-seen') });
  });

  it('orders an edge its healthy peers, then the shields from near to far, and public keys only', async () => {
    await heartbeat('b2');
    await heartbeat('shield-t');
    await heartbeat('shield-p');
    await heartbeat('t1');
    const { status, body } = await heartbeat('b1');
    expect(status).toBe(200);
    expect(body).toMatchObject({ regionId: 'berlin', role: 'edge', mode: 'active', capacityBytes: 1e9 });
    expect(body.upstreams).toEqual([
      {
        kind: 'peer',
        applianceId: 'b2',
        url: 'http://b2.internal:9000',
        credential: pullCredential(fleetSecret, 'b2'),
        weight: 1,
      },
      expect.objectContaining({ kind: 'shield', applianceId: 'shield-p' }),
      expect.objectContaining({ kind: 'shield', applianceId: 'shield-t' }),
    ]);
    expect((await heartbeat('t1')).body.upstreams.map(({ applianceId }) => applianceId)).toEqual([
      'shield-t',
      'shield-p',
    ]);
    expect((await heartbeat('shield-t')).body.upstreams).toEqual([]);
    expect(body.pullCredential).toBe(pullCredential(fleetSecret, 'b1'));
    expect(body.tokenKeys).toHaveLength(1);
    expect(JSON.stringify(body.tokenKeys)).not.toContain('"d"');
  });

  it('plays from the best appliance of the covering region with a token that an appliance accepts', async () => {
    const orders = (await heartbeat('b1')).body;
    const { status, body } = await call<PlaybackBody>('POST', '/v1/playback', {
      assetId: 'film',
      ip: '192.0.2.9',
      ttlS: 60,
    });
    expect(status).toBe(200);
    const best = rankAppliances('film', [
      { id: 'b1', weight: 1 },
      { id: 'b2', weight: 1 },
    ]).map(({ id }) => id);
    expect(body.appliances.map(({ id }) => id)).toEqual(best);
    expect(body.region).toMatchObject({
      id: 'berlin',
      reason: 'coverage',
      detail: expect.stringContaining('192.0.2.0/24'),
    });
    expect(body.expiresAt).toBe(new Date(start + 60_000).toISOString());
    const parts = /^(http:\/\/[\w.-]+)\/t\/([^/]+)(\/v\/film\/v1\/main.m3u8)$/.exec(body.hls);
    expect(parts?.[1]).toBe(`http://${best[0]}.example.net`);
    expect(body.dash).toContain('/v/film/v1/main.mpd');
    const verifier = makeTokenVerifier({ clock });
    await verifier.setKeys(orders.tokenKeys);
    expect(await verifier.verify(parts?.[2] ?? '', `${parts?.[1]}${parts?.[3]}`)).toMatchObject({ outcome: 'ok' });
  });

  it('takes the address of the request, as a trusted proxy tells it, and obeys a region that is asked for', async () => {
    const forwarded = await call<PlaybackBody>(
      'POST',
      '/v1/playback',
      { assetId: 'film' },
      { 'x-forwarded-for': '2001:db8::7' },
    );
    expect(forwarded.body.region).toMatchObject({ id: 'tokyo', reason: 'coverage' });
    const asked = await call<PlaybackBody>('POST', '/v1/playback', {
      assetId: 'film',
      region: 'tokyo',
      ip: '192.0.2.9',
    });
    expect(asked.body.region).toMatchObject({ id: 'tokyo', reason: 'requested' });
  });

  it('falls over to the peer, then to the nearest region, and says why', async () => {
    const [first = '', second = ''] = rankAppliances('film', [
      { id: 'b1', weight: 1 },
      { id: 'b2', weight: 1 },
    ]).map(({ id }) => id);
    await heartbeat(first, { unfitReason: 'disk-full' });
    const play = () => call<PlaybackBody>('POST', '/v1/playback', { assetId: 'film', ip: '192.0.2.9' });
    expect((await play()).body.appliances.map(({ id }) => id)).toEqual([second]);
    await call('PATCH', `/v1/appliances/${second}`, { mode: 'draining' });
    await heartbeat('p1');
    const elsewhere = (await play()).body;
    expect(elsewhere.region).toMatchObject({ id: 'paris', reason: 'distance' });
    expect(elsewhere.region.detail).toContain('no edge of berlin may serve now');
    expect(elsewhere.hls).toContain('http://p1.example.net/');

    nowMs += silentAfterMs + 1;
    expect((await play()).body).toMatchObject({
      code: 'no-appliance-available',
      detail: expect.stringContaining('p1 is silent'),
    });
    await call('PATCH', `/v1/appliances/${second}`, { mode: 'active' });
    await heartbeat(second);
    expect((await play()).body.appliances.map(({ id }) => id)).toEqual([second]);
  });

  it('refuses what cannot be played, each for its reason', async () => {
    await catalogue.create(publishedAsset('raw', { state: 'uploaded', version: null }));
    await catalogue.create(publishedAsset('trash', { state: 'deleted' }));
    await heartbeat('b1');
    for (const [request, status, code] of [
      [{ assetId: 'none' }, 404, 'asset-not-found'],
      [{ assetId: 'raw' }, 409, 'asset-not-published'],
      [{ assetId: 'trash' }, 410, 'gone'],
      [{ assetId: 'film', region: 'atlantis' }, 404, 'region-not-found'],
      [{ assetId: 'film', ip: '999.1.1.1' }, 400, 'invalid-request'],
      [{ assetId: 'film', ttlS: 0 }, 400, 'invalid-request'],
      [{ assetId: 'film', ttlS: 8 * 86_400 }, 400, 'invalid-request'],
    ] as const) {
      expect(await call('POST', '/v1/playback', request)).toMatchObject({ status, body: { code } });
    }
  });
});

describe('demand', () => {
  const importCsv = (text: string) => call('POST', '/v1/demand', text, { 'content-type': 'text/csv' });
  const exportCsv = async (query: string) => (await call<string>('GET', `/v1/demand?${query}`)).body;

  it('comes out as it went in, hours and whole days alike, and importing it again changes nothing', async () => {
    const table = [
      'hour,region,asset,views,bytes',
      '2026-11-18,berlin,film,40,4000',
      '2026-11-19T07,berlin,film,3,300',
      '2026-11-19T08,berlin,other,1,100',
      '2026-11-19T08,paris,film,2,200',
      '',
    ].join('\n');
    expect((await importCsv(table)).body).toEqual({ rows: 4, regions: 2, days: 2 });
    const range = 'from=2026-11-18&to=2026-11-19';
    expect(await exportCsv(range)).toBe(table);
    expect((await importCsv(await exportCsv(range))).status).toBe(200);
    expect(await exportCsv(range)).toBe(table);
    expect(await exportCsv(`${range}&region=paris`)).toBe(
      'hour,region,asset,views,bytes\n2026-11-19T08,paris,film,2,200\n',
    );
  });

  it('sums a cell that is written twice, wherever in the table', async () => {
    await importCsv(
      'day,bytes,views,asset,region\r\n2026-11-10,10,1,film,berlin\r\n2026-11-11,1,1,film,berlin\r\n2026-11-10,5,1,film,berlin\r\n',
    );
    expect(await exportCsv('region=berlin&from=2026-11-10&to=2026-11-10')).toContain('2026-11-10,berlin,film,2,15\n');
  });

  it('takes nothing when one line is wrong, and names the lines', async () => {
    const lines = Array.from({ length: 30 }, (_, i) => `2026-11-0${i % 2},berlin,film,1,x${i}`);
    const bad = [
      'hour,region,asset,views,bytes',
      '2026-11-01,berlin,film,9,9',
      ...lines,
      '2026-11-01,atlantis,film,1,1',
      'too,few',
    ];
    const { status, body } = await importCsv(bad.join('\n'));
    expect(status).toBe(422);
    expect(body.code).toBe('invalid-demand');
    expect(body.errors).toHaveLength(20);
    expect(body.errors).toContainEqual({
      at: 'line 3',
      message: expect.stringContaining('bytes must be a whole number'),
    });
    expect(body.detail).toContain('32 lines cannot be taken, so nothing was');
    expect(body.detail).toContain('Unknown regions: atlantis; known: berlin, paris, tokyo');
    expect(await exportCsv('from=2026-11-01&to=2026-11-01')).toBe('hour,region,asset,views,bytes\n');
  });

  it('says what the table must look like', async () => {
    expect((await importCsv('a,b\n1,2\n')).body).toMatchObject({
      code: 'invalid-demand',
      detail: expect.stringContaining('hour,region,asset,views,bytes'),
    });
    expect((await importCsv('hour,region,asset,views,bytes\n')).body.detail).toContain('no rows');
    expect((await call('POST', '/v1/demand', { rows: [] })).status).toBe(415);
    expect((await call('GET', '/v1/demand?from=2026-02-30')).status).toBe(400);
    expect((await call('GET', '/v1/demand?region=atlantis')).body.code).toBe('region-not-found');
  });

  it('counts a batch of telemetry once, however often it comes', async () => {
    const batch = {
      batchId: 'b1-0001',
      applianceId: 'b1',
      rows: [{ assetId: 'film', day: '2026-11-20', hour: 13, outcome: 'hit-disk', requests: 5, views: 2, bytes: 500 }],
    };
    const authorization = `Bearer ${formatApplianceBearer('b1', applianceCredential(fleetSecret, 'b1'))}`;
    for (let i = 0; i < 3; i += 1) {
      expect((await call('POST', '/internal/v1/telemetry', batch, { authorization })).status).toBe(204);
    }
    expect(await exportCsv('region=berlin&from=2026-11-20&to=2026-11-20')).toContain(
      '2026-11-20T13,berlin,film,2,500\n',
    );
    const wrong = { ...batch, batchId: 'b1-0002', rows: [{ ...batch.rows[0], outcome: 'made-up' }] };
    expect((await call('POST', '/internal/v1/telemetry', wrong, { authorization })).status).toBe(400);
  });
});

describe('fills, forecasts and reports', () => {
  it('creates a fill, queues its plan, and refuses a second one beside it', async () => {
    const created = await call('POST', '/v1/fills', { regionId: 'berlin', start: 'now' });
    expect(created.status).toBe(202);
    expect(created.headers.get('location')).toBe('/v1/fills/berlin-2026-11-21');
    expect(created.body).toMatchObject({
      id: 'berlin-2026-11-21',
      date: '2026-11-21',
      run: 1,
      state: 'scheduled',
      start: 'now',
    });
    expect(await jobs.get('plan-region', 'plan-berlin-2026-11-21')).toMatchObject({
      state: 'waiting',
      payload: { regionId: 'berlin', date: '2026-11-21', fillId: 'berlin-2026-11-21' },
    });
    const second = await call('POST', '/v1/fills', { regionId: 'berlin', start: 'now' });
    expect(second).toMatchObject({
      status: 409,
      body: { code: 'fill-running', detail: expect.stringContaining('berlin-2026-11-21') },
    });
    expect((await call('POST', '/v1/fills', { regionId: 'paris', start: 'now' })).status).toBe(202);
  });

  it('cancels a fill and numbers the next one', async () => {
    const cancelled = await call('DELETE', '/v1/fills/berlin-2026-11-21');
    expect(cancelled.body).toMatchObject({ state: 'cancelled', finishedAt: expect.any(String) });
    expect(await jobs.get('plan-region', 'plan-berlin-2026-11-21')).toBeNull();
    expect((await call('DELETE', '/v1/fills/berlin-2026-11-21')).status).toBe(409);
    expect((await call('POST', '/v1/fills', { regionId: 'berlin', start: 'now' })).body).toMatchObject({
      id: 'berlin-2026-11-21-2',
      run: 2,
    });
    const list = await call<{ items: Doc[] }>('GET', '/v1/fills?region=berlin');
    expect(list.body.items.map(({ id }) => id)).toEqual(['berlin-2026-11-21-2', 'berlin-2026-11-21']);
    expect((await call('GET', '/v1/fills/nothing')).body.code).toBe('fill-not-found');
  });

  it('lets only one of several callers at once start a fill', async () => {
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => call('POST', '/v1/fills', { regionId: 'tokyo', start: 'now' })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409, 409, 409]);
    for (const { status, body } of answers) if (status === 202) await call('DELETE', `/v1/fills/${body.id}`);
  });

  it('lets the plan of a window’s fill wait until shortly before the window', async () => {
    const fill = await call('POST', '/v1/fills', { regionId: 'tokyo', start: 'window', date: '2026-11-25' });
    expect(fill.status).toBe(202);
    expect(await jobs.get('plan-region', `plan-${fill.body.id}`)).toMatchObject({ state: 'delayed' });
    expect((await call('POST', '/v1/fills', { regionId: 'tokyo', start: 'window', date: '2026-11-25' })).status).toBe(
      409,
    );
    expect((await call('POST', '/v1/fills', { regionId: 'tokyo', start: 'now' })).status).toBe(202);
    const past = await call('POST', '/v1/fills', { regionId: 'tokyo', start: 'window', date: '2026-11-19' });
    expect(past.body.detail).toContain('date must be 2026-11-20 or later');
  });

  it('answers the frozen forecast and plan, narrowed to one asset where asked', async () => {
    const forecast = {
      schema: 1,
      regionId: 'paris',
      date: '2026-11-21',
      model: 'recency-weekday',
      madeAt: '2026-11-20T12:00:00.000Z',
      historyUntil: null,
      historyDays: 0,
      expectedViews: 1,
      expectedBytes: 10,
      score: null,
      assets: [{ assetId: 'film', expectedViews: 1, expectedBytes: 10, lowBytes: 5, highBytes: 15, observedDays: 1 }],
    } as const;
    await documents.putForecast(forecast);
    expect((await call('GET', '/v1/regions/paris/forecast?date=2026-11-21')).body).toEqual(forecast);

    const file = (assetId: string) =>
      ({
        key: `${assetId}/v1/x`,
        assetId,
        rendition: null,
        sizeBytes: 1,
        sha256: '0',
        expectedBytes: 1,
        value: 1,
        reason: 'expected-demand',
      }) as const;
    const plan = {
      schema: 1,
      id: 'paris-2026-11-21',
      regionId: 'paris',
      date: '2026-11-21',
      run: 1,
      frozenAt: '2026-11-20T12:00:00.000Z',
      window: { start: '02:00', end: '05:00' },
      timeZone: 'Europe/Berlin',
      budget: { bytesPerNight: 1, rateBps: 1 },
      forecastKey: 'forecasts/paris/2026-11-21.json',
      forecastModel: 'recency-weekday',
      expectedBytes: 10,
      plannedCoverage: 1,
      fetchBytes: 2,
      fetchFiles: 2,
      appliances: [{ applianceId: 'p1', capacityBytes: 9, fetch: [file('film'), file('other')], keep: [], evict: [] }],
      rejected: [],
    } as const;
    await documents.putPlan(plan);
    expect((await call('GET', '/v1/regions/paris/plan?date=2026-11-21')).body).toEqual({ frozen: true, ...plan });
    const narrowed = await call<typeof plan>('GET', '/v1/regions/paris/plan?date=2026-11-21&asset=film');
    expect(narrowed.body.appliances[0].fetch.map(({ assetId }) => assetId)).toEqual(['film']);
  });

  it('asks the forecast worker for what is not frozen', async () => {
    const worker = await jobs.work('plan-region', async ({ payload }) => {
      if (!payload.dry) return { kind: 'frozen', fillId: payload.fillId ?? '' };
      const forecast = await documents.getForecast('paris', '2026-11-21');
      const plan = await documents.getPlan('paris', '2026-11-21');
      if (!forecast || !plan) throw new Error('missing');
      return { kind: 'dry', forecast: { ...forecast, date: payload.date ?? '' }, plan };
    });
    expect((await call('GET', '/v1/regions/paris/forecast?date=2026-11-30')).body).toMatchObject({
      date: '2026-11-30',
    });
    expect((await call('GET', '/v1/regions/paris/plan?date=2026-11-30')).body).toMatchObject({ frozen: false });
    await worker.close(0);
    expect((await call('GET', '/v1/regions/paris/forecast?date=30.11.')).status).toBe(400);
  });

  it('answers reports, newest first, also as CSV', async () => {
    const none = { files: 0, bytes: 0 };
    const counts = { planned: { files: 2, bytes: 20 }, pushed: { files: 1, bytes: 10 }, skipped: none, failed: none };
    for (const date of ['2026-11-18', '2026-11-19']) {
      await documents.putReport({
        schema: 1,
        fillId: `paris-${date}`,
        regionId: 'paris',
        date,
        run: 1,
        state: 'completed',
        startedAt: `${date}T01:00:00.000Z`,
        finishedAt: `${date}T02:00:00.000Z`,
        durationS: 3600,
        ...counts,
        meanRateBps: 1,
        peakRateBps: 2,
        forecastCoverage: 0.5,
        appliances: [{ applianceId: 'p1', ...counts, evicted: none }],
        failures: [],
        failureCounts: { 'appliance-full': 1 },
        score: null,
      });
    }
    const list = await call<{ items: Doc[]; next: string | null }>('GET', '/v1/regions/paris/fill-reports?limit=1');
    expect(list.body).toMatchObject({
      items: [{ date: '2026-11-19', failureCounts: { 'appliance-full': 1 } }],
      next: '2026-11-19',
    });
    const csv = await call<string>('GET', '/v1/regions/paris/fill-reports', undefined, { accept: 'text/csv' });
    expect(csv.headers.get('content-type')).toContain('text/csv');
    expect(csv.body.split('\n')[1]).toMatch(/^paris,2026-11-19,1,completed,.*,p1,2,20,1,10,0,0,0,0,0,0,0\.5,$/);
    expect((await call('GET', '/v1/regions/paris/fill-reports/2026-11-18')).body).toMatchObject({
      fillId: 'paris-2026-11-18',
    });
    expect((await call('GET', '/v1/regions/paris/fill-reports/2026-11-01')).body.code).toBe('report-not-found');
  });
});

describe('the whole', () => {
  it('tells what runs', async () => {
    const { body } = await call('GET', '/v1/status');
    expect(body).toMatchObject({
      checks: { redis: 'ok', store: 'ok' },
      regions: 3,
      assets: { published: 1, uploaded: 1, deleted: 1 },
      jobs: { 'plan-region': { waiting: expect.any(Number) } },
    });
  });

  it('describes every route with its answers', async () => {
    const { body } = await call<{ paths: Record<string, Record<string, { responses: object }>> }>(
      'GET',
      '/openapi.json',
    );
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining(['/v1/playback', '/v1/fills/{id}', '/v1/regions/{id}/plan']),
    );
    expect(Object.keys(body.paths).filter((path) => !path.startsWith('/v1/'))).toEqual([]);
    expect(Object.keys(body.paths['/v1/playback']?.post?.responses ?? {})).toEqual(
      expect.arrayContaining(['200', '401', '404', '503']),
    );
  });

  it('restores everything after a loss of Redis, unfinished work included', async () => {
    await kit.flushAll();
    const { body } = await call<Record<string, number>>('POST', '/v1/rebuild');
    expect(body).toMatchObject({ fleetDocuments: 9, assets: 3 });
    expect(body.demandDays).toBeGreaterThan(0);
    expect(await jobs.get('transcode-asset', 'transcode-raw')).toMatchObject({ state: 'waiting' });
    expect(await jobs.get('delete-asset', 'delete-trash')).not.toBeNull();
    expect(await jobs.get('plan-region', 'plan-tokyo-2026-11-25')).toMatchObject({ state: 'delayed' });
    expect((await call('GET', '/v1/regions')).status).toBe(200);
  });
});

interface PlaybackBody {
  readonly hls: string;
  readonly dash: string;
  readonly expiresAt: string;
  readonly region: { readonly id: string; readonly reason: string; readonly detail: string };
  readonly appliances: readonly { readonly id: string }[];
}
