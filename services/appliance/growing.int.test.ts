import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import { httpSource } from '../../shared/conformance/http-source.ts';
import { readStream } from '../../shared/conformance/read-stream.ts';
import { checkConformance } from '../../shared/domain/conformance/check.ts';
import type { EarlyPlayback } from '../../shared/domain/growing.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import { hasBrowser, launchBrowser } from '../../shared/testing/browser.ts';
import { makeClip, makeClipFolder } from '../../shared/testing/clips.ts';
import { makeWorkerKit, type WorkerKit } from '../../shared/testing/transcode-workers.ts';
import type { SigningKey } from '../../shared/tokens/keys.ts';
import {
  type ControlStandIn,
  makeKey,
  type RunningAppliance,
  send,
  signedPath,
  startAppliance,
  startControl,
} from './testing/fleet.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const clips = await makeClipFolder();
let dir: string;
let kit: WorkerKit;
let clip: string;
let control: ControlStandIn;
let key: SigningKey;
let shield: RunningAppliance;
let edge: RunningAppliance;

const openCache = (cacheDir: string) => openSliceCache({ dir: cacheDir, capacityBytes: 1e9, memoryBytes: 64e6 });
const isReady = (appliance: RunningAppliance) =>
  vi.waitFor(async () => expect((await send(appliance.port, '/readyz')).status).toBe(200), { timeout: 10_000 });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-growing-'));
  kit = await makeWorkerKit({
    NIGHTFILL_CHUNK: '4s',
    NIGHTFILL_SEGMENT: '2s',
    NIGHTFILL_ENCODE_RUNS: '1',
    NIGHTFILL_WEBHOOK_URL: 'http://127.0.0.1:9/',
  });
  clip = await makeClip(clips.dir, 'clip.mp4', { size: '640x360', seconds: 16, output: ['-g', '45'] });
  control = await startControl();
  key = await makeKey();
  const common = { control, key, openCache };
  shield = await startAppliance({
    ...common,
    id: 'shield',
    dir: join(dir, 'shield'),
    role: 'shield',
    store: kit.store,
  });
  const upstreams = [shield.asUpstream('shield')];
  edge = await startAppliance({ ...common, id: 'edge', dir: join(dir, 'edge'), upstreams });
  await Promise.all([isReady(shield), isReady(edge)]);
});
afterAll(async () => {
  await edge?.stop();
  await shield?.stop();
  await control?.goAway();
  await kit.dispose();
  await clips.dispose();
  await rm(dir, { recursive: true, force: true });
});

