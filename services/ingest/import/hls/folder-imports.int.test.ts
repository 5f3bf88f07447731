import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatDigest } from '../../../../shared/domain/http/digest.ts';
import type { Manifest } from '../../../../shared/domain/manifest.ts';
import { makeClipFolder } from '../../../../shared/testing/clips.ts';
import { makeHlsStream } from '../../../../shared/testing/hls-streams.ts';
import { startRedisServer } from '../../../../shared/testing/redis-server.ts';
import { assetOf, type IngestProcess, problemOf, startIngest, until } from '../../testing/ingest-process.ts';
import type { ImportView } from './folder-imports.ts';

let redis: Awaited<ReturnType<typeof startRedisServer>>;
let folder: Awaited<ReturnType<typeof makeClipFolder>>;
let ingest: IngestProcess;
/** Path to bytes. */
const full = new Map<string, Buffer>();

beforeAll(async () => {
  [redis, folder] = await Promise.all([startRedisServer(), makeClipFolder()]);
  await makeHlsStream(folder.dir, { languages: ['de', 'en'], subtitles: true, iframes: true });
  for (const entry of await readdir(folder.dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    full.set(path.slice(folder.dir.length + 1), await readFile(path));
  }
  ingest = await startIngest(redis.url);
}, 60_000);
afterAll(async () => {
  await ingest?.remove();
  await redis?.stop();
  await folder?.dispose();
});

const json = (path: string, method: string, body: unknown, headers: Record<string, string> = {}) =>
  ingest.call(path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
const viewOf = async (response: Response): Promise<ImportView> => (await response.json()) as ImportView;
const look = async (id: string): Promise<ImportView> => viewOf(await ingest.call(`/v1/imports/${id}`));
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

async function begin(title = 'Made elsewhere'): Promise<string> {
  const response = await json('/v1/imports', 'POST', { title, tags: ['x'] });
  expect(response.status).toBe(201);
  const { id } = await viewOf(response);
  expect(response.headers.get('location')).toBe(`/v1/imports/${id}`);
  return id;
}

const put = (id: string, path: string, bytes: Buffer, digest = sha256(bytes)) =>
  ingest.call(`/v1/imports/${id}/files/${path}`, {
    method: 'PUT',
    headers: { 'content-digest': formatDigest(digest) },
    body: new Uint8Array(bytes),
  });

async function putAll(id: string, files: Iterable<readonly [string, Buffer]> = full): Promise<void> {
  const answers = await Promise.all(Array.from(files, ([path, bytes]) => put(id, path, bytes)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
}

async function publish(id: string): Promise<ImportView> {
  const response = await json(`/v1/imports/${id}/publish`, 'POST', { entry: 'main.m3u8' });
  expect(response.status).toBe(202);
  await until('it is judged', async () => (await look(id)).state !== 'publishing');
  return look(id);
}

const remains = async (): Promise<string[]> => {
  const found = await Promise.all(
    ['imports', 'import-files'].map((name) =>
      readdir(join(ingest.storeDir, 'objects', name), { recursive: true, withFileTypes: true }).catch(() => []),
    ),
  );
  return found.flat().flatMap((entry) => (entry.isFile() ? [entry.name] : []));
};

describe('an HLS stream that is sent file by file', { timeout: 60_000 }, () => {
  it('is published as it is, over a restart in the middle', async () => {
    const id = await begin();
    const files = [...full];
    const half = Math.floor(files.length / 2);
    await putAll(id, files.slice(0, half));
    await ingest.kill();
    await ingest.restart();
    expect(await look(id)).toMatchObject({ state: 'receiving', files: half, assetId: null, failure: null });
    const listed = await ingest.call(`/v1/imports/${id}/files?limit=2`);
    const page = (await listed.json()) as { items: { path: string; sha256: string }[]; next: string };
    const [first] = files.slice(0, half).toSorted(([a], [b]) => (a < b ? -1 : 1));
    expect(page.items[0]).toMatchObject({ path: first?.[0], sha256: sha256(first?.[1] ?? Buffer.alloc(0)) });
    expect(page.next).toBe(page.items[1]?.path);
    await putAll(id, files.slice(half));
    await put(id, 'notes.txt', Buffer.from('not of the stream'));
    expect(await publish(id)).toMatchObject({ state: 'published', assetId: id });

    const asset = await assetOf(await ingest.call(`/v1/assets/${id}`));
    expect(asset).toMatchObject({ state: 'published', title: 'Made elsewhere', tags: ['x'], profile: 'imported' });
    const root = join(ingest.storeDir, 'objects/assets', id, asset.version ?? '');
    const manifest: Manifest = JSON.parse(await readFile(join(root, 'asset.json'), 'utf8'));
    expect(manifest.files.map(({ path }) => path).toSorted()).toEqual([...full.keys()].toSorted());
    for (const { path, sha256: digest } of manifest.files) {
      expect(digest).toBe(sha256(full.get(path) ?? Buffer.alloc(0)));
      expect(await readFile(join(root, path))).toEqual(full.get(path));
    }
    expect((await readdir(root)).includes('notes.txt')).toBe(false);
    await until('nothing is left of it', async () => (await remains()).length === 0);
    expect((await ingest.leftovers()).filter((name) => name.startsWith('scratch'))).toEqual([]);

    expect(manifest.renditions).toMatchObject([
      { id: 'video-90p', kind: 'video', width: 160, height: 90 },
      { id: 'audio-de', kind: 'audio', language: 'de', name: 'de', codecs: 'mp4a.40.2', channels: 1 },
      { id: 'audio-en', kind: 'audio', language: 'en' },
      {
        id: 'text-de',
        kind: 'text',
        codecs: 'wvtt',
        language: 'de',
        name: 'Deutsch',
        text: { kind: 'captions', forced: false, isDefault: true },
      },
    ]);
    expect(manifest.files.filter(({ rendition }) => rendition === 'text-de')).toMatchObject([
      { role: 'playlist' },
      { role: 'segment', index: 0, startS: 0, durationS: 1, contentType: 'text/vtt' },
      { role: 'segment', index: 1, startS: 1 },
    ]);
    expect(manifest.files.find(({ path }) => path === 'video/iframes.m3u8')).toMatchObject({ rendition: null });
    expect(asset.renditions.map(({ id: rendition }) => rendition)).toContain('text-de');
  });

  it('takes text of its own no more where it brought some', async () => {
    const id = await begin();
    await putAll(id);
    await publish(id);
    const refused = await ingest.call(`/v1/assets/${id}/text-tracks/fr`, {
      method: 'PUT',
      headers: { 'content-type': 'text/vtt' },
      body: 'WEBVTT\n\n00:00.000 --> 00:01.000\nBonjour\n',
    });
    expect((await problemOf(refused)).detail).toMatch(/subtitles of its own/);
  });

  it('is one of byte ranges, too', async () => {
    const dir = join(folder.dir, 'single');
    await makeHlsStream(dir, { singleFile: true, iframes: true, languages: ['de'] });
    const id = await begin();
    for (const path of [
      ...['main.m3u8', 'video/index.m3u8', 'video/iframes.m3u8', 'video/media.mp4'],
      ...['audio-de/index.m3u8', 'audio-de/media.mp4'],
    ])
      expect((await put(id, path, await readFile(join(dir, path)))).status).toBe(201);
    expect(await publish(id)).toMatchObject({ assetId: id, failure: null });
    const { version } = await assetOf(await ingest.call(`/v1/assets/${id}`));
    const path = join(ingest.storeDir, 'objects/assets', id, version ?? '', 'asset.json');
    const manifest: Manifest = JSON.parse(await readFile(path, 'utf8'));
    expect(manifest.packaging).toBe('single-file');
    expect(manifest.files.filter(({ role }) => role !== 'playlist')).toMatchObject([
      { path: 'video/media.mp4', role: 'media', rendition: 'video-90p', startS: 0, durationS: 2 },
      { path: 'audio-de/media.mp4', role: 'media', rendition: 'audio-de' },
    ]);
  });

  it('keeps what is there and right, and refuses what is wrong', async () => {
    const id = await begin();
    const bytes = full.get('main.m3u8') ?? Buffer.alloc(0);
    expect((await put(id, 'main.m3u8', bytes)).status).toBe(201);
    expect((await put(id, 'main.m3u8', bytes)).status).toBe(200);
    const wrong = await put(id, 'video/index.m3u8', bytes, sha256(Buffer.from('other')));
    expect((await problemOf(wrong)).code).toBe('digest-mismatch');
    for (const path of ['asset.json', '.hidden', 'a%2F..%2Fb', 'a%20b'])
      expect((await problemOf(await put(id, path, bytes))).code).toBe('invalid-request');
    expect(await look(id)).toMatchObject({ files: 1, sizeBytes: bytes.length });
    const unfinished = await json(`/v1/imports/${id}/publish`, 'POST', { entry: 'main.m3u8' });
    const problem = await problemOf(unfinished);
    expect(problem).toMatchObject({ status: 422, code: 'hls-not-importable' });
    expect(problem.errors?.[0]).toEqual({ at: 'video/index.m3u8', message: 'did not arrive' });
    expect((await ingest.call(`/v1/imports/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await problemOf(await ingest.call(`/v1/imports/${id}`))).code).toBe('import-not-found');
    expect(await remains()).toEqual([]);
  });

  it('tells the rule that is broken, and is published once that is mended', async () => {
    const id = await begin();
    const playlist = full.get('video/index.m3u8') ?? Buffer.alloc(0);
    const broken = Buffer.from(playlist.toString().replace('TARGETDURATION:2', 'TARGETDURATION:0'));
    await putAll(id, new Map([...full, ['video/index.m3u8', broken]]));
    const failed = await publish(id);
    expect(failed).toMatchObject({
      state: 'receiving',
      assetId: null,
      failure: { code: expect.stringMatching(/^NF/) },
    });
    expect((await ingest.call(`/v1/assets/${id}`)).status).toBe(404);
    expect((await put(id, 'video/index.m3u8', playlist)).status).toBe(201);
    expect(await publish(id)).toMatchObject({ state: 'published', assetId: id, failure: null });
    expect((await problemOf(await put(id, 'late.ts', playlist))).code).toBe('conflict');
  });

  it('is the same import for the same Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'one of the tests' };
    const first = await viewOf(await json('/v1/imports', 'POST', { title: 'a' }, headers));
    const again = await viewOf(await json('/v1/imports', 'POST', { title: 'a' }, headers));
    expect(again.id).toBe(first.id);
    await ingest.call(`/v1/imports/${first.id}`, { method: 'DELETE' });
  });

  it('is held to the limits of uploads, and forgotten when nobody goes on with it', async () => {
    await ingest.stop();
    await ingest.restart({ NIGHTFILL_MAX_UPLOAD: '20KiB', NIGHTFILL_UPLOAD_EXPIRY: '1s' });
    const id = await begin();
    const large = Buffer.alloc(15_000, 7);
    expect((await put(id, 'a.ts', large)).status).toBe(201);
    expect((await problemOf(await put(id, 'b.ts', large))).code).toBe('too-large');
    // Its place may be taken, as it then is the only one.
    expect((await put(id, 'a.ts', Buffer.alloc(16_000, 8))).status).toBe(201);
    await until('it is old', async () => {
      const { lastModified } = await newest(id);
      return Date.now() - lastModified > 1_100;
    });
    await ingest.stop();
    await ingest.restart();
    await until('it is swept', async () => (await ingest.call(`/v1/imports/${id}`)).status === 404);
    expect(await remains()).toEqual([]);
    expect(await readdir(join(ingest.storeDir, 'objects/assets', id)).catch(() => [])).toEqual([]);
  });
});

async function newest(id: string): Promise<{ lastModified: number }> {
  const dir = join(ingest.storeDir, 'objects/import-files', id, 'a.ts');
  const [name = ''] = await readdir(dir);
  return { lastModified: (await stat(join(dir, name))).mtimeMs };
}
