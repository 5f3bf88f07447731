/**
 * A stream of another packager on its whole way: from a folder by the command line into ingest, then planned, served by an
 * appliance, and played by ffmpeg and hls.js.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import http, { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  makeKey,
  type RunningAppliance,
  send,
  startAppliance,
  startControl,
} from '../../services/appliance/testing/fleet.ts';
import { apiKey, type IngestProcess, startIngest } from '../../services/ingest/testing/ingest-process.ts';
import { makeFolderObjectStore } from '../../shared/adapters/folder/folder-object-store.ts';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import { formatObjectKey } from '../../shared/domain/keys.ts';
import type { Manifest } from '../../shared/domain/manifest.ts';
import { orderedFiles } from '../../shared/domain/planning/version-files.ts';
import { hasBrowser, launchBrowser } from '../../shared/testing/browser.ts';
import { ffprobe } from '../../shared/testing/clips.ts';
import { hlsFrameRate, makeHlsStream } from '../../shared/testing/hls-streams.ts';
import { empty, plan, appliance as planned } from '../../shared/testing/plan-case.ts';
import { startRedisServer } from '../../shared/testing/redis-server.ts';
import { signPlaybackToken } from '../../shared/tokens/playback.ts';
import { projectRoot } from './access.ts';
import { run, start } from './testing/run.ts';

const seconds = 2;
const kinds = {
  segments: { languages: ['de', 'en'], subtitles: true, iframes: true },
  'byte-ranges': { singleFile: true, languages: ['de'], iframes: true },
  mpegts: { type: 'mpegts', languages: ['de'] },
} as const;
type Kind = keyof typeof kinds;

let dir: string;
let redis: Awaited<ReturnType<typeof startRedisServer>>;
let ingest: IngestProcess;
let front: Server;
let env: Readonly<Record<string, string>>;
let store: ReturnType<typeof makeFolderObjectStore>;
let control: Awaited<ReturnType<typeof startControl>>;
let key: Awaited<ReturnType<typeof makeKey>>;
let edge: RunningAppliance;
let pages: Server;
let browser: Browser | undefined;
/** Paths of files that were sent to ingest. */
let sent: string[] = [];
/** Files that are never answered, and those that fail once. */
let held = /^$/;
let failing = /^$/;

