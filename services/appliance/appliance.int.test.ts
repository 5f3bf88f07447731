import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeFolderObjectStore } from '../../shared/adapters/folder/folder-object-store.ts';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import { resolveRange } from '../../shared/domain/http/range.ts';
import { sliceSizeBytes } from '../../shared/domain/manifest.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { pullCredential } from '../../shared/tokens/credentials.ts';
import type { SigningKey } from '../../shared/tokens/keys.ts';
import { signPlaybackToken } from '../../shared/tokens/playback.ts';
import {
  type ControlStandIn,
  fleetSecret,
  kernel,
  makeKey,
  makeTitle,
  publish,
  type RunningAppliance,
  send,
  signedPath,
  startAppliance,
  startControl,
  type Title,
} from './testing/fleet.ts';

const large = 2 * sliceSizeBytes + 12_345;
const title: Title = makeTitle('film', [
  { path: 'video-720p/seg-0.m4s', sizeBytes: 100_000 },
  { path: 'video-720p/seg-1.m4s', sizeBytes: 50_001 },
  { path: 'video-720p/large.m4s', sizeBytes: large },
  { path: 'video-720p/empty.m4s', sizeBytes: 0 },
]);
const bytesAt = (path: string): Buffer => title.files.get(path) ?? Buffer.alloc(0);

let dir: string;
let store: ObjectStore;
let control: ControlStandIn;
let key: SigningKey;
let shield: RunningAppliance;
let edge: RunningAppliance;

const openCache = (cacheDir: string) =>
  openSliceCache({ dir: cacheDir, kernel, capacityBytes: 1e9, memoryBytes: 64e6 });
const signed = (path: string, session?: string) => signedPath(key, title, path, session);
const pullFrom = (id: string) => ({ authorization: `Bearer ${pullCredential(fleetSecret, id)}` });
const isReady = (appliance: RunningAppliance) =>
  vi.waitFor(async () => expect((await send(appliance.port, '/readyz')).status).toBe(200), { timeout: 10_000 });
const metric = async (appliance: RunningAppliance, pattern: RegExp) => {
  const text = (await send(appliance.port, '/metrics')).body.toString();
  return Number(pattern.exec(text)?.[1] ?? 0);
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-appliance-'));
  store = makeFolderObjectStore({ root: join(dir, 'store') });
  await publish(store, title);
  control = await startControl();
  key = await makeKey();
  const common = { control, key, openCache };
  shield = await startAppliance({ ...common, id: 'shield-1', dir: join(dir, 'shield-1'), role: 'shield', store });
  const upstreams = [shield.asUpstream('shield')];
  edge = await startAppliance({ ...common, id: 'edge-1', dir: join(dir, 'edge-1'), upstreams });
  await Promise.all([isReady(shield), isReady(edge)]);
});
afterAll(async () => {
  await edge?.stop();
  await shield?.stop();
  await control?.goAway();
  await store?.close();
  await rm(dir, { recursive: true, force: true });
});

