import { mkdtemp, readdir, rm } from 'node:fs/promises';
import http from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import type { Upstream } from '../../shared/domain/fleet.ts';
import { sliceSizeBytes } from '../../shared/domain/manifest.ts';
import type { SigningKey } from '../../shared/tokens/keys.ts';
import { type BadUpstream, faults, startBadUpstream } from './testing/bad-upstream.ts';
import {
  type ControlStandIn,
  kernel,
  makeKey,
  makeTitle,
  type RunningAppliance,
  send,
  signedPath,
  startAppliance,
  startControl,
} from './testing/fleet.ts';

const segments = Array.from({ length: 40 }, (_, i) => `video-720p/seg-${i}.m4s`);
const large = 'video-720p/large.m4s';
const film = makeTitle('film', [
  ...segments.map((path) => ({ path, sizeBytes: 150_000 })),
  { path: large, sizeBytes: sliceSizeBytes + 100_000 },
]);

let dir: string;
let control: ControlStandIn;
let key: SigningKey;
let bad: BadUpstream;
let good: BadUpstream;
let raced: RunningAppliance;
let alone: RunningAppliance;
let next = 0;

const segment = () => segments[next++] ?? '';

async function start(id: string, upstreams: readonly Upstream[], upstreamTimeoutMs = 1_000): Promise<RunningAppliance> {
  const openCache = (cacheDir: string) =>
    openSliceCache({ dir: cacheDir, kernel, capacityBytes: 1e9, memoryBytes: 16e6 });
  const options = { id, dir: join(dir, id), control, key, openCache, upstreams, upstreamTimeoutMs };
  const appliance = await startAppliance(options);
  await vi.waitFor(async () => expect((await send(appliance.port, '/readyz')).status).toBe(200), { timeout: 10_000 });
  return appliance;
}
async function get({ port }: RunningAppliance, path: string, range?: string) {
  const headers: Record<string, string> = range === undefined ? {} : { range };
  const { status, body, headers: got } = await send(port, await signedPath(key, film, path), { headers });
  const timing = String(got['server-timing']);
  return { status, body, timing, retryAfter: Number(got['retry-after']), detail: String(got['cache-status']) };
}
const bytesOf = (path: string): Buffer => film.files.get(path) ?? Buffer.from('none');
const metric = async ({ port }: RunningAppliance, name: string) => {
  const text = String((await send(port, '/metrics')).body);
  return text
    .split('\n')
    .filter((line) => line.startsWith(name))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
};
const openFiles = async () => (await readdir('/proc/self/fd')).length;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-faults-'));
  control = await startControl();
  key = await makeKey();
  bad = await startBadUpstream(film);
  good = await startBadUpstream(film);
  raced = await start('raced', [bad.asUpstream('shield', 'bad'), good.asUpstream('shield', 'good')]);
  alone = await start('alone', [bad.asUpstream('shield', 'bad')]);
});
afterAll(async () => {
  await raced?.stop();
  await alone?.stop();
  await bad?.close();
  await good?.close();
  await control?.goAway();
  await rm(dir, { recursive: true, force: true });
});

describe.each(Object.entries(faults))('an upstream that %s', (_name, fault) => {
  it('costs nobody a right byte where there is another, and is a clean error where there is none', async () => {
    const [path, other] = [segment(), segment()];
    bad.behave(null);
    expect((await get(alone, 'master.m3u8')).status).toBe(200);
    bad.behave(fault);
    const [whole, part, refused] = await Promise.all([
      get(raced, path),
      get(raced, large, `bytes=${sliceSizeBytes + 10}-${sliceSizeBytes + 999}`),
      get(alone, other),
    ]);
    expect([whole.status, whole.body.equals(bytesOf(path))]).toEqual([200, true]);
    expect(part.status).toBe(206);
    expect(part.body.equals(bytesOf(large).subarray(sliceSizeBytes + 10, sliceSizeBytes + 1_000))).toBe(true);
    expect([502, 504]).toContain(refused.status);
    expect(refused.retryAfter).toBeGreaterThan(0);
    expect(JSON.parse(refused.body.toString())).toHaveProperty('code');
    expect(alone.cache.has(`film/v1/${other}`, 0)).toBe(false);
    // Nothing is left to run on: what cannot be used is cut off.
    await expect.poll(() => bad.open, { timeout: 5_000 }).toBe(0);

    // What is held is served meanwhile, and all is well again when the upstream is.
    expect((await get(alone, 'master.m3u8')).status).toBe(200);
    bad.behave(null);
    await vi.waitFor(async () => expect((await get(alone, other)).body.equals(bytesOf(other))).toBe(true), {
      timeout: 20_000,
      interval: 200,
    });
    await raced.cache.remove(`film/v1/${large}`);
  });
});

