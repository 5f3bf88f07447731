import { readdir, readFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../../../../shared/domain/manifest.ts';
import { makeClipFolder } from '../../../../shared/testing/clips.ts';
import { type HlsStreamOptions, makeHlsStream } from '../../../../shared/testing/hls-streams.ts';
import { startRedisServer } from '../../../../shared/testing/redis-server.ts';
import { assetOf, type IngestProcess, startIngest, until } from '../../testing/ingest-process.ts';
import { makeOtherServers } from '../../testing/other-servers.ts';

let redis: Awaited<ReturnType<typeof startRedisServer>>;
let folder: Awaited<ReturnType<typeof makeClipFolder>>;
let ingest: IngestProcess;
const { listen, close: closeServers } = makeOtherServers();
let base: string;
/** Paths that were asked for. */
const asked: string[] = [];
const redirects = new Map<string, string>();
/** Paths that are never answered. */
let held = /^$/;
/** Where a path really lies. */
let moved = (path: string): string => path;

const makeStream = (name: string, options: HlsStreamOptions = {}): Promise<void> =>
  makeHlsStream(join(folder.dir, name), options);

type View = { assetId: string | null; failure: { code: string; reason: string } | null };

async function begin(path: string): Promise<string> {
  const response = await ingest.call('/v1/assets', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ hls: { url: `${base}/${path}` }, title: 'Made elsewhere' }),
  });
  return ((await response.json()) as { id: string }).id;
}

async function endOf(id: string): Promise<View & { id: string }> {
  let view: View = { assetId: null, failure: null };
  await until('the import ends', async () => {
    view = (await (await ingest.call(`/v1/uploads/${id}`)).json()) as View;
    return view.assetId !== null || view.failure !== null;
  });
  return { id, ...view };
}

const importStream = async (path: string) => endOf(await begin(path));

async function publishedOf(id: string) {
  const asset = await assetOf(await ingest.call(`/v1/assets/${id}`));
  const root = join(ingest.storeDir, 'objects/assets', asset.id, asset.version ?? '');
  const manifest: Manifest = JSON.parse(await readFile(join(root, 'asset.json'), 'utf8'));
  return { asset, root, manifest };
}

const filesIn = async (...names: string[]): Promise<string[]> => {
  const found = await Promise.all(
    names.map((name) =>
      readdir(join(ingest.storeDir, 'objects', name), { recursive: true, withFileTypes: true }).catch(() => []),
    ),
  );
  return found.flat().flatMap((entry) => (entry.isFile() ? [entry.name] : []));
};

beforeAll(async () => {
  [redis, folder] = await Promise.all([startRedisServer(), makeClipFolder()]);
  const port = await listen('127.0.0.2', async (request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://any');
    asked.push(pathname);
    const to = redirects.get(pathname);
    if (to) return void response.writeHead(302, { location: to }).end();
    if (held.test(pathname)) return;
    const file = moved(normalize(pathname));
    const bytes = await readFile(join(folder.dir, file)).catch(() => null);
    response.writeHead(bytes ? 200 : 404).end(bytes);
  });
  base = `http://127.0.0.2:${port}`;
  ingest = await startIngest(redis.url, { NIGHTFILL_IMPORT_NETWORKS: '127.0.0.2/32' });
});
afterAll(async () => {
  await ingest?.remove();
  await redis?.stop();
  await folder?.dispose();
  closeServers();
});