describe('media through the tiers', () => {
  it('comes from the object store through the shield once, then from disk, then from memory', async () => {
    const path = await signed('video-720p/seg-0.m4s');
    const answers = [];
    for (let i = 0; i < 3; i += 1) {
      const { status, headers, body } = await send(edge.port, path);
      expect(status).toBe(200);
      expect(body.equals(bytesAt('video-720p/seg-0.m4s'))).toBe(true);
      answers.push(String(headers['cache-status']));
    }
    expect(answers[0]).toBe('nightfill-edge-1; fwd=miss; detail=pull-shield');
    expect(answers[1]).toMatch(/^nightfill-edge-1; hit; detail=hit-(disk|memory)$/);
    expect(answers[2]).toMatch(/^nightfill-edge-1; hit; detail=hit-(disk|memory)$/);
    for (const { cache } of [shield, edge]) {
      await expect.poll(() => cache.has('film/v1/video-720p/seg-0.m4s', 0)).toBe(true);
      await expect.poll(() => cache.has('film/v1/asset.json', 0)).toBe(true);
    }
  });

  it('says what a player and a cache want to know', async () => {
    const { headers } = await send(edge.port, await signed('video-720p/seg-0.m4s'));
    const file = title.manifest.files.find(({ path }) => path === 'video-720p/seg-0.m4s');
    expect(headers).toMatchObject({
      etag: `"${file?.sha256}"`,
      'last-modified': 'Fri, 20 Nov 2026 14:30:07 GMT',
      'accept-ranges': 'bytes',
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': 'video/iso.segment',
      'content-length': '100000',
      'access-control-allow-origin': '*',
      'server-timing': expect.stringMatching(/^cache;desc="hit-(disk|memory)";dur=\d/),
    });
    const preflight = await send(edge.port, '/v/film/v1/master.m3u8', { method: 'OPTIONS' });
    expect(preflight.status).toBe(204);
    expect(preflight.headers['access-control-allow-headers']).toContain('Range');
  });

  it('takes the token from the path, the query or the cookie', async () => {
    const [, , token = ''] = (await signed('master.m3u8')).split('/');
    const url = '/v/film/v1/master.m3u8';
    expect((await send(edge.port, `${url}?token=${token}`)).body.toString()).toBe('#EXTM3U\n');
    expect((await send(edge.port, url, { headers: { cookie: `x=1; nf_token=${token}` } })).status).toBe(200);
  });

  it('answers HEAD as GET, without the body, and ignores its Range', async () => {
    const { status, headers, body } = await send(edge.port, await signed('video-720p/large.m4s'), {
      method: 'HEAD',
      headers: { range: 'bytes=0-1' },
    });
    expect([status, headers['content-length'], body.length]).toEqual([200, String(large), 0]);
  });

  it('answers 304, 416, 404 and an empty file rightly', async () => {
    const path = await signed('video-720p/seg-1.m4s');
    const { headers } = await send(edge.port, path);
    const conditional = await send(edge.port, path, { headers: { 'if-none-match': String(headers.etag) } });
    expect([conditional.status, conditional.body.length, conditional.headers.etag]).toEqual([304, 0, headers.etag]);
    expect(conditional.headers['cache-status']).toContain('detail=not-modified');
    const beyond = await send(edge.port, path, { headers: { range: 'bytes=50001-' } });
    expect([beyond.status, beyond.headers['content-range']]).toEqual([416, 'bytes */50001']);
    expect(beyond.headers['content-type']).toContain('application/problem+json');
    const voided = await send(edge.port, path, { headers: { range: 'bytes=0-1', 'if-range': '"other"' } });
    expect([voided.status, voided.body.length]).toEqual([200, 50_001]);
    const missing = await send(edge.port, await signed('video-720p/none.m4s'));
    expect([missing.status, missing.headers['cache-control']]).toEqual([404, 'no-store']);
    const empty = await send(edge.port, await signed('video-720p/empty.m4s'));
    expect([empty.status, empty.headers['content-length'], empty.body.length]).toEqual([200, '0', 0]);
  });

  it('sends exactly the bytes of any range, across slices too', async () => {
    const path = await signed('video-720p/large.m4s');
    const whole = bytesAt('video-720p/large.m4s');
    const edges = [
      0,
      1,
      sliceSizeBytes - 1,
      sliceSizeBytes,
      2 * sliceSizeBytes - 1,
      2 * sliceSizeBytes,
      large - 1,
      large,
    ];
    const position = fc.option(fc.oneof(fc.constantFrom(...edges), fc.nat({ max: large + 10 })));
    await fc.assert(
      fc.asyncProperty(position, position, async (first, last) => {
        const range = `bytes=${first ?? ''}-${last ?? ''}`;
        const { status, headers, body } = await send(edge.port, path, { headers: { range } });
        const model = resolveRange(range, large);
        if (model.kind === 'unsatisfiable') expect(status).toBe(416);
        else {
          const { start, end } = model.kind === 'partial' ? model.range : { start: 0, end: large - 1 };
          expect(status).toBe(model.kind === 'partial' ? 206 : 200);
          expect(headers['content-range']).toBe(
            model.kind === 'partial' ? `bytes ${start}-${end}/${large}` : undefined,
          );
          expect(body.equals(whole.subarray(start, end + 1))).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('pulls of a large object only the slices that are asked for', async () => {
    const other = makeTitle('long', [{ path: 'video-720p/all.m4s', sizeBytes: large }]);
    await publish(store, other);
    const range = `bytes=${sliceSizeBytes + 5}-${sliceSizeBytes + 9}`;
    const { body } = await send(edge.port, await signedPath(key, other, 'video-720p/all.m4s'), { headers: { range } });
    const start = sliceSizeBytes + 5;
    expect(body.equals(other.files.get('video-720p/all.m4s')?.subarray(start, start + 5) ?? Buffer.alloc(0))).toBe(
      true,
    );
    const held = (at: RunningAppliance) => [0, 1, 2].map((index) => at.cache.has('long/v1/video-720p/all.m4s', index));
    await expect.poll(() => held(edge)).toEqual([false, true, false]);
    expect(held(shield)).toEqual([false, true, false]);
  });

  it('asks upstream once for a hundred viewers who come at once', async () => {
    const crowd = makeTitle('crowd', [{ path: 'video-720p/seg-0.m4s', sizeBytes: 500_000 }]);
    await publish(store, crowd);
    const asked = /nightfill_upstream_requests_total\{kind="shield",result="ok".*?\} (\d+)/;
    const before = await metric(edge, asked);
    const path = await signedPath(key, crowd, 'video-720p/seg-0.m4s');
    const answers = await Promise.all(Array.from({ length: 100 }, () => send(edge.port, path)));
    expect(answers.every(({ body }) => body.equals(crowd.files.get('video-720p/seg-0.m4s') ?? Buffer.alloc(0)))).toBe(
      true,
    );
    // One for the manifest, one for the segment.
    expect((await metric(edge, asked)) - before).toBe(2);
    const details = answers.map(({ headers }) => String(headers['cache-status']).split('detail=')[1] ?? '');
    expect(details.filter((detail) => detail === 'pull-shield')).toHaveLength(1);
    expect(details.filter((detail) => detail === 'coalesced').length).toBeGreaterThan(0);
    expect(details.every((detail) => /^(pull-shield|coalesced|hit-memory|hit-disk)$/.test(detail))).toBe(true);
  });

  it('asks nobody for a file that the manifest does not name', async () => {
    const asked = /nightfill_upstream_requests_total\{kind="shield",result="ok".*?\} (\d+)/;
    const before = await metric(edge, asked);
    for (const path of ['video-720p/x.m4s', 'asset.json']) {
      expect((await send(edge.port, await signed(path))).status).toBe(404);
    }
    expect(await metric(edge, asked)).toBe(before);
  });
});

describe('who is let in', () => {
  const path = '/v/film/v1/video-720p/seg-0.m4s';
  const refused = async (target: string, headers: Record<string, string> = {}) => {
    const { status, body, headers: got } = await send(edge.port, target, { headers });
    expect(body.includes(bytesAt('video-720p/seg-0.m4s').subarray(0, 16))).toBe(false);
    expect(got['content-type']).toContain('application/problem+json');
    return [status, (JSON.parse(body.toString()) as { code: string }).code, String(got['cache-status']).split('=')[1]];
  };
  const sign = (more: Partial<Parameters<typeof signPlaybackToken>[0]>) =>
    signPlaybackToken({ key, assetId: 'film', version: 'v1', expiresAtS: Math.floor(Date.now() / 1000) + 60, ...more });

  it('nobody without a token, with a wrong one, an old one or one for something else; not one byte', async () => {
    expect(await refused(path)).toEqual([401, 'token-missing', 'denied-no-token']);
    const good = await sign({});
    const tampered = `${good.slice(0, -3)}${good.endsWith('AAA') ? 'BBB' : 'AAA'}`;
    expect(await refused(`/t/${tampered}${path}`)).toEqual([401, 'token-invalid', 'denied-bad-token']);
    const old = await sign({ expiresAtS: Math.floor(Date.now() / 1000) - 1 });
    expect(await refused(`/t/${old}${path}`)).toEqual([401, 'token-expired', 'denied-expired']);
    const other = await sign({ assetId: 'other' });
    expect(await refused(`/t/${other}${path}`)).toEqual([403, 'token-not-covering', 'denied-not-covered']);
    const reaching = { host: 'x/v/other/v1/' };
    expect(await refused(`/t/${other}${path}`, reaching)).toEqual([400, 'invalid-request', 'bad-request']);
  });

  it('no address that is not plainly one of media', async () => {
    const token = await sign({});
    for (const target of ['/v/film/v1/../v2/x', '/v/film/v1/%2e%2e/x', '/v/film/v1//x', '/v/film/v1/a%5cb']) {
      expect(await refused(`/t/${token}${target}`)).toEqual([400, 'invalid-request', 'bad-request']);
    }
  });

  it('other appliances with this one’s pull credential, and with no other', async () => {
    const manifest = await send(shield.port, '/v/film/v1/asset.json', { headers: pullFrom('shield-1') });
    expect(manifest.body.equals(title.manifestBytes)).toBe(true);
    expect(manifest.headers['repr-digest']).toMatch(/^sha-256=:.*:$/);
    expect((await send(shield.port, path, { headers: pullFrom('shield-1') })).status).toBe(200);
    expect((await send(shield.port, path, { headers: pullFrom('edge-1') })).status).toBe(401);
    expect((await send(shield.port, '/inventory', { headers: pullFrom('shield-1') })).status).toBe(401);
  });

  it('a peer that asks for held content only gets 504 for the rest, and nothing is pulled for it', async () => {
    const cold = makeTitle('cold', [{ path: 'video-720p/seg-0.m4s', sizeBytes: 10 }]);
    await publish(store, cold);
    const headers = { ...pullFrom('edge-1'), 'cache-control': 'only-if-cached' };
    const answer = await send(edge.port, '/v/cold/v1/video-720p/seg-0.m4s', { headers });
    expect([answer.status, (JSON.parse(answer.body.toString()) as { code: string }).code]).toEqual([504, 'not-held']);
    expect((await send(edge.port, path, { headers })).status).toBe(200);
    expect([...edge.cache.inventory('cold/')].filter((entry) => entry.key.startsWith('cold/'))).toEqual([]);
  });

  it('a request that came round in a circle is stopped', async () => {
    const headers = { ...pullFrom('edge-1'), 'cdn-loop': 'other, nightfill;id=edge-1' };
    expect((await send(edge.port, '/v/film/v1/master.m3u8', { headers })).status).toBe(502);
  });
});

describe('what control hears', () => {
  it('one view a session, the bytes by outcome, and nothing of what other appliances pulled', async () => {
    const seen = makeTitle('seen', [
      { path: 'video-720p/seg-0.m4s', sizeBytes: 1_000 },
      { path: 'video-720p/seg-1.m4s', sizeBytes: 2_000 },
    ]);
    await publish(store, seen);
    for (const session of ['s-1', 's-2']) {
      for (const path of ['master.m3u8', 'video-720p/seg-0.m4s', 'video-720p/seg-1.m4s', 'video-720p/seg-0.m4s']) {
        expect((await send(edge.port, await signedPath(key, seen, path, session))).status).toBe(200);
      }
    }
    await edge.app.stop(1_000);
    await shield.app.stop(1_000);
    const rows = (id: string) =>
      control.batches
        .filter(({ applianceId }) => applianceId === id)
        .flatMap((batch) => batch.rows)
        .filter(({ assetId }) => assetId === 'seen');
    const sum = (what: 'views' | 'bytes' | 'requests') => rows('edge-1').reduce((total, row) => total + row[what], 0);
    expect([sum('views'), sum('requests'), sum('bytes')]).toEqual([2, 8, 2 * (8 + 1_000 + 2_000 + 1_000)]);
    expect(rows('shield-1')).toEqual([]);
    expect(control.statuses.at(-1)).toMatchObject({ applianceId: 'shield-1', unfitReason: 'shutting-down' });
  });
});
