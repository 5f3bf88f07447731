import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../../../../shared/domain/manifest.ts';
import { ffmpeg, makeClipFolder } from '../../../../shared/testing/clips.ts';
import { startRedisServer } from '../../../../shared/testing/redis-server.ts';
import { assetOf, type IngestProcess, startIngest, until } from '../../testing/ingest-process.ts';

let redis: Awaited<ReturnType<typeof startRedisServer>>;
let folder: Awaited<ReturnType<typeof makeClipFolder>>;
let ingest: IngestProcess;
let server: Server;
let base: string;

/** A stream as another packager makes it, in a folder of its own. */
async function makeStream(name: string, type: 'mpegts' | 'fmp4', change = (text: string) => text): Promise<void> {
  const dir = join(folder.dir, name);
  await mkdir(join(dir, 'video'), { recursive: true });
  await ffmpeg([
    ...['-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25', '-t', '4', '-c:v', 'libx264', '-preset', 'ultrafast'],
    ...['-pix_fmt', 'yuv420p', '-g', '50', '-hls_time', '2', '-hls_playlist_type', 'vod', '-hls_segment_type', type],
    ...['-hls_flags', 'independent_segments', join(dir, 'video/index.m3u8')],
  ]);
  const media = join(dir, 'video/index.m3u8');
  await writeFile(media, change(await readFile(media, 'utf8')));
  const attributes = 'BANDWIDTH=800000,AVERAGE-BANDWIDTH=750000,RESOLUTION=320x180,FRAME-RATE=25.000';
  await writeFile(
    join(dir, 'main.m3u8'),
    `#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:${attributes},CODECS="avc1.42c00c"\nvideo/index.m3u8\n`,
  );
}

async function importStream(path: string) {
  const response = await ingest.call('/v1/assets', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ hls: { url: `${base}/${path}` }, title: 'Made elsewhere' }),
  });
  const { id } = (await response.json()) as { id: string };
  type View = { assetId: string | null; failure: { code: string; reason: string } | null };
  let view: View = { assetId: null, failure: null };
  await until('the import ends', async () => {
    view = (await (await ingest.call(`/v1/uploads/${id}`)).json()) as View;
    return view.assetId !== null || view.failure !== null;
  });
  return { id, ...view };
}

beforeAll(async () => {
  [redis, folder] = await Promise.all([startRedisServer(), makeClipFolder()]);
  server = createServer(async (request, response) => {
    const bytes = await readFile(join(folder.dir, normalize(request.url ?? ''))).catch(() => null);
    response.writeHead(bytes ? 200 : 404).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.2', resolve));
  base = `http://127.0.0.2:${(server.address() as AddressInfo).port}`;
  ingest = await startIngest(redis.url, { NIGHTFILL_IMPORT_NETWORKS: '127.0.0.2/32' });
});
afterAll(async () => {
  await ingest?.remove();
  await redis?.stop();
  await folder?.dispose();
  server?.closeAllConnections();
  server?.close();
});

describe('an HLS stream that was made elsewhere', { timeout: 60_000 }, () => {
  it.each(['mpegts', 'fmp4'] as const)('is published as it is: %s', async (type) => {
    await makeStream(type, type);
    const { assetId, failure } = await importStream(`${type}/main.m3u8`);
    expect(failure).toBeNull();
    const asset = await assetOf(await ingest.call(`/v1/assets/${assetId}`));
    expect(asset).toMatchObject({ state: 'published', title: 'Made elsewhere', durationS: 4 });
    expect(asset.importWarnings?.map(({ rule }) => rule)).toContain('NF413');
    const root = join(ingest.storeDir, 'objects/assets', asset.id, asset.version ?? '');
    const manifest: Manifest = JSON.parse(await readFile(join(root, 'asset.json'), 'utf8'));
    expect(manifest.playlists).toEqual({ hls: 'main.m3u8', dash: null });
    expect(manifest.renditions).toMatchObject([{ id: 'video-180p', kind: 'video', playlist: 'video/index.m3u8' }]);
    expect(manifest.renditions[0]?.bandwidthBps).toBeGreaterThan(10_000);
    const segments = manifest.files.filter(({ role }) => role === 'segment');
    expect(segments).toMatchObject([
      { rendition: 'video-180p', index: 0, startS: 0, durationS: 2 },
      { rendition: 'video-180p', index: 1, startS: 2, durationS: 2 },
    ]);
    for (const { path } of manifest.files)
      expect(await readFile(join(root, path))).toEqual(await readFile(join(folder.dir, type, path)));
    expect((await ingest.leftovers()).filter((name) => name.startsWith('scratch'))).toEqual([]);
  });

  it.each([
    ['live', /live/, (text: string) => text.replace('#EXT-X-ENDLIST', '')],
    ['outside', /outside/, (text: string) => text.replace('index0.ts', '../../secret.ts')],
    ['absolute', /absolute/, (text: string) => text.replace('index0.ts', 'http://127.0.0.1:9/x.ts')],
    ['encrypted', /encrypted/, (text: string) => text.replace('#EXTINF', '#EXT-X-KEY:METHOD=AES-128,URI="k"\n#EXTINF')],
    ['query', /no query/, (text: string) => text.replace('index0.ts', 'index0.ts?token=1')],
    ['long', /NF201/, (text: string) => text.replace('TARGETDURATION:2', 'TARGETDURATION:1')],
  ])('is refused with the reason: %s', async (name, reason, change) => {
    await makeStream(name, 'mpegts', change);
    const { id, assetId, failure } = await importStream(`${name}/main.m3u8`);
    expect(assetId).toBeNull();
    expect(failure?.reason).toMatch(reason);
    expect((await ingest.call(`/v1/assets/${id}`)).status).toBe(404);
  });
});
