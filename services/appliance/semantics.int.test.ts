import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeFolderObjectStore } from '../../shared/adapters/folder/folder-object-store.ts';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import type { SigningKey } from '../../shared/tokens/keys.ts';
import { signPlaybackToken } from '../../shared/tokens/playback.ts';
import {
  type ControlStandIn,
  makeKey,
  makeTitle,
  publish,
  type RunningAppliance,
  send,
  signedPath,
  startAppliance,
  startControl,
} from './testing/fleet.ts';
import { talk } from './testing/talk.ts';

const playlist = `#EXTM3U\n${'#EXTINF:6.0,\nseg-0.m4s\n'.repeat(50)}`;
const title = makeTitle('film', [{ path: 'video-720p/seg-0.m4s', sizeBytes: 5_000 }], playlist);
const player = 'https://player.example';

let dir: string;
let store: ObjectStore;
let control: ControlStandIn;
let key: SigningKey;
let edge: RunningAppliance;
let target: string;
let token: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-semantics-'));
  store = makeFolderObjectStore({ root: join(dir, 'store') });
  await publish(store, title);
  control = await startControl();
  key = await makeKey();
  const openCache = (at: string) => openSliceCache({ dir: at, capacityBytes: 1e9, memoryBytes: 6e6 });
  const options = { id: 'edge-1', dir: join(dir, 'edge-1'), control, key, openCache, store };
  edge = await startAppliance({ ...options, cookieOrigins: [player] });
  await vi.waitFor(async () => expect((await send(edge.port, '/readyz')).status).toBe(200), { timeout: 10_000 });
  target = await signedPath(key, title, 'master.m3u8');
  token = target.split('/')[2] ?? '';
});
afterAll(async () => {
  await edge?.stop();
  await control?.goAway();
  await store?.close();
  await rm(dir, { recursive: true, force: true });
});

async function exchange(text: string) {
  const connection = talk(edge.port);
  connection.write(text);
  const answer = await connection.answer();
  connection.close();
  return answer;
}

