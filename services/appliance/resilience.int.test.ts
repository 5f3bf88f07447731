import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import http from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeFolderObjectStore } from '../../shared/adapters/folder/folder-object-store.ts';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import type { Upstream } from '../../shared/domain/fleet.ts';
import { formatDigest } from '../../shared/domain/http/digest.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import { sliceSizeBytes } from '../../shared/domain/manifest.ts';
import { steadyClock, systemClock } from '../../shared/platform/clock.ts';
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
  type StartOptions,
  send,
  sha256,
  signedPath,
  startAppliance,
  startControl,
} from './testing/fleet.ts';

const seg = 'video-720p/seg-0.m4s';
const film = makeTitle('film', [
  { path: seg, sizeBytes: 300_000 },
  { path: 'video-720p/large.m4s', sizeBytes: 2 * sliceSizeBytes + 999 },
]);

let dir: string;
let store: ObjectStore;
let control: ControlStandIn;
let key: SigningKey;
const running: RunningAppliance[] = [];

const openCache = (cacheDir: string) => openSliceCache({ dir: cacheDir, capacityBytes: 1e9, memoryBytes: 16e6 });
const isReady = ({ port }: RunningAppliance) =>
  vi.waitFor(async () => expect((await send(port, '/readyz')).status).toBe(200), { timeout: 10_000 });

async function start(id: string, options: Partial<StartOptions> = {}): Promise<RunningAppliance> {
  const appliance = await startAppliance({ id, dir: join(dir, id), control, key, openCache, ...options });
  running.push(appliance);
  return appliance;
}
async function startReady(id: string, options: Partial<StartOptions> = {}): Promise<RunningAppliance> {
  const appliance = await start(id, options);
  await isReady(appliance);
  return appliance;
}
async function stop(appliance: RunningAppliance): Promise<void> {
  running.splice(running.indexOf(appliance), 1);
  await appliance.stop();
}
const get = async ({ port }: RunningAppliance, path = seg, title = film) => {
  const { status, headers, body } = await send(port, await signedPath(key, title, path));
  const whole = body.equals(title.files.get(path) ?? Buffer.from('none'));
  return { status, detail: /detail=([\w-]+)/.exec(String(headers['cache-status']))?.[1], whole };
};
const asOperator = (id: string) => ({ authorization: `Bearer ${applianceCredential(fleetSecret, id)}` });
const put = (to: RunningAppliance, name: string, body: Buffer, headers: Record<string, string> = {}) =>
  send(to.port, `/fill/objects/${name}`, {
    method: 'PUT',
    body,
    headers: { ...asOperator(to.id), 'content-digest': formatDigest(sha256(body)), ...headers },
  });
const codeOf = ({ body }: { readonly body: Buffer }) => (JSON.parse(body.toString()) as { code: string }).code;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-appliance-'));
  store = makeFolderObjectStore({ root: join(dir, 'store') });
  await publish(store, film);
  control = await startControl();
  key = await makeKey();
});
afterEach(async () => {
  for (const appliance of running.splice(0)) await appliance.stop();
  await control.goAway();
  await store.close();
  await rm(dir, { recursive: true, force: true });
});

describe('when control is away', () => {
  it('a new appliance is not ready; one that has had orders serves on, checks tokens, and reports later', async () => {
    await control.goAway();
    const fresh = await start('edge-1', { store });
    expect((await send(fresh.port, '/readyz')).status).toBe(503);
    const early = await send(fresh.port, await signedPath(key, film, seg));
    expect([early.status, codeOf(early)]).toEqual([503, 'not-ready']);
    expect(codeOf(await put(fresh, 'film/v1/asset.json', film.manifestBytes))).toBe('not-ready');
    await control.comeBack();
    await isReady(fresh);
    expect(await get(fresh)).toMatchObject({ status: 200, whole: true });
    await stop(fresh);
    expect((await stat(join(dir, 'edge-1', 'state', 'orders.json'))).mode & 0o777).toBe(0o600);

    await control.goAway();
    control.batches.length = 0;
    const again = await start('edge-1', { keepOrders: true });
    expect(await get(again)).toEqual({ status: 200, detail: 'hit-disk', whole: true });
    expect((await send(again.port, `/v/film/v1/${seg}`)).status).toBe(401);
    await stop(again);

    await control.comeBack();
    const third = await start('edge-1', { keepOrders: true });
    await stop(third);
    const views = control.batches.flatMap(({ rows }) => rows).reduce((sum, row) => sum + row.views, 0);
    expect(views).toBe(1);
  });

  it('a batch that control cannot take now is sent later with the same id', async () => {
    const edge = await startReady('edge-1', { store });
    await get(edge);
    await control.goAway();
    await stop(edge);
    expect(control.batches).toHaveLength(0);
    await control.comeBack();
    await stop(await startReady('edge-1'));
    expect(control.batches.filter(({ rows }) => rows.length > 0)).toHaveLength(1);
  });
});