const listen = async (server: Server): Promise<string> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-import-'));
  redis = await startRedisServer();
  for (const [name, options] of Object.entries(kinds)) await makeHlsStream(join(dir, name), { ...options, seconds });
  ingest = await startIngest(redis.url);
  front = createServer((request, response) => {
    const path = request.method === 'PUT' ? (request.url?.split('/files/')[1] ?? '') : '';
    if (path !== '') sent.push(path);
    if (path !== '' && held.test(path)) return;
    if (path !== '' && failing.test(path)) {
      failing = /^$/;
      request.resume();
      return void response.writeHead(503).end();
    }
    const { method = 'GET', headers, url = '' } = request;
    const on = http.request(`${ingest.base}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    on.on('error', () => response.destroy());
    request.on('error', () => on.destroy()).pipe(on);
  });
  env = {
    NIGHTFILL_API: await listen(front),
    NIGHTFILL_API_KEY: apiKey,
    XDG_CACHE_HOME: join(dir, 'cache'),
  };
  store = makeFolderObjectStore({ root: ingest.storeDir });
  control = await startControl();
  key = await makeKey();
  const openCache = (cacheDir: string) => openSliceCache({ dir: cacheDir, capacityBytes: 1e9, memoryBytes: 64e6 });
  edge = await startAppliance({
    ...{ id: 'edge-1', dir: join(dir, 'edge'), role: 'shield', control, key, openCache, store },
  });
  await vi.waitFor(async () => expect((await send(edge.port, '/readyz')).status).toBe(200), { timeout: 10_000 });
  pages = createServer(async (request, response) => {
    const script = request.url === '/hls.mjs';
    const body = script
      ? await readFile(join(projectRoot, 'node_modules/hls.js/dist/hls.mjs'))
      : '<video id="player" muted></video>';
    response.writeHead(200, { 'content-type': script ? 'text/javascript' : 'text/html' }).end(body);
  });
  if (hasBrowser) browser = await launchBrowser();
}, 90_000);
afterAll(async () => {
  await browser?.close();
  await edge?.stop();
  await control?.goAway();
  for (const server of [pages, front]) {
    server?.closeAllConnections();
    server?.close();
  }
  await ingest?.remove();
  await redis?.stop();
  await rm(dir, { recursive: true, force: true });
});
afterEach(() => {
  held = /^$/;
  failing = /^$/;
  sent = [];
});

const importOf = (...args: string[]) => run(['import', ...args], { env });

async function manifestOf(assetId: string): Promise<{ manifest: Manifest; bytes: Buffer }> {
  const { version } = (await (await ingest.call(`/v1/assets/${assetId}`)).json()) as { version: string };
  const bytes = await readFile(join(ingest.storeDir, 'objects/assets', assetId, version, 'asset.json'));
  return { manifest: JSON.parse(bytes.toString()), bytes };
}

async function urlOf({ assetId, version }: Manifest, path: string): Promise<string> {
  const expiresAtS = Math.floor(Date.now() / 1_000) + 300;
  const token = await signPlaybackToken({ key, assetId, version, expiresAtS });
  return `${edge.url}/t/${token}/v/${assetId}/${version}/${path}`;
}

describe.each(Object.keys(kinds) as Kind[])('a folder of %s', { timeout: 60_000 }, (kind) => {
  let manifest: Manifest;
  let manifestBytes: Buffer;

  it('is published by one command', async () => {
    const { code, stdout, stderr } = await importOf(join(dir, kind), '--title', `From ${kind}`);
    expect(stderr).toMatch(/NF413/);
    expect(code).toBe(0);
    const found = await manifestOf(stdout.trim());
    manifest = found.manifest;
    manifestBytes = found.bytes;
    expect(manifest.title).toBe(`From ${kind}`);
    expect(sent.toSorted()).toEqual(manifest.files.map(({ path }) => path).toSorted());
  });

  it('is planned: what every viewer needs first, then sound, then picture', () => {
    const sha256 = createHash('sha256').update(manifestBytes).digest('hex');
    const version = { manifest, manifestFile: { sizeBytes: manifestBytes.length, sha256 } };
    const { files, baseCount } = orderedFiles(version);
    const base = files.slice(0, baseCount).map(({ path }) => path);
    expect(base[0]).toBe('asset.json');
    for (const { path, role, rendition } of manifest.files)
      expect(base.includes(path)).toBe(role === 'playlist' || role === 'init' || (rendition ?? '').startsWith('text-'));
    const media = files.slice(baseCount).map(({ rendition }) => rendition ?? 'none');
    expect(media.map((name) => name.split('-')[0])).toEqual(
      media.map((name) => name.split('-')[0]).toSorted((a = '', b = '') => (a < b ? -1 : a > b ? 1 : 0)),
    );
    expect(media).not.toContain('none');
    const { appliances } = plan({
      demand: { [manifest.assetId]: 1e9 },
      versions: [version],
      appliances: [empty(planned('edge', 1e9))],
    });
    const fetched = appliances.flatMap(({ fetch }) => fetch.map((file) => file.key));
    expect(fetched.toSorted()).toEqual(
      files.map((file) => formatObjectKey({ ...manifest, path: file.path })).toSorted(),
    );
  });

  it('is served by an appliance, ranges too', async () => {
    for (const { path, sizeBytes, contentType } of manifest.files) {
      const whole = await fetch(await urlOf(manifest, path));
      expect([path, whole.status, whole.headers.get('content-type')]).toEqual([path, 200, contentType]);
      const bytes = Buffer.from(await whole.arrayBuffer());
      expect(bytes).toEqual(await readFile(join(dir, kind, path)));
      const middle = Math.floor(sizeBytes / 2);
      const range = await fetch(await urlOf(manifest, path), { headers: { range: `bytes=${middle}-${middle + 9}` } });
      expect(range.status).toBe(206);
      expect(Buffer.from(await range.arrayBuffer())).toEqual(bytes.subarray(middle, middle + 10));
    }
  });

  it('is decoded by ffmpeg, every frame of it', async () => {
    const url = await urlOf(manifest, manifest.playlists.hls);
    const counted = ['-count_frames', '-select_streams', 'v:0', '-show_entries', 'stream=nb_read_frames'];
    const { streams } = (await ffprobe([...counted, url])) as { streams: { nb_read_frames: string }[] };
    expect(Number(streams[0]?.nb_read_frames)).toBe(seconds * hlsFrameRate);
  });

  it.skipIf(!hasBrowser)('is played to its end by hls.js, with its sound and text', async () => {
    const page = await browser?.newPage();
    if (!page) return;
    try {
      const errors: unknown[] = [];
      page.on('pageerror', (error) => errors.push(error));
      await page.goto(pages.listening ? pagesUrl() : await listen(pages));
      await page.evaluate(`(async () => {
        const { default: Hls } = await import('/hls.mjs');
        const hls = new Hls({ enableWorker: false });
        window.state = { fatal: null, tracks: null };
        window.hls = hls;
        hls.on(Hls.Events.ERROR, (_name, data) => { if (data.fatal) window.state.fatal = data.details; });
        hls.loadSource(${JSON.stringify(await urlOf(manifest, manifest.playlists.hls))});
        const video = document.querySelector('video');
        hls.attachMedia(video);
        await video.play();
      })()`);
      const look = `(() => {
        const video = document.querySelector('video');
        return { ended: video.ended, fatal: state.fatal, width: video.videoWidth, audio: hls.audioTracks.length, text: hls.subtitleTracks.map(({ lang }) => lang) };
      })()`;
      await expect
        .poll(() => page.evaluate(look), { timeout: 20_000 })
        .toEqual({
          ended: true,
          fatal: null,
          width: 160,
          audio: kinds[kind].languages.length,
          text: kind === 'segments' ? ['de'] : [],
        });
      expect(errors).toEqual([]);
    } finally {
      await page.close();
    }
  });
});

const pagesUrl = (): string => `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;

describe('an import that does not go smoothly', { timeout: 60_000 }, () => {
  it('goes on with what is missing, when the same command is given again', async () => {
    held = /^video[/]seg-1/;
    const first = start(['import', join(dir, 'segments')], { env });
    // Playlists are the last to be sent; of the rest, all but one comes.
    await vi.waitFor(async () => expect((await arrived()).length).toBeGreaterThanOrEqual(10), { timeout: 20_000 });
    first.child.kill('SIGINT');
    const { code, stderr } = await first.ended;
    expect([code, stderr]).toEqual([130, expect.stringContaining('the same command resumes the import')]);
    held = /^$/;
    failing = /^video[/]seg-1/;
    const there = await arrived();
    sent = [];
    const again = await importOf(join(dir, 'segments'));
    expect(again.stderr).toContain(`resuming: ${there.length} files are there already`);
    expect(again.stderr).toContain('trying again');
    expect(again.code).toBe(0);
    const { manifest } = await manifestOf(again.stdout.trim());
    const missing = manifest.files.map(({ path }) => path).filter((path) => !there.includes(path));
    // The one that failed was sent twice.
    expect(sent.toSorted()).toEqual([...missing, 'video/seg-1.m4s'].toSorted());
    expect(manifest.title).toBe('segments');
  });

  it('is refused before anything is sent, with what is wrong', async () => {
    const broken = join(dir, 'broken');
    await makeHlsStream(broken, { seconds: 1 });
    const segment = join(broken, 'video/seg-0.m4s');
    const bytes = await readFile(segment);
    const refusalOf = async (path = broken) => {
      const { code, stderr } = await importOf(path);
      return [code, stderr.trim().split('\n').at(-1)];
    };
    await unlink(segment);
    expect(await refusalOf()).toEqual([
      1,
      expect.stringContaining('video/seg-0.m4s is named by a playlist and is not'),
    ]);
    await writeFile(join(dir, 'secret'), bytes);
    await symlink(join(dir, 'secret'), segment);
    expect(await refusalOf()).toEqual([1, expect.stringContaining('symbolic link')]);
    await unlink(segment);
    await writeFile(segment, bytes);
    const playlist = join(broken, 'video/index.m3u8');
    const text = await readFile(playlist, 'utf8');
    await writeFile(playlist, text.replace('seg-0.m4s', '../../secret'));
    expect(await refusalOf()).toEqual([1, expect.stringContaining('outside of the stream')]);
    await writeFile(playlist, text.replace('seg-0.m4s', 'https://media.example/seg-0.m4s'));
    expect(await refusalOf()).toEqual([1, expect.stringContaining('absolute')]);
    await writeFile(playlist, text.replace('TARGETDURATION:2', 'TARGETDURATION:0'));
    expect(await refusalOf()).toEqual([1, expect.stringContaining('NF201')]);
    expect(await refusalOf(join(dir, 'nothing'))).toEqual([2, expect.stringContaining('no file or folder')]);
    expect(await refusalOf(dir)).toEqual([2, expect.stringContaining('no master.m3u8')]);
    expect(sent).toEqual([]);
  });
});

/** Paths that the one open import has. */
async function arrived(): Promise<string[]> {
  const paths: string[] = [];
  for await (const { key: name } of store.list('import-files/')) paths.push(name.split('/').slice(2, -1).join('/'));
  return paths;
}