describe('a request line and its host', () => {
  it.each(['a b', 'a/v/other', 'user@host', 'a?b', 'h#x', '\xe9'])('the host %s is none: 400', async (host) => {
    for (const more of ['', 'TE: trailers\r\n'])
      expect((await exchange(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`)).status).toBe(400);
  });

  it('the absolute form names the host, whatever the field says', async () => {
    expect((await exchange(`GET http://edge.test${target} HTTP/1.1\r\nHost: x\r\n\r\n`)).body.toString()).toBe(
      playlist,
    );
    expect((await exchange(`GET HTTP://edge.test:80/healthz HTTP/1.1\r\nHost: x\r\n\r\n`)).status).toBe(200);
    expect((await exchange(`GET http://edge.test HTTP/1.1\r\nHost: x\r\n\r\n`)).status).toBe(404);
    expect((await exchange(`GET http://a@b${target} HTTP/1.1\r\nHost: x\r\n\r\n`)).status).toBe(400);
    const bound = await signPlaybackToken({ key, assetId: 'film', version: 'v1', expiresAtS: Date.now() / 1_000 + 60 });
    const other = `/t/${bound}/v/film/v1/../../x`;
    expect((await exchange(`GET http://edge.test${other} HTTP/1.1\r\nHost: x\r\n\r\n`)).status).toBe(400);
  });

  it.each(['HTTP/2.0', 'HTTP/0.9'])('%s is not spoken on such a connection', async (version) => {
    expect((await exchange(`GET ${target} ${version}\r\nHost: x\r\n\r\n`)).status).toBe(505);
  });

  it('OPTIONS * asks what the whole server takes', async () => {
    const { status, headers } = await exchange('OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n');
    expect([status, headers.allow]).toEqual([204, 'GET, HEAD, OPTIONS']);
  });

  it('more than a hundred fields are too many, in the lane as in Node', async () => {
    const fields = Array.from({ length: 150 }, (_, i) => `x${i}: 1\r\n`).join('');
    expect((await exchange(`GET ${target} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`)).status).toBe(431);
  });
});

describe('what a cache in between may keep', () => {
  it('is what the address alone opens; what a cookie opens is the viewer’s own', async () => {
    const cookie = { cookie: `nf_token=${token}` };
    const byAddress = await send(edge.port, target);
    expect(byAddress.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    const byCookie = await send(edge.port, '/v/film/v1/master.m3u8', { headers: cookie });
    expect(byCookie.headers['cache-control']).toBe('private, max-age=31536000, immutable');
    const gzipped = { ...cookie, 'accept-encoding': 'gzip' };
    const encoded = await send(edge.port, '/v/film/v1/master.m3u8', { headers: gzipped });
    expect([encoded.headers['content-encoding'], encoded.headers['cache-control']]).toEqual([
      'gzip',
      'private, max-age=31536000, immutable',
    ]);
    const again = { ...cookie, 'if-none-match': String(byCookie.headers.etag) };
    const unchanged = await send(edge.port, '/v/film/v1/master.m3u8', { headers: again });
    expect([unchanged.status, unchanged.headers['cache-control']]).toEqual([
      304,
      'private, max-age=31536000, immutable',
    ]);
  });

  it('is not what a token opens to one address of callers, nor what comes with a fresh cookie', async () => {
    const expiresAtS = Math.floor(Date.now() / 1_000) + 60;
    const sign = (more: object) => signPlaybackToken({ key, assetId: 'film', version: 'v1', expiresAtS, ...more });
    const bound = await sign({ boundTo: '127.0.0.0/8' });
    for (let round = 0; round < 2; round += 1) {
      const { headers } = await send(edge.port, `/t/${bound}/v/film/v1/master.m3u8`);
      expect(headers['cache-control']).toMatch(/^private/);
    }
    const renewed = await sign({ renewForS: 600 });
    const { headers } = await send(edge.port, '/v/film/v1/master.m3u8', { headers: { cookie: `nf_token=${renewed}` } });
    expect(headers['set-cookie']).toHaveLength(1);
    expect(headers['cache-control']).toMatch(/^private/);
  });

  it('is named as RFC 9211 says', async () => {
    const fresh = await signedPath(key, title, 'video-720p/seg-0.m4s');
    const status = async (headers: Record<string, string> = {}) =>
      (await send(edge.port, fresh, { headers })).headers['cache-status'];
    expect(await status()).toBe('nightfill-edge-1; fwd=miss; detail=pull-origin');
    await vi.waitFor(async () => expect(await status()).toMatch(/^nightfill-edge-1; hit; detail=hit-(memory|disk)$/));
    expect(await status({ 'if-none-match': '*' })).toBe('nightfill-edge-1; hit; detail=not-modified');
    expect(await status({ range: 'bytes=9999-' })).toBe('nightfill-edge-1; detail=range-not-satisfiable');
  });
});

describe('pages of other origins', () => {
  const path = '/v/film/v1/master.m3u8';
  const withCookie = (origin: string) => ({ headers: { origin, cookie: `nf_token=${token}` } });

  it('may read what a cookie opens where their origin is named, and only there', async () => {
    const { headers } = await send(edge.port, path, withCookie(player));
    expect(headers).toMatchObject({
      'access-control-allow-origin': player,
      'access-control-allow-credentials': 'true',
      vary: 'Accept-Encoding, Origin',
    });
    const stranger = await send(edge.port, path, withCookie('https://stranger.example'));
    expect(stranger.headers['access-control-allow-origin']).toBe('*');
    expect(stranger.headers['access-control-allow-credentials']).toBeUndefined();
    expect(stranger.headers.vary).toBe('Accept-Encoding, Origin');
    const refused = await send(edge.port, path, { headers: { origin: player } });
    expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([401, player]);
  });

  it('are told before what they may send', async () => {
    const ask = { origin: player, 'access-control-request-method': 'GET', 'access-control-request-headers': 'range' };
    const { status, headers } = await send(edge.port, path, { method: 'OPTIONS', headers: ask });
    expect(status).toBe(204);
    expect(headers).toMatchObject({
      'access-control-allow-origin': player,
      'access-control-allow-credentials': 'true',
    });
    expect(headers['access-control-allow-headers']).toContain('Range');
    expect(headers['access-control-allow-methods']).toBe('GET, HEAD, OPTIONS');
    expect(headers['access-control-expose-headers']).toMatch(/Content-Range.*Retry-After/);
  });

  it('are named as origins, or the appliance does not start', async () => {
    const openCache = (at: string) => openSliceCache({ dir: at, capacityBytes: 1e9, memoryBytes: 6e6 });
    const options = { id: 'edge-2', dir: join(dir, 'edge-2'), control, key, openCache, store };
    const starting = startAppliance({ ...options, cookieOrigins: ['player.example/'] });
    await expect(starting).rejects.toThrow('player.example/ is no origin');
  });
});

it('weights of encodings are weighed: what is not encoded may be liked better', async () => {
  for (const [accepted, encoding] of [
    ['gzip;q=0.5, identity', undefined],
    ['gzip;q=0.5, identity;q=0.5', 'gzip'],
    ['identity;q=0, gzip;q=0.1', 'gzip'],
    ['gzip;q=0, *', undefined],
    ['*;q=0', undefined],
    ['GZIP ; Q=0.001', 'gzip'],
    ['identity', undefined],
  ] as const) {
    const { headers } = await send(edge.port, target, { headers: { 'accept-encoding': accepted } });
    expect([accepted, headers['content-encoding']]).toEqual([accepted, encoding]);
  }
});