describe('a new fleet', () => {
  it('an edge that has not heard of its shield yet has control asked again, and answers then', async () => {
    const shield = await startReady('shield-1', { store, role: 'shield' });
    const edge = await startReady('edge-1', { upstreamTimeoutMs: 20_000 });
    const orders = control.orders.get('edge-1');
    if (!orders) throw new Error('no orders');
    const asked = control.statuses.length;
    const answers = Promise.all([get(edge), get(edge)]);
    // It asks oftener than it beats; meanwhile the shield has told control of itself.
    await expect.poll(() => control.statuses.length, { timeout: 10_000 }).toBeGreaterThan(asked + 3);
    control.orders.set('edge-1', { ...orders, upstreams: [shield.asUpstream('shield')] });
    for (const { status, whole } of await answers) expect([status, whole]).toEqual([200, true]);
  });
});

describe('when upstreams fail', () => {
  /** A server that answers everything in the same way and counts. */
  async function startBroken(answer: (response: http.ServerResponse) => void) {
    let asked = 0;
    const server = http.createServer((_request, response) => {
      asked += 1;
      answer(response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const upstream = (kind: Upstream['kind']): Upstream => ({
      kind,
      applianceId: `broken-${kind}`,
      url: `http://127.0.0.1:${port}`,
      credential: 'whatever they ask for',
      weight: 1,
    });
    const close = () => {
      server.closeAllConnections();
      server.close();
    };
    return { upstream, close, asked: () => asked };
  }

  it.each([
    ['sends errors', (response: http.ServerResponse) => response.writeHead(500).end()],
    ['is silent', () => {}],
    [
      'breaks off',
      (response: http.ServerResponse) => {
        response.writeHead(200, { 'content-length': '300000' });
        response.write('half', () => response.destroy());
      },
    ],
    ['sends other bytes', (response: http.ServerResponse) => response.end(Buffer.alloc(300_000))],
    ['claims that nothing exists', (response: http.ServerResponse) => response.writeHead(404).end()],
  ])('the next one is asked: a peer that %s', async (_what, answer) => {
    const broken = await startBroken(answer);
    try {
      const shield = await startReady('shield-1', { store, role: 'shield' });
      const upstreams = [broken.upstream('peer'), shield.asUpstream('shield')];
      const edge = await startReady('edge-1', { upstreams, upstreamTimeoutMs: 300 });
      expect(await get(edge)).toEqual({ status: 200, detail: 'pull-shield', whole: true });
      expect(broken.asked()).toBeGreaterThan(0);
    } finally {
      broken.close();
    }
  });

  it('nothing wrong is kept or served, and it works again when they do', async () => {
    const edge = await startReady('edge-1', { store });
    await get(edge, 'master.m3u8');
    await store.put(storeKeys.media({ assetId: 'film', version: 'v1', path: seg }), Buffer.alloc(300_000));
    const wrong = await send(edge.port, await signedPath(key, film, seg));
    expect([wrong.status, codeOf(wrong)]).toEqual([502, 'upstream-failed']);
    expect(String(wrong.headers['cache-status'])).toContain('detail=upstream-mismatch');
    expect(edge.cache.has(`film/v1/${seg}`, 0)).toBe(false);
    await publish(store, film);
    // What was wrong is not asked for again at once.
    const right = { status: 200, detail: 'pull-origin', whole: true };
    await vi.waitFor(async () => expect(await get(edge)).toEqual(right), { timeout: 10_000 });
  });

  it('a peer that holds it is asked before the shield', async () => {
    const shield = await startReady('shield-1', { store, role: 'shield' });
    const first = await startReady('edge-1', { upstreams: [shield.asUpstream('shield')] });
    await get(first);
    const second = await startReady('edge-2', { upstreams: [first.asUpstream('peer'), shield.asUpstream('shield')] });
    expect(await get(second)).toEqual({ status: 200, detail: 'pull-peer', whole: true });
    expect(await get(second, 'video-720p/large.m4s')).toMatchObject({ detail: 'pull-shield', whole: true });
  });
});

describe('when the clock is set', () => {
  it('by hours, forward and back: tokens go by it, and nothing that lasts so long does', async () => {
    let setByMs = 0;
    const clock = { ...systemClock, now: () => Date.now() + setByMs };
    const openHere = (at: string) => openSliceCache({ dir: at, capacityBytes: 1e9, memoryBytes: 16e6, clock });
    const edge = await startReady('edge-1', { store, clock, steadyClock, openCache: openHere });
    const { assetId, version } = film;
    const tokenFor = (seconds: number) =>
      signPlaybackToken({ key, assetId, version, expiresAtS: Math.floor(Date.now() / 1_000) + seconds });
    const statusOf = async (token: string, path = seg) =>
      (await send(edge.port, `/t/${token}/v/${assetId}/${version}/${path}`)).status;
    const [short, long] = [await tokenFor(600), await tokenFor(86_400)];
    const hourMs = 3_600_000;
    expect([await statusOf(short), await statusOf(long)]).toEqual([200, 200]);
    setByMs = 5 * hourMs;
    expect([await statusOf(short), await statusOf(long)]).toEqual([401, 200]);
    // What an upstream does not have is remembered for a moment, and the clock makes it neither shorter nor longer.
    const lost = storeKeys.media({ assetId, version, path: 'video-720p/large.m4s' });
    await store.delete(lost);
    expect(await statusOf(long, 'video-720p/large.m4s')).toBe(404);
    await publish(store, film);
    setByMs = -5 * hourMs;
    await expect.poll(() => statusOf(long, 'video-720p/large.m4s'), { timeout: 15_000 }).toBe(200);
    expect([await statusOf(short), await statusOf(long)]).toEqual([200, 200]);
    expect((await put(edge, 'film/v1/asset.json', film.manifestBytes)).status).toBe(200);
    await stop(edge);
    const hours = new Set(control.batches.flatMap(({ rows }) => rows).map(({ day, hour }) => `${day} ${hour}`));
    expect(hours.size).toBe(3);
    expect(control.statuses.every(({ servedBps }) => servedBps >= 0)).toBe(true);
  });
});

describe('when clients leave', () => {
  it('a client that stops reading holds a slice or two, and one that goes away ends the work', async () => {
    const huge = makeTitle('huge', [{ path: seg, sizeBytes: 12 * sliceSizeBytes }]);
    await publish(store, huge);
    const edge = await startReady('edge-1', { store });
    const socket = connect(edge.port, '127.0.0.1');
    const path = await signedPath(key, huge, seg);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    socket.pause();
    const held = () => [...edge.cache.inventory('huge/v1/v')].reduce((sum, { slices }) => sum + slices, 0);
    await vi.waitFor(() => expect(held()).toBeGreaterThan(0), { timeout: 10_000 });
    // As many more as the system's socket buffers take; what matters is that it stops by itself.
    let before = -1;
    await vi.waitFor(
      () => {
        const now = held();
        const same = now === before;
        before = now;
        expect(same).toBe(true);
      },
      { interval: 400, timeout: 10_000 },
    );
    expect(before).toBeLessThan(8);
    socket.destroy();
    const open = async () =>
      /nightfill_media_open_requests\{.*\} (\d+)/.exec(String((await send(edge.port, '/metrics')).body))?.[1];
    await vi.waitFor(async () => expect(await open()).toBe('0'), { timeout: 5_000 });
    expect(held()).toBeLessThan(10);
  });
});

describe('what a fill brings', () => {
  const large = 'video-720p/large.m4s';
  const bytes = film.files.get(large) ?? Buffer.alloc(0);
  const range = (from: number, to: number) => ({ 'content-range': `bytes ${from}-${to - 1}/${bytes.length}` });
  const offset = async (of: RunningAppliance, name: string) => {
    const { status, headers } = await send(of.port, `/fill/objects/${name}`, {
      method: 'HEAD',
      headers: asOperator(of.id),
    });
    return status === 200 ? Number(headers['upload-offset']) : status;
  };

  it('is taken after its manifest, checked, resumed, pinned, and served as a hit without any upstream', async () => {
    const edge = await startReady('edge-1');
    const early = await put(edge, `film/v1/${large}`, bytes);
    expect([early.status, codeOf(early)]).toEqual([409, 'manifest-missing']);
    expect((await put(edge, 'film/v1/asset.json', film.manifestBytes)).status).toBe(201);
    expect((await put(edge, 'film/v1/asset.json', film.manifestBytes)).status).toBe(200);
    expect(await offset(edge, `film/v1/${large}`)).toBe(404);

    const first = bytes.subarray(0, sliceSizeBytes);
    expect((await put(edge, `film/v1/${large}`, first, range(0, sliceSizeBytes))).status).toBe(201);
    expect(await offset(edge, `film/v1/${large}`)).toBe(sliceSizeBytes);
    const rest = bytes.subarray(sliceSizeBytes);
    expect((await put(edge, `film/v1/${large}`, rest, range(sliceSizeBytes, bytes.length))).status).toBe(201);
    expect(await offset(edge, `film/v1/${large}`)).toBe(bytes.length);
    expect((await put(edge, `film/v1/${large}`, bytes)).status).toBe(200);
    expect(await get(edge, large)).toEqual({ status: 200, detail: 'hit-disk', whole: true });

    const page = await send(edge.port, '/inventory?limit=1', { headers: asOperator('edge-1') });
    expect(JSON.parse(page.body.toString())).toMatchObject({
      items: [{ key: 'film/v1/asset.json', pinned: true }],
      next: 'film/v1/asset.json',
      stats: { storedObjects: 2 },
    });
    const next = await send(edge.port, '/inventory?after=film/v1/asset.json', { headers: asOperator('edge-1') });
    expect(JSON.parse(next.body.toString())).toMatchObject({
      items: [{ key: `film/v1/${large}`, heldBytes: bytes.length, slices: 3, pinned: true }],
      next: null,
    });
  });

  it('is refused when it is not what was published, and nothing of it stays', async () => {
    const edge = await startReady('edge-1');
    await put(edge, 'film/v1/asset.json', film.manifestBytes);
    const wrong = Buffer.from(film.files.get(seg) ?? '');
    wrong[1_000] = (wrong[1_000] ?? 0) ^ 1;
    for (const answer of [
      await put(edge, `film/v1/${seg}`, wrong),
      await put(edge, `film/v1/${seg}`, film.files.get(seg) ?? wrong, {
        'content-digest': formatDigest(sha256(wrong)),
      }),
      await put(edge, `film/v1/${seg}`, wrong.subarray(0, 100)),
      await put(edge, 'other/v1/asset.json', film.manifestBytes, { 'content-digest': formatDigest(sha256(wrong)) }),
    ]) {
      expect([answer.status, codeOf(answer)]).toEqual([422, 'digest-mismatch']);
    }
    expect(codeOf(await put(edge, 'film/v1/none.m4s', wrong))).toBe('not-found');
    expect(codeOf(await put(edge, `film/v1/${large}`, wrong, range(5, 10)))).toBe('invalid-request');
    expect(codeOf(await put(edge, 'other/v1/asset.json', film.manifestBytes))).toBe('invalid-request');
    expect(await offset(edge, `film/v1/${seg}`)).toBe(404);
    const stranger = await put(edge, `film/v1/${seg}`, wrong, { authorization: 'Bearer somebody-elses-credential' });
    expect(stranger.status).toBe(401);
  });

  it('stops at the capacity, and the plan decides what goes and what stays', async () => {
    const edge = await startReady('edge-1', { capacityBytes: bytes.length + 200_000 });
    await put(edge, 'film/v1/asset.json', film.manifestBytes);
    expect((await put(edge, `film/v1/${large}`, bytes)).status).toBe(201);
    const full = await put(edge, `film/v1/${seg}`, film.files.get(seg) ?? bytes);
    expect([full.status, codeOf(full)]).toEqual([507, 'no-room']);
    expect(edge.cache.stats().storedBytes).toBeLessThanOrEqual(bytes.length + 200_000);
    const answer = await send(edge.port, '/fill/plan', {
      method: 'POST',
      headers: { ...asOperator('edge-1'), 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify({ pinned: [`film/v1/${seg}`], evict: [`film/v1/${large}`] })),
    });
    expect(JSON.parse(answer.body.toString())).toEqual({ held: [] });
    expect((await put(edge, `film/v1/${seg}`, film.files.get(seg) ?? bytes)).status).toBe(201);
    expect(await get(edge)).toMatchObject({ status: 200, whole: true });
  });

  it('outlives a restart, and a deletion outlives it too', async () => {
    const edge = await startReady('edge-1', { store });
    await put(edge, 'film/v1/asset.json', film.manifestBytes);
    await put(edge, `film/v1/${seg}`, film.files.get(seg) ?? bytes);
    await stop(edge);
    const again = await startReady('edge-1', { store });
    expect(await get(again)).toEqual({ status: 200, detail: 'hit-disk', whole: true });
    const deleted = await send(again.port, '/objects/film/v1/', { method: 'DELETE', headers: asOperator('edge-1') });
    const freedBytes = film.manifestBytes.length + (film.files.get(seg)?.length ?? 0);
    expect(JSON.parse(deleted.body.toString())).toEqual({ freedBytes });
    expect(await get(again)).toMatchObject({ status: 410, detail: 'version-gone' });
    expect((await put(again, 'film/v1/asset.json', film.manifestBytes)).status).toBe(410);
    await stop(again);
    const third = await startReady('edge-1', { store });
    expect(await get(third)).toMatchObject({ status: 410, detail: 'version-gone' });
    expect([...third.cache.inventory()]).toEqual([]);
    expect(await readFile(join(dir, 'edge-1', 'state', 'deleted.json'), 'utf8')).toBe('["film/v1/"]');
  });
});