let worker: ChildProcess | null = null;
/** One worker at a time, so that stopping it stops all. */
async function onlyWorker(): Promise<ChildProcess> {
  worker?.kill('SIGKILL');
  worker = (await kit.startWorker()).worker;
  return worker;
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const segmentsIn = (playlist: string): string[] => playlist.match(/^seg-\d+\.m4s$/gm) ?? [];

async function early(id: string): Promise<EarlyPlayback> {
  const found = async () => (await kit.catalogue.get(id))?.early ?? null;
  await expect.poll(found, { timeout: 60_000, interval: 10 }).not.toBeNull();
  const plays = await found();
  if (!plays) throw new Error(`${id} was published before anybody looked`);
  return plays;
}

/** What a viewer with one token gets. */
function viewerOf(assetId: string, version: string) {
  return async (path: string) => send(edge.port, await signedPath(key, { assetId, version }, path));
}

/** The page, and the files of the project that it names. */
async function serveSite(page: string): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((request, response) => {
    const isPage = request.url === '/';
    response.writeHead(200, { 'content-type': isPage ? 'text/html' : 'text/javascript' });
    if (isPage) response.end(page);
    else pipeline(createReadStream(join(root, request.url ?? '')), response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close };
}

/** As the console writes it, as far as its script needs. */
const watchPage = (source: string): string => `<video id="player" muted autoplay data-hls="${source}"
 data-library="/node_modules/hls.js/dist/hls.min.mjs" data-worker="/node_modules/hls.js/dist/hls.worker.js"></video>
<p id="growing" role="status">It is still being prepared.</p><p id="captions" hidden><select id="caption"></select></p>
<p id="rendition"></p><p id="totals"></p><p id="trouble" hidden></p><table><tbody id="log"></tbody></table>
<script type="module" src="/services/console/public/watch.js"></script>`;

async function keysBelow(prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of kit.store.list(prefix)) keys.push(key);
  return keys;
}

describe('a film that plays while it is encoded', () => {
  it('begins with its first chunk, grows, and ends as what is published, although a worker is killed', async () => {
    const worker = await onlyWorker();
    await kit.upload('film', clip);
    const { version, hls, since } = await early('film');
    const get = viewerOf('film', version);
    const webhook = () => kit.jobs.get('deliver-webhook', `webhook-film-playable-${Date.parse(since)}`);
    await vi.waitFor(async () => expect((await webhook())?.payload.event.type).toBe('asset.playable'), {
      interval: 10,
    });
    worker.kill('SIGSTOP');

    const master = await get(hls);
    expect(master.status).toBe(200);
    expect(master.headers['cache-control']).toBe('public, max-age=1');
    const [variant = ''] = /^video-.*index\.m3u8$/m.exec(master.body.toString()) ?? [];
    const [, sound = ''] = /URI="(audio-[^"]+)"/.exec(master.body.toString()) ?? [];
    const first = (await get(variant)).body.toString();
    expect(first).toContain('#EXT-X-PLAYLIST-TYPE:EVENT');
    expect(first).not.toContain('#EXT-X-ENDLIST');
    const begun = segmentsIn(first);
    expect(begun.length).toBeGreaterThanOrEqual(2);
    expect(begun.length).toBeLessThan(8);
    expect(segmentsIn((await get(sound)).body.toString())).toEqual(begun);

    const served = new Map<string, string>();
    for (const playlist of [variant, sound])
      for (const name of ['init.mp4', ...begun]) {
        const path = playlist.replace('index.m3u8', name);
        const answer = await get(path);
        expect([path, answer.status]).toEqual([path, 200]);
        served.set(path, sha256(answer.body));
        expect((await get(path)).headers['cache-status']).toContain('detail=hit-');
      }
    for (const hidden of ['asset.json', 'growing.json', variant.replace('index.m3u8', 'seg-00007.m4s')])
      expect([hidden, (await get(hidden)).status]).toEqual([hidden, 404]);

    const url = `${edge.url}${await signedPath(key, { assetId: 'film', version }, hls)}`;
    const report = checkConformance(await readStream(httpSource(url, { timeoutMs: 10_000 })));
    expect(report.findings.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(report.unfinished.length).toBeGreaterThan(1);

    const second = await onlyWorker();
    const told = () => keysBelow(storeKeys.growingPrefix('film', version));
    const before = await told();
    await expect.poll(told, { timeout: 90_000, interval: 5 }).not.toEqual(before);
    second.kill('SIGSTOP');
    const seen = [first];
    const look = async (): Promise<string> => {
      const { status, body } = await get(variant);
      expect(status).toBe(200);
      const text = body.toString();
      if (text !== seen.at(-1)) seen.push(text);
      return text;
    };
    await expect.poll(look, { timeout: 20_000, interval: 100 }).not.toBe(first);
    second.kill('SIGCONT');
    await expect.poll(look, { timeout: 60_000, interval: 100 }).toContain('#EXT-X-ENDLIST');
    expect(seen.length).toBeGreaterThan(2);
    for (const [index, text] of seen.slice(0, -2).entries()) expect(seen[index + 1]?.startsWith(text)).toBe(true);
    const last = seen.at(-1) ?? '';
    expect(segmentsIn(last)).toHaveLength(8);
    const grown = (seen.at(-2) ?? '?').replace('TYPE:EVENT', 'TYPE:VOD').replace(/^#EXT-X-START:.*\n/m, '');
    expect(last.startsWith(grown)).toBe(true);

    await expect.poll(async () => (await kit.catalogue.get('film'))?.state).toBe('published');
    const asset = await kit.catalogue.get('film');
    expect(asset).toMatchObject({ version, early: null });
    const manifest = await kit.manifest('film');
    const digests = new Map(manifest?.files.map((file) => [file.path, file.sha256]));
    for (const [path, digest] of served) expect([path, digests.get(path)]).toEqual([path, digest]);
    await expect.poll(() => keysBelow(storeKeys.growingPrefix('film', version))).toEqual([]);
    expect((await get(variant)).headers['cache-control']).toContain('immutable');
  }, 240_000);

  it('is gone for viewers too when it is deleted half-way', async () => {
    if (!worker) await onlyWorker();
    await kit.upload('deleted', clip);
    const { version, hls } = await early('deleted');
    const get = viewerOf('deleted', version);
    expect((await get(hls)).status).toBe(200);
    await kit.catalogue.update('deleted', (asset) => ({ ...asset, state: 'deleted' }));
    await kit.jobs.cancel('transcode-asset', 'transcode-deleted');
    // What lay there already goes by the deletion's own job, what is being made meanwhile by those who make it.
    await kit.store.deletePrefix(storeKeys.mediaPrefix('deleted'));
    await expect.poll(() => keysBelow('assets/deleted/'), { timeout: 20_000 }).toEqual([]);
    await expect.poll(async () => (await get(hls)).status, { timeout: 20_000 }).toBe(410);
    await expect.poll(async () => (await get(hls)).status, { timeout: 20_000 }).toBe(404);
  }, 120_000);

  it.skipIf(!hasBrowser)(
    'is played by the watch page from its beginning to its end',
    async () => {
      const worker = await onlyWorker();
      await kit.upload('watched', clip);
      const { version, hls } = await early('watched');
      worker.kill('SIGSTOP');
      const source = `${edge.url}${await signedPath(key, { assetId: 'watched', version }, hls)}`;
      const site = await serveSite(watchPage(source));
      const browser = await launchBrowser();
      try {
        const page = await browser.newPage();
        await page.goto(site.url);
        const at = () => page.evaluate<number>(`document.getElementById('player').currentTime`);
        await expect.poll(at, { timeout: 20_000 }).toBeGreaterThan(0.3);
        expect(await at()).toBeLessThan(5);
        expect(await page.locator('#growing').textContent()).toContain('still being prepared');
        worker.kill('SIGCONT');
        await page.evaluate(`document.getElementById('player').playbackRate = 2`);
        await expect
          .poll(() => page.evaluate<boolean>(`document.getElementById('player').ended`), { timeout: 60_000 })
          .toBe(true);
        expect(await at()).toBeGreaterThan(15.5);
        expect(await page.evaluate<number>(`document.getElementById('player').duration`)).toBeCloseTo(16, 0);
        expect(await page.locator('#trouble').isHidden()).toBe(true);
      } finally {
        await browser.close();
        site.close();
        worker.kill('SIGCONT');
      }
    },
    120_000,
  );

  it('waits for its end where the upload says so, or where it is encrypted or a single file', async () => {
    if (!worker) await onlyWorker();
    const watched: boolean[] = [];
    for (const [id, change] of [
      ['late', { earlyPlay: false }],
      ['single', { packaging: 'single-file' }],
    ] as const) {
      const stop = await kit.catalogue.watch(id, () => {
        void kit.catalogue.get(id).then((asset) => watched.push(asset?.early != null));
      });
      await kit.upload(id, clip, { ...change, profile: 'preview' });
      await expect
        .poll(async () => (await kit.catalogue.get(id))?.state, { timeout: 60_000, interval: 100 })
        .toBe('published');
      await stop();
    }
    expect(watched).not.toContain(true);
  }, 150_000);
});