describe('an HLS stream that was made elsewhere', { timeout: 60_000 }, () => {
  it.each(['mpegts', 'fmp4'] as const)('is published as it is: %s', async (type) => {
    await makeStream(type, { type });
    const { id, failure } = await importStream(`${type}/main.m3u8`);
    expect(failure).toBeNull();
    const { asset, root, manifest } = await publishedOf(id);
    expect(asset).toMatchObject({ state: 'published', title: 'Made elsewhere', durationS: 2 });
    expect(asset.importWarnings?.map(({ rule }) => rule)).toContain('NF413');
    expect(manifest.playlists).toEqual({ hls: 'main.m3u8', dash: null });
    expect(manifest.renditions).toMatchObject([{ id: 'video-90p', kind: 'video', playlist: 'video/index.m3u8' }]);
    expect(manifest.renditions[0]?.bandwidthBps).toBeGreaterThan(10_000);
    const segments = manifest.files.filter(({ role }) => role === 'segment');
    expect(segments).toMatchObject([
      { rendition: 'video-90p', index: 0, startS: 0, durationS: 1 },
      { rendition: 'video-90p', index: 1, startS: 1, durationS: 1 },
    ]);
    for (const { path } of manifest.files)
      expect(await readFile(join(root, path))).toEqual(await readFile(join(folder.dir, type, path)));
    await until('nothing else is left', async () => (await filesIn('imports', 'import-files')).length === 0);
    expect((await ingest.leftovers()).filter((name) => name.startsWith('scratch'))).toEqual([]);
  });

  it('goes on where it was when ingest is killed', async () => {
    await makeStream('cut', { seconds: 3, languages: ['de'] });
    held = /cut[/]video[/]seg-2/;
    const id = await begin('cut/main.m3u8');
    await until('all but one came', async () => (await filesIn(`import-files/${id}`)).length === 11);
    await ingest.kill();
    held = /^$/;
    const before = asked.splice(0);
    await ingest.restart();
    const { failure } = await endOf(id);
    expect(failure).toBeNull();
    expect(before).toContain('/cut/video/seg-0.m4s');
    expect(asked).toContain('/cut/video/seg-2.m4s');
    for (const path of ['main.m3u8', 'video/index.m3u8', 'video/seg-0.m4s', 'audio-de/init.mp4'])
      expect(asked).not.toContain(`/cut/${path}`);
    expect((await publishedOf(id)).manifest.files).toHaveLength(12);
  });

  it('is found where redirects lead, and by absolute addresses of its own place', async () => {
    const names = (text: string) =>
      text.replace('seg-0.m4s', '/absolute/video/seg-0.m4s').replace('seg-1.m4s', `${base}/absolute/video/seg-1.m4s`);
    await makeStream('absolute', { change: names });
    redirects.set('/go', '/absolute/main.m3u8');
    redirects.set('/absolute/video/index.m3u8', '/absolute/elsewhere/index.m3u8');
    moved = (path) => path.replace('/elsewhere/index', '/video/index').replace('/elsewhere/', '/video/');
    const { id, failure } = await importStream('go?signature=1');
    redirects.clear();
    moved = (path) => path;
    expect(failure).toBeNull();
    const { root, manifest } = await publishedOf(id);
    expect(manifest.playlists.hls).toBe('main.m3u8');
    const playlist = await readFile(join(root, 'video/index.m3u8'), 'utf8');
    // The playlist came from another folder: what it names by relative addresses lies there.
    expect(playlist).toContain('URI="../elsewhere/init.mp4"');
    expect(playlist).toMatch(/^seg-0[.]m4s$/m);
    expect(playlist).toMatch(/^seg-1[.]m4s$/m);
    expect(manifest.files.map(({ path }) => path).toSorted()).toEqual([
      ...['elsewhere/init.mp4', 'main.m3u8', 'video/index.m3u8', 'video/seg-0.m4s', 'video/seg-1.m4s'],
    ]);
  });

  it('is not fetched from where a redirect may not lead', async () => {
    await makeStream('inside');
    redirects.set('/inside/video/seg-1.m4s', 'http://127.0.0.3:1/seg-1.m4s');
    const { id, failure } = await importStream('inside/main.m3u8');
    redirects.clear();
    expect(failure?.code).toBe('url-not-allowed');
    expect(await filesIn('imports', 'import-files', `assets/${id}`)).toEqual([]);
  });

  it.each([
    ['live', /live/, (text: string) => text.replace('#EXT-X-ENDLIST', '')],
    ['outside', /outside/, (text: string) => text.replace('seg-0.ts', '../../secret.ts')],
    ['other', /absolute/, (text: string) => text.replace('seg-0.ts', 'http://127.0.0.1:9/x.ts')],
    ['encrypted', /encrypted/, (text: string) => text.replace('#EXTINF', '#EXT-X-KEY:METHOD=AES-128,URI="k"\n#EXTINF')],
    ['query', /no query/, (text: string) => text.replace('seg-0.ts', 'seg-0.ts?token=1')],
    ['manifest', /manifest/, (text: string) => text.replace('seg-0.ts', '../asset.json')],
    ['long', /NF201/, (text: string) => text.replace('TARGETDURATION:2', 'TARGETDURATION:0')],
  ])('is refused with the reason: %s', async (name, reason, change) => {
    await makeStream(name, { type: 'mpegts', change });
    const { id, assetId, failure } = await importStream(`${name}/main.m3u8`);
    expect(assetId).toBeNull();
    expect(failure?.reason).toMatch(reason);
    expect((await ingest.call(`/v1/assets/${id}`)).status).toBe(404);
    expect(await filesIn('imports', 'import-files', `assets/${id}`)).toEqual([]);
  });
});
