import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentAfterMs } from '../../shared/domain/fleet.ts';
import { rankAppliances } from '../../shared/domain/routing/rendezvous.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { makePortsKit, type PortsKit } from '../../shared/testing/ports-kit.ts';
import { contentKeyOf, parseContentSecrets } from '../../shared/tokens/content-keys.ts';
import { applianceCredential, formatApplianceBearer, pullCredential } from '../../shared/tokens/credentials.ts';
import { makeTokenVerifier } from '../../shared/tokens/playback.ts';
import { appliance, manifest, publishedAsset, region } from './testing/builders.ts';
import {
  apiKey,
  bearerOfAppliance,
  contentSecret,
  fleetSecret,
  startControl,
  type TestControl,
} from './testing/start-control.ts';

const start = Date.parse('2026-11-20T14:00:00Z');
let nowMs = start;
const clock: Clock = { ...systemClock, now: () => nowMs };
let ports: PortsKit;
let control: TestControl;
const call: TestControl['call'] = (...args) => control.call(...args);
const heartbeat: TestControl['heartbeat'] = (...args) => control.heartbeat(...args);

beforeAll(async () => {
  ports = await makePortsKit(clock);
  control = await startControl(ports, clock);
});

afterAll(async () => {
  await control.close();
  await ports.dispose();
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
    await ports.catalogue.create(publishedAsset('film'));
    await ports.documents.putManifest(manifest('film'));
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

  it('shares the viewers of a title with several copies out among its edges, each viewer always to the same', async () => {
    nowMs += 60_000;
    await ports.catalogue.create(publishedAsset('hit'));
    await ports.documents.putManifest(manifest('hit'));
    for (const id of ['t1', 't2']) {
      await call('POST', '/v1/appliances', appliance(id, 'tokyo'));
      await heartbeat(id);
    }
    const nothing = { files: 0, bytes: 0 };
    await ports.documents.createFill({
      id: 'tokyo-2026-11-21',
      regionId: 'tokyo',
      date: '2026-11-21',
      run: 1,
      state: 'completed',
      start: 'now',
      createdAt: new Date(start).toISOString(),
      startedAt: null,
      finishedAt: null,
      message: null,
      planned: nothing,
      pushed: nothing,
      skipped: nothing,
      failed: nothing,
      rateBps: 0,
      copies: { hit: 2 },
    });
    const edgeOf = async (assetId: string, ip: string) =>
      (await call<PlaybackBody>('POST', '/v1/playback', { assetId, ip })).body.appliances[0]?.id;
    const viewers = Array.from({ length: 12 }, (_, index) => `2001:db8::${index + 1}`);
    const edges = await Promise.all(viewers.map((ip) => edgeOf('hit', ip)));
    expect(new Set(edges)).toEqual(new Set(['t1', 't2']));
    expect(await Promise.all(viewers.map((ip) => edgeOf('hit', ip)))).toEqual(edges);
    expect(new Set(await Promise.all(viewers.map((ip) => edgeOf('film', ip)))).size).toBe(1);
  });

  it('gives an appliance the keys of an encrypted version while it may serve, and players the place to ask', async () => {
    const [secret] = parseContentSecrets(contentSecret);
    if (!secret) throw new Error('a secret was given');
    const key = contentKeyOf(secret, { assetId: 'sealed', version: 'v1' }, 'video');
    const encryption = { scheme: 'cbcs', secretId: secret.id, keys: [{ id: key.id, kind: 'video' }] } as const;
    await ports.catalogue.create(publishedAsset('sealed'));
    await ports.documents.putManifest(manifest('sealed', { encryption }));
    await ports.documents.putManifest(manifest('foreign', { encryption: { ...encryption, secretId: 'gone' } }));
    const ask = (assetId: string, id = 'b1', bearer = bearerOfAppliance('b1')) =>
      call(
        'POST',
        '/internal/v1/content-keys',
        { applianceId: id, assetId, version: 'v1' },
        { authorization: `Bearer ${bearer}` },
      );

    const given = await ask('sealed');
    expect(given).toMatchObject({ status: 200, body: { keys: [{ id: key.id, key: key.key.toString('base64url') }] } });
    expect(given.headers.get('cache-control')).toBe('no-store');
    expect((await ask('sealed', 'b2')).status).toBe(403);
    expect((await ask('sealed', 'b1', apiKey)).status).toBe(401);
    expect(await ask('film')).toMatchObject({ status: 404, body: { code: 'not-found' } });
    expect(await ask('foreign')).toMatchObject({ status: 503, body: { code: 'keys-unavailable' } });
    await heartbeat('b1');
    const play = (assetId: string) => call<PlaybackBody>('POST', '/v1/playback', { assetId, region: 'berlin' });
    const { clearKey, encryption: scheme, hls } = (await play('sealed')).body;
    expect([scheme, clearKey]).toEqual(['cbcs', hls.replace('main.m3u8', 'keys/clearkey')]);
    expect((await play('film')).body).toMatchObject({ encryption: 'none', clearKey: null });

    await call('PATCH', '/v1/appliances/b1', { mode: 'disabled' });
    expect((await ask('sealed')).status).toBe(403);
    await call('PATCH', '/v1/appliances/b1', { mode: 'active' });
  });

  it('plays nothing before its premiere: an instant everywhere, or midnight where the viewer is served', async () => {
    const dayMs = 86_400_000;
    const dateIn = (days: number): string => new Date(Date.now() + days * dayMs).toISOString().slice(0, 10);
    const soon = new Date(Date.now() + dayMs).toISOString();
    await ports.catalogue.create(publishedAsset('at', { premieresAt: soon, premiereDate: dateIn(-9) }));
    await ports.catalogue.create(publishedAsset('on', { premiereDate: dateIn(3) }));
    await heartbeat('b1');
    const refused = await call('POST', '/v1/playback', { assetId: 'at' });
    expect(refused).toMatchObject({ status: 403, body: { code: 'embargoed', detail: expect.stringContaining(soon) } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(80_000);
    expect(await call('POST', '/v1/playback', { assetId: 'on' })).toMatchObject({ body: { code: 'embargoed' } });
    await ports.catalogue.update('on', (asset) => ({ ...asset, premiereDate: dateIn(-2) }));
    expect((await call('POST', '/v1/playback', { assetId: 'on' })).body.code).not.toBe('embargoed');
  });

  it('plays the beginning of what is still being encoded, not before its premiere, and says so', async () => {
    const early = { version: 'v7', hls: 'master.m3u8', since: new Date(nowMs).toISOString() };
    await ports.catalogue.create(publishedAsset('growing', { state: 'transcoding', version: null, early }));
    await heartbeat('b1');
    const answer = await call('POST', '/v1/playback', { assetId: 'growing' });
    expect(answer).toMatchObject({ status: 200, body: { state: 'growing', version: 'v7', dash: null } });
    expect(answer.body.hls).toMatch(/\/v\/growing\/v7\/master\.m3u8$/);
    await ports.catalogue.update('growing', (asset) => ({
      ...asset,
      premieresAt: new Date(nowMs + 60_000).toISOString(),
    }));
    expect(await call('POST', '/v1/playback', { assetId: 'growing' })).toMatchObject({ body: { code: 'embargoed' } });
    await ports.catalogue.update('growing', (asset) => ({ ...asset, state: 'failed', early: null }));
    const failed = await call('POST', '/v1/playback', { assetId: 'growing' });
    expect(failed).toMatchObject({ status: 409, body: { code: 'asset-not-published' } });
  });

  it('refuses what cannot be played, each for its reason', async () => {
    await ports.catalogue.create(publishedAsset('raw', { state: 'uploaded', version: null }));
    await ports.catalogue.create(publishedAsset('trash', { state: 'deleted' }));
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

interface PlaybackBody {
  readonly hls: string;
  readonly dash: string;
  readonly encryption: string;
  readonly clearKey: string | null;
  readonly expiresAt: string;
  readonly region: { readonly id: string; readonly reason: string; readonly detail: string };
  readonly appliances: readonly { readonly id: string }[];
}
