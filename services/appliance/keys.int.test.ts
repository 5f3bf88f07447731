import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeFolderObjectStore } from '../../shared/adapters/folder/folder-object-store.ts';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { pullCredential } from '../../shared/tokens/credentials.ts';
import type { SigningKey } from '../../shared/tokens/keys.ts';
import {
  type ControlStandIn,
  fleetSecret,
  makeKey,
  makeTitle,
  publish,
  type RunningAppliance,
  send,
  signedPath,
  startAppliance,
  startControl,
} from './testing/fleet.ts';

const kid = 'aa'.repeat(16);
const key = Buffer.from('the key, 16 byte');
const encryption = (scheme: 'aes-128' | 'cbcs') => ({
  scheme,
  secretId: 'x',
  keys: [{ id: kid, kind: 'video' as const }],
});
const segments = [{ path: 'video-720p/seg-0.m4s', sizeBytes: 1_000 }];
const film = makeTitle('film', segments, undefined, { encryption: encryption('cbcs') });
const whole = makeTitle('whole', segments, undefined, { encryption: encryption('aes-128') });
const clear = makeTitle('clear', segments);

let dir: string;
let store: ObjectStore;
let control: ControlStandIn;
let signingKey: SigningKey;
let appliance: RunningAppliance;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-keys-'));
  store = makeFolderObjectStore({ root: join(dir, 'store') });
  control = await startControl();
  signingKey = await makeKey();
  for (const title of [film, whole, clear]) await publish(store, title);
  for (const { assetId } of [film, whole])
    control.contentKeys.set(`${assetId}/v1`, [{ id: kid, key: key.toString('base64url') }]);
  appliance = await startAppliance({
    ...{ id: 'edge-1', dir: join(dir, 'edge-1'), control, key: signingKey, store },
    openCache: (cacheDir) => openSliceCache({ dir: cacheDir, capacityBytes: 1e9, memoryBytes: 16e6 }),
  });
  await vi.waitFor(async () => expect((await send(appliance.port, '/readyz')).status).toBe(200), { timeout: 10_000 });
});
afterAll(async () => {
  await appliance.stop();
  await control.goAway();
  await rm(dir, { recursive: true, force: true });
});

const pathOf = (title = film, path = `keys/${kid}`) => signedPath(signingKey, title, path);
const licence = (path: string, body: unknown) =>
  send(appliance.port, path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  });
const base64url = Buffer.from(kid, 'hex').toString('base64url');

describe('keys', () => {
  it('are given to who holds a token, and to be stored by nobody', async () => {
    const { status, headers, body } = await send(appliance.port, await pathOf());
    expect([status, body]).toEqual([200, key]);
    expect(headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '16',
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
      'cache-status': 'nightfill-edge-1; detail=key',
    });
    expect(headers.etag).toBeUndefined();
    expect((await send(appliance.port, await pathOf(whole))).body).toEqual(key);
  });

  it.each([
    ['no token', `/v/film/v1/keys/${kid}`, 401, 'token-missing'],
    ['a forged token', `/t/aaaa.bbbb.cccc/v/film/v1/keys/${kid}`, 401, 'token-invalid'],
  ])('are refused with %s', async (_, path, status, code) => {
    const answer = await send(appliance.port, path);
    expect([answer.status, JSON.parse(answer.body.toString()).code]).toEqual([status, code]);
    expect((await licence(path.replace(kid, 'clearkey'), { kids: [base64url] })).status).toBe(status);
  });

  it('are refused with the token of another title, to other appliances, and where there are none', async () => {
    const other = (await pathOf(clear, `keys/${kid}`)).replace('/v/clear/', '/v/film/');
    expect((await send(appliance.port, other)).status).toBe(403);
    const headers = { authorization: `Bearer ${pullCredential(fleetSecret, 'edge-1')}` };
    expect((await send(appliance.port, `/v/film/v1/keys/${kid}`, { headers })).status).toBe(404);
    expect((await send(appliance.port, await pathOf(clear, `keys/${kid}`))).status).toBe(404);
    const before = control.keyRequests.length;
    expect((await send(appliance.port, await pathOf(film, `keys/${'bb'.repeat(16)}`))).status).toBe(404);
    expect(control.keyRequests.length).toBe(before);
  });

  it('come as a ClearKey licence where players ask for one', async () => {
    const answer = await licence(await pathOf(film, 'keys/clearkey'), { kids: [base64url, 'AAAA'], type: 'temporary' });
    expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-store']);
    expect(JSON.parse(answer.body.toString())).toEqual({
      keys: [{ kty: 'oct', kid: base64url, k: key.toString('base64url') }],
      type: 'temporary',
    });
    const path = await pathOf(film, 'keys/clearkey');
    expect((await licence(path, { kids: ['AAAA'] })).status).toBe(404);
    expect((await licence(path, 'no JSON')).status).toBe(400);
    expect((await licence(path, ' '.repeat(20_000))).status).toBe(413);
    expect((await send(appliance.port, path)).headers.allow).toBe('POST, OPTIONS');
    expect((await licence(await pathOf(whole, 'keys/clearkey'), { kids: [base64url] })).status).toBe(404);
    expect((await licence(await pathOf(clear, 'keys/clearkey'), { kids: [base64url] })).status).toBe(404);
    expect((await licence(await pathOf(film, 'master.m3u8'), {})).status).toBe(405);
    const preflight = await send(appliance.port, path, { method: 'OPTIONS' });
    expect(preflight.headers).toMatchObject({
      'access-control-allow-methods': 'POST, OPTIONS',
      'access-control-allow-headers': 'Content-Type',
    });
  });

  it('play on while control is away, and are never on the disk', async () => {
    await control.goAway();
    try {
      expect((await send(appliance.port, await pathOf())).body).toEqual(key);
    } finally {
      await control.comeBack();
    }
    const files = (await readdir(join(dir, 'edge-1'), { recursive: true, withFileTypes: true })).filter((entry) =>
      entry.isFile(),
    );
    expect(files.length).toBeGreaterThan(0);
    for (const { parentPath, name } of files) {
      const bytes = await readFile(join(parentPath, name));
      expect(bytes.includes(key) || bytes.includes(key.toString('base64url'))).toBe(false);
    }
  });
});