describe('an upstream that works now and then', () => {
  it('never costs a wrong byte or a stuck request, and leaves nothing open', async () => {
    const edge = await start('flapping', [bad.asUpstream('shield', 'flaps'), good.asUpstream('shield', 'good')], 3_000);
    const kinds = Object.values(faults);
    let turn = 0;
    bad.behave((asked) => {
      turn += 1;
      if (turn % 3 === 0) asked.response.writeHead(asked.status, asked.fields).end(asked.body);
      else kinds[turn % kinds.length]?.(asked);
    });
    await get(edge, 'master.m3u8');
    const before = await openFiles();
    const answers = await Promise.all(segments.map((path) => get(edge, path)));
    for (const [at, { status, body }] of answers.entries())
      expect([status, body.equals(bytesOf(segments[at] ?? ''))]).toEqual([200, true]);
    await expect.poll(() => bad.open + good.open, { timeout: 5_000 }).toBe(0);
    await edge.stop();
    await expect.poll(openFiles, { timeout: 5_000 }).toBeLessThanOrEqual(before);
    bad.behave(null);
  });
});

describe('an upstream that is suddenly slow', () => {
  it('is raced with the next one, which answers long before the time-out, and is let go of', async () => {
    const upstreams = [bad.asUpstream('shield', 'slow'), good.asUpstream('shield', 'good')];
    const edge = await start('racing', upstreams, 60_000);
    bad.behave(null);
    for (const path of segments.slice(0, 20)) expect((await get(edge, path)).status).toBe(200);
    bad.behave(faults['says nothing at all']);
    const path = segments[20] ?? '';
    const { timing, body } = await get(edge, path);
    expect(body.equals(bytesOf(path))).toBe(true);
    expect(timing).toContain('pull;desc="hedged"');
    await expect.poll(() => bad.open, { timeout: 5_000 }).toBe(0);
    expect(await metric(edge, 'nightfill_upstream_hedges_won_total')).toBeGreaterThan(0);
    bad.behave(null);
    await edge.stop();
  });
});

describe('an upstream that keeps failing', () => {
  it('is left alone for a while, which answers, metrics and control are told; what is held is served on', async () => {
    const edge = await start('left', [bad.asUpstream('shield', 'bad')]);
    await get(edge, 'master.m3u8');
    bad.behave(faults['answers 500']);
    const path = segments[0] ?? '';
    const before = bad.asked(path);
    const answers: Awaited<ReturnType<typeof get>>[] = [];
    await vi.waitFor(
      async () => {
        answers.push(await get(edge, path));
        expect(answers.at(-1)?.timing).toContain('pull;desc="resting"');
      },
      { timeout: 10_000, interval: 1 },
    );
    expect(answers.every(({ status, retryAfter }) => status === 502 && retryAfter > 0)).toBe(true);
    expect(bad.asked(path) - before).toBeLessThanOrEqual(12);
    const told = () => control.statuses.filter(({ applianceId }) => applianceId === 'left').at(-1)?.restingUpstreams;
    await vi.waitFor(
      async () => {
        await get(edge, path);
        expect(told()).toEqual(['bad']);
      },
      { timeout: 10_000, interval: 50 },
    );
    expect(await metric(edge, 'nightfill_upstream_breaker_openings_total')).toBeGreaterThan(0);
    expect((await get(edge, 'master.m3u8')).status).toBe(200);
    bad.behave(null);
    await vi.waitFor(async () => expect((await get(edge, path)).status).toBe(200), { timeout: 20_000, interval: 200 });
    await edge.stop();
  });
});

