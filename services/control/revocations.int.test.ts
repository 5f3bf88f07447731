import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeHttpServer } from '../../shared/platform/http-server.ts';
import { makeLogger } from '../../shared/platform/logger.ts';
import { makeMetrics } from '../../shared/platform/metrics.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { makePortsKit, type PortsKit } from '../../shared/testing/ports-kit.ts';
import { publishTestAsset } from '../../shared/testing/published.ts';
import { appliance, region } from './testing/builders.ts';
import { type Doc, startControl, type TestControl } from './testing/start-control.ts';

let nowMs = Date.parse('2026-11-20T14:00:00Z');
const clock: Clock = { now: () => nowMs, sleep: async () => {} };
const edge = makeHttpServer({ logger: makeLogger('edge', 'silent'), metrics: makeMetrics('edge') });
let ports: PortsKit;
let control: TestControl;
/** What the appliance is told when it asks as it is told to. */
const told: (readonly string[])[] = [];

beforeAll(async () => {
  ports = await makePortsKit(clock);
  control = await startControl(ports, clock);
  edge.post('/fill/beat', async (_request, reply) => {
    told.push((await control.heartbeat('e1')).body.revokedSessions ?? []);
    return reply.code(204).send();
  });
  await control.call('POST', '/v1/regions', region('r'));
  const internalUrl = await edge.listen({ host: '127.0.0.1', port: 0 });
  await control.call('POST', '/v1/appliances', appliance('e1', 'r', { internalUrl }));
  await control.call('POST', '/v1/appliances', appliance('e2', 'r', { internalUrl: 'http://127.0.0.1:9' }));
  await control.heartbeat('e1');
  await control.heartbeat('e2');
  await publishTestAsset({ ...ports, store: ports.redisKit.store }, 'film', [1_000]);
});
afterAll(async () => {
  await control?.close();
  await edge.close();
  await ports?.dispose();
});

const list = async () => (await control.call<{ items: Doc[] }>('GET', '/v1/revocations')).body.items;

it('ends a playback by its URL, and says which appliances have heard of it', async () => {
  const playback = await control.call('POST', '/v1/playback', { assetId: 'film', region: 'r' });
  const { session, hls } = playback.body;
  const revoked = await control.call('POST', '/v1/revocations', { url: hls, reason: 'shared' });
  expect(revoked).toMatchObject({
    status: 201,
    body: { id: session, reason: 'shared', told: ['e1'], notReached: ['e2'] },
  });
  expect(told.at(-1)).toEqual([session]);
  expect((await control.call('POST', '/v1/revocations', { session })).status).toBe(201);
  expect(await list()).toHaveLength(1);

  expect((await control.call('DELETE', `/v1/revocations/${session}`)).status).toBe(204);
  expect(told.at(-1)).toEqual([]);
  expect((await control.call('DELETE', `/v1/revocations/${session}`)).body.code).toBe('revocation-not-found');
});

it('refuses what names no session, and says what would', async () => {
  for (const body of [
    {},
    { session: 'a', url: 'http://e/t/x/v/film' },
    { session: 'two words' },
    { url: 'http://e/t/not-a-token/v/film/v1/master.m3u8' },
    { url: 'http://e/v/film/v1/master.m3u8' },
  ]) {
    const { status, body: problem } = await control.call('POST', '/v1/revocations', body);
    expect(status).toBe(400);
    expect(problem.detail).toMatch(/session|playback URL/);
  }
});

it('forgets a revocation when no token of the session can be good any more', async () => {
  await control.call('POST', '/v1/revocations', { session: 'old-one' });
  expect((await control.heartbeat('e1')).body.revokedSessions).toEqual(['old-one']);
  nowMs += 8 * 86_400_000;
  expect((await control.heartbeat('e1')).body.revokedSessions).toBeUndefined();
  expect(await list()).toEqual([]);
  await control.call('POST', '/v1/revocations', { session: 'new-one' });
  expect((await ports.fleet.listRevocations()).map(({ id }) => id)).toEqual(['new-one']);
});

it('tells appliances which assets are deleted and may come back', async () => {
  nowMs += 2_000;
  expect((await control.heartbeat('e1')).body.hiddenAssets).toBeUndefined();
  await ports.catalogue.update('film', (asset) => ({ ...asset, state: 'deleted' }));
  nowMs += 2_000;
  expect((await control.heartbeat('e1')).body.hiddenAssets).toEqual(['film']);
  expect(await control.call('POST', '/v1/playback', { assetId: 'film', region: 'r' })).toMatchObject({
    status: 410,
    body: { code: 'gone' },
  });
  await ports.catalogue.update('film', (asset) => ({ ...asset, state: 'published' }));
  nowMs += 2_000;
  expect((await control.heartbeat('e1')).body.hiddenAssets).toBeUndefined();
});
