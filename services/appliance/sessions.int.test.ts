import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { makeFolderObjectStore } from '../../shared/adapters/folder/folder-object-store.ts';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { applianceCredential } from '../../shared/tokens/credentials.ts';
import type { SigningKey } from '../../shared/tokens/keys.ts';
import { signPlaybackToken } from '../../shared/tokens/playback.ts';
import {
  type ControlStandIn,
  fleetSecret,
  makeKey,
  makeTitle,
  publish,
  type RunningAppliance,
  send,
  startAppliance,
  startControl,
} from './testing/fleet.ts';

const title = makeTitle('film', [{ path: 'video-720p/seg-0.m4s', sizeBytes: 5_000 }]);
const path = '/v/film/v1/video-720p/seg-0.m4s';

let dir: string;
let store: ObjectStore;
let control: ControlStandIn;
let key: SigningKey;
let edge: RunningAppliance;
const nowS = () => Math.floor(Date.now() / 1_000);
const sign = (more: Partial<Parameters<typeof signPlaybackToken>[0]>) =>
  signPlaybackToken({ key, assetId: 'film', version: 'v1', expiresAtS: nowS() + 60, ...more });
const statusOf = async (token: string) => (await send(edge.port, `/t/${token}${path}`)).status;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-sessions-'));
  store = makeFolderObjectStore({ root: join(dir, 'store') });
  await publish(store, title);
  control = await startControl();
  key = await makeKey();
  const openCache = (at: string) => openSliceCache({ dir: at, capacityBytes: 1e9, memoryBytes: 64e6 });
  edge = await startAppliance({ id: 'edge-1', dir: join(dir, 'edge-1'), control, key, openCache, store });
  await vi.waitFor(async () => expect((await send(edge.port, '/readyz')).status).toBe(200), { timeout: 10_000 });
});
afterAll(async () => {
  await edge?.stop();
  await control?.goAway();
  await store?.close();
  await rm(dir, { recursive: true, force: true });
});

it('a token expires on the second, also for an address that was admitted before', async () => {
  const token = await sign({ expiresAtS: nowS() + 2 });
  expect(await statusOf(token)).toBe(200);
  expect(await statusOf(token)).toBe(200);
  await expect.poll(() => statusOf(token), { timeout: 5_000 }).toBe(401);
  expect(await statusOf(await sign({}))).toBe(200);
});

it('a session that control revokes is refused with the next heartbeat; others go on', async () => {
  const [one, two] = [await sign({ sessionId: 's-1' }), await sign({ sessionId: 's-2' })];
  expect([await statusOf(one), await statusOf(two)]).toEqual([200, 200]);
  const orders = control.orders.get('edge-1');
  if (!orders) throw new Error('no orders');
  control.orders.set('edge-1', { ...orders, revokedSessions: ['s-1'] });
  await expect.poll(() => statusOf(one), { timeout: 3_500, interval: 100 }).toBe(401);
  expect(await statusOf(two)).toBe(200);
  // Told to ask, it does so before it answers.
  control.orders.set('edge-1', orders);
  const nudge = { method: 'POST', headers: { authorization: `Bearer ${applianceCredential(fleetSecret, 'edge-1')}` } };
  expect((await send(edge.port, '/fill/beat', nudge)).status).toBe(204);
  expect(await statusOf(one)).toBe(200);
  expect((await send(edge.port, '/fill/beat', { method: 'POST' })).status).toBe(401);
});

it('an asset that control hides is answered with 410 with the next heartbeat, held all the while, and plays again after', async () => {
  const token = await sign({});
  expect(await statusOf(token)).toBe(200);
  const orders = control.orders.get('edge-1');
  if (!orders) throw new Error('no orders');
  control.orders.set('edge-1', { ...orders, hiddenAssets: ['film'] });
  await expect.poll(() => statusOf(token), { timeout: 3_500, interval: 100 }).toBe(410);
  control.orders.set('edge-1', orders);
  await expect.poll(() => statusOf(token), { timeout: 3_500, interval: 100 }).toBe(200);
});

it('a token bound to an address opens for that one only, whoever used it before', async () => {
  expect(await statusOf(await sign({ boundTo: '127.0.0.0/8' }))).toBe(200);
  const elsewhere = await sign({ boundTo: '192.0.2.0/24' });
  expect([await statusOf(elsewhere), await statusOf(elsewhere)]).toEqual([403, 403]);
});

it('a viewer with a cookie gets a fresh one in time, good for the same title only', async () => {
  const young = await sign({ renewForS: 60, sessionId: 's-3' });
  expect(
    (await send(edge.port, path, { headers: { cookie: `nf_token=${young}` } })).headers['set-cookie'],
  ).toBeUndefined();
  const old = await sign({ renewForS: 600, sessionId: 's-3' });
  const answer = await send(edge.port, path, { headers: { cookie: `nf_token=${old}` } });
  const [cookie = ''] = answer.headers['set-cookie'] ?? [];
  expect(cookie).toMatch(/^nf_token=[\w.-]+; Path=\/v\/film\/v1; Max-Age=600; HttpOnly$/);
  const fresh = cookie.slice('nf_token='.length, cookie.indexOf(';'));
  expect((await send(edge.port, path, { headers: { cookie: `nf_token=${fresh}` } })).status).toBe(200);
  // In the path it says nothing of cookies: the address would not change.
  expect((await send(edge.port, `/t/${old}${path}`)).headers['set-cookie']).toBeUndefined();
});