describe('one cold segment', () => {
  it('asked for by a thousand clients at once is one upstream request, also for those who come late', async () => {
    const edge = await start('crowded', [good.asUpstream('shield', 'good')], 20_000);
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const path = segment();
    await get(edge, 'master.m3u8');
    const askedBefore = good.asked(path);
    good.behave(async ({ response, status, fields, body }) => {
      response.writeHead(status, fields).write(body.subarray(0, 1_000));
      await gate;
      response.end(body.subarray(1_000));
    });
    const target = await signedPath(key, film, path);
    const agent = new http.Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });
    const one = () =>
      new Promise<{ readonly right: boolean; readonly how: string }>((resolve, reject) => {
        http
          .get({ host: '127.0.0.1', port: edge.port, path: target, agent }, (response) => {
            const chunks: Buffer[] = [];
            response.on('data', (chunk: Buffer) => chunks.push(chunk));
            const how = /detail=([\w-]+)/.exec(String(response.headers['cache-status']))?.[1] ?? '';
            response.on('end', () => resolve({ right: Buffer.concat(chunks).equals(bytesOf(path)), how }));
          })
          .on('error', reject);
      });
    const early = Array.from({ length: 800 }, one);
    await expect.poll(() => metric(edge, 'nightfill_media_open_requests'), { timeout: 20_000 }).toBe(800);
    const late = Array.from({ length: 200 }, one);
    open();
    const all = await Promise.all([...early, ...late]);
    expect(all.every(({ right }) => right)).toBe(true);
    expect(good.asked(path) - askedBefore).toBe(1);
    expect(all.filter(({ how }) => how === 'pull-shield')).toHaveLength(1);
    expect(all.filter(({ how }) => how === 'coalesced').length).toBeGreaterThanOrEqual(799);
    good.behave(null);
    agent.destroy();
    await edge.stop();
  });
});

describe('a download that its only client leaves', () => {
  async function leaveAfter(share: number): Promise<{ readonly path: string; readonly finish: () => void }> {
    const path = segment();
    const { promise: gate, resolve: finish } = Promise.withResolvers<void>();
    const arrived = Math.floor(bytesOf(path).length * share);
    const bytesBefore = bytesOf(path).subarray(0, arrived);
    good.behave(async ({ response, status, fields, body }) => {
      response.writeHead(status, fields).write(bytesBefore);
      await gate;
      response.end(body.subarray(arrived));
    });
    const askedBefore = good.asked(path);
    const socket = connect(leaving.port, '127.0.0.1');
    socket.write(`GET ${await signedPath(key, film, path)} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await expect.poll(() => good.asked(path), { timeout: 5_000 }).toBe(askedBefore + 1);
    await expect.poll(() => metric(leaving, 'nightfill_pull_arriving_bytes')).toBe(arrived);
    socket.destroy();
    return { path, finish };
  }
  let leaving: RunningAppliance;
  beforeAll(async () => {
    leaving = await start('leaving', [good.asUpstream('shield', 'good')], 20_000);
    await get(leaving, 'master.m3u8');
  });
  afterAll(async () => {
    good.behave(null);
    await leaving.stop();
  });

  it('is cancelled upstream while little of it is here', async () => {
    const { path, finish } = await leaveAfter(0.001);
    await expect.poll(() => good.open, { timeout: 5_000 }).toBe(0);
    expect(await metric(leaving, 'nightfill_pulls_abandoned_total{end="cancelled"')).toBe(1);
    finish();
    good.behave(null);
    expect((await get(leaving, path)).body.equals(bytesOf(path))).toBe(true);
  });

  it('is finished and kept when half of it is here', async () => {
    const { path, finish } = await leaveAfter(0.6);
    await expect
      .poll(() => metric(leaving, 'nightfill_pulls_abandoned_total{end="finished"'), { timeout: 5_000 })
      .toBe(1);
    finish();
    await expect.poll(() => leaving.cache.has(`film/v1/${path}`, 0), { timeout: 5_000 }).toBe(true);
  });
});
