import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DetailedError, Upload } from 'tus-js-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startRedisServer, type TestRedisServer } from '../../shared/testing/redis-server.ts';
import type { AssetView } from './asset-view.ts';
import { type Clips, makeClips } from './testing/clips.ts';
import { apiKey, assetOf, type IngestProcess, problemOf, startIngest, until } from './testing/ingest-process.ts';

let redis: TestRedisServer;
let ingest: IngestProcess;
let clips: Clips;
const maxUploadBytes = 2_000_000;

beforeAll(async () => {
  [redis, clips] = await Promise.all([startRedisServer(), makeClips()]);
  ingest = await startIngest(redis.url, { NIGHTFILL_MAX_UPLOAD: `${maxUploadBytes}B` });
});
afterAll(async () => {
  await ingest?.remove();
  await redis?.stop();
  await clips?.remove();
});

interface SendOptions {
  readonly metadata?: Record<string, string>;
  readonly chunkSize?: number;
  readonly uploadDataDuringCreation?: boolean;
  onProgress?(sent: number): void;
}

/** Uploads as a viewer's program would, by tus-js-client, and resolves with the asset's id. */
function send(
  source: Buffer | string,
  options: SendOptions = {},
): Promise<{ assetId: string | undefined; url: string }> {
  return new Promise((resolve, reject) => {
    const upload = new Upload(typeof source === 'string' ? createReadStream(source) : source, {
      endpoint: `${ingest.base}/v1/uploads`,
      headers: { authorization: `Bearer ${apiKey}` },
      metadata: { filename: 'clip.mp4', ...options.metadata },
      retryDelays: Array.from({ length: 40 }, () => 250),
      ...(options.chunkSize ? { chunkSize: options.chunkSize } : {}),
      ...(options.uploadDataDuringCreation ? { uploadDataDuringCreation: true } : {}),
      onProgress: (sent) => options.onProgress?.(sent),
      onSuccess: ({ lastResponse }) =>
        resolve({ assetId: lastResponse.getHeader('nightfill-asset-id'), url: upload.url ?? '' }),
      onError: reject,
    });
    upload.start();
  });
}

const tus = { 'tus-resumable': '1.0.0' };
const create = async (sizeBytes: number, metadata = `filename ${btoa('clip.mp4')}`) => {
  const response = await ingest.call('/v1/uploads', {
    method: 'POST',
    headers: { ...tus, 'upload-length': String(sizeBytes), 'upload-metadata': metadata },
  });
  return { response, path: response.headers.get('location') ?? '' };
};
const patch = (path: string, offset: number, bytes: Uint8Array, headers: Record<string, string> = {}) =>
  ingest.call(path, {
    method: 'PATCH',
    headers: { ...tus, 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream', ...headers },
    body: new Uint8Array(bytes),
  });
const head = (path: string) => ingest.call(path, { method: 'HEAD', headers: tus });
const uploadFiles = async () =>
  (await ingest.leftovers()).filter((name) => /^store[/](parts|objects[/]incoming)/.test(name));
const countAssets = async () =>
  ((await (await ingest.call('/v1/assets?limit=500')).json()) as { items: AssetView[] }).items.length;

describe('a resumable upload', { timeout: 60_000 }, () => {
  let before: string[];
  beforeEach(async () => {
    before = await ingest.leftovers();
  });

  it.each([
    ['in one piece', {}],
    ['in pieces', { chunkSize: 20_000 }],
    ['with its creation', { uploadDataDuringCreation: true }],
  ])('becomes an asset, %s', async (_how, options) => {
    const metadata = { title: 'Zwölf Bücher', tags: 'one, two', profile: 'preview' };
    const { assetId, url } = await send(clips.video, { ...options, metadata });
    const asset = await assetOf(await ingest.call(`/v1/assets/${assetId}`));
    expect(asset).toMatchObject({
      title: 'Zwölf Bücher',
      tags: ['one', 'two'],
      profile: 'preview',
      state: 'uploaded',
      source: { fileName: 'clip.mp4', sizeBytes: clips.video.length },
    });
    expect(await readFile(join(ingest.storeDir, 'objects/uploads', asset.id))).toEqual(clips.video);
    expect(await uploadFiles()).toEqual([]);
    expect(await (await ingest.call(new URL(url).pathname)).json()).toEqual({
      id: asset.id,
      offset: clips.video.length,
      sizeBytes: clips.video.length,
      assetId: asset.id,
      failure: null,
    });
  });

  it('goes on where it was after the service was killed', async () => {
    let killed = false;
    const sending = send(clips.videoPath, {
      chunkSize: 30_000,
      onProgress: (sent) => {
        if (killed || sent < clips.video.length / 2) return;
        killed = true;
        void ingest.kill().then(() => ingest.restart());
      },
    });
    const { assetId } = await sending;
    expect(killed).toBe(true);
    expect(await readFile(join(ingest.storeDir, 'objects/uploads', assetId ?? ''))).toEqual(clips.video);
  });

  it('keeps what little requests bring, each byte written once, over a kill', async () => {
    const { path } = await create(clips.video.length);
    const id = path.split('/').at(-1) ?? '';
    const step = Math.ceil(clips.video.length / 60);
    const pieces = Array.from({ length: 60 }, (_, n) => clips.video.subarray(n * step, (n + 1) * step));
    const sendPieces = async (from: number, to: number) => {
      for (let n = from; n < to; n += 1)
        expect((await patch(path, n * step, pieces[n] ?? Buffer.alloc(0))).status).toBe(204);
    };
    const tails = async () =>
      (await readdir(join(ingest.storeDir, 'objects/incoming', id))).filter((name) => name !== 'upload.json');
    await sendPieces(0, 20);
    expect((await tails()).toSorted((a, b) => Number(a.split('-')[1]) - Number(b.split('-')[1]))).toEqual(
      Array.from({ length: 20 }, (_, n) => `tail-${n * step}-${(n + 1) * step}`),
    );
    await ingest.kill();
    await ingest.restart();
    expect((await head(path)).headers.get('upload-offset')).toBe(String(20 * step));
    await sendPieces(20, 50);
    expect((await tails()).length).toBeLessThan(40);
    await sendPieces(50, 60);
    expect(await readFile(join(ingest.storeDir, 'objects/uploads', id))).toEqual(clips.video);
    expect(await uploadFiles()).toEqual([]);
  });

  it('makes one asset, however often it is finished', async () => {
    const count = await countAssets();
    const { path } = await create(clips.video.length);
    const answers = await Promise.all([patch(path, 0, clips.video), head(path), head(path)]);
    expect(answers[0]?.headers.get('nightfill-asset-id')).toBe(path.split('/').at(-1));
    const again = await patch(path, 0, clips.video);
    expect([again.status, again.headers.get('upload-offset')]).toEqual([204, String(clips.video.length)]);
    const asked = await head(path);
    expect(asked.headers.get('nightfill-asset-id')).toBe(path.split('/').at(-1));
    expect(asked.headers.get('upload-offset')).toBe(asked.headers.get('upload-length'));
    expect((await ingest.call(path, { method: 'DELETE', headers: tus })).status).toBe(409);
    expect(await countAssets()).toBe(count + 1);
  });

  it('is refused with its reason when it is not a playable video, and is gone', async () => {
    for (const { name, bytes } of clips.refused) {
      const failure: DetailedError = await send(bytes, { metadata: { filename: name } }).then(
        () => Promise.reject(new Error(`${name} was taken`)),
        (error) => error,
      );
      expect([name, failure.originalResponse?.getStatus()]).toEqual([name, 422]);
      expect(JSON.parse(failure.originalResponse?.getBody() ?? '')).toMatchObject({ code: 'unplayable-source' });
    }
    expect(await ingest.leftovers()).toEqual(before);
  });

  it('is refused as problems that keep tus headers', async () => {
    const { path } = await create(100_000);
    const missing = { 'content-type': 'application/offset+octet-stream', 'upload-offset': '0' };
    const cases: readonly [Promise<Response>, number, string][] = [
      [create(maxUploadBytes + 1).then(({ response }) => response), 413, 'too-large'],
      [create(10, 'profile Y2luZW1h').then(({ response }) => response), 400, 'invalid-request'],
      [create(10, 'filename not*base64').then(({ response }) => response), 400, 'invalid-request'],
      [patch(path, 5_000, Buffer.alloc(10)), 409, 'conflict'],
      [patch(path, 0, Buffer.alloc(100_001)), 413, 'too-large'],
      [patch('/v1/uploads/nobody', 0, Buffer.alloc(10)), 404, 'upload-not-found'],
      [patch('/v1/uploads/..%2f..%2fx', 0, Buffer.alloc(10)), 404, 'upload-not-found'],
      [ingest.call(path, { method: 'PATCH', headers: missing, body: 'x' }), 412, 'precondition-failed'],
      [
        ingest.call(path, { method: 'PATCH', headers: { ...tus, 'upload-offset': '0' } }),
        415,
        'unsupported-media-type',
      ],
    ];
    for (const [answer, status, code] of cases) {
      const response = await answer;
      expect(response.headers.get('content-type')).toMatch('application/problem+json');
      expect(response.headers.get('tus-resumable')).toBe('1.0.0');
      expect([response.status, (await problemOf(response)).code]).toEqual([status, code]);
    }
    expect((await ingest.call(path, { method: 'DELETE', headers: tus })).status).toBe(204);
    expect((await head(path)).status).toBe(404);
    expect((await ingest.call(path)).status).toBe(404);
  });

  it('needs the key, but for asking what is offered', async () => {
    const options = await fetch(`${ingest.base}/v1/uploads`, { method: 'OPTIONS' });
    expect(options.status).toBe(204);
    expect(options.headers.get('tus-extension')).toMatch(/creation-with-upload.*termination.*expiration/);
    expect(options.headers.get('tus-max-size')).toBe(String(maxUploadBytes));
    const { path } = await create(10);
    for (const method of ['POST', 'HEAD', 'PATCH', 'DELETE', 'GET'])
      expect(
        (await fetch(ingest.base + (method === 'POST' ? '/v1/uploads' : path), { method, headers: tus })).status,
      ).toBe(401);
  });

  it('keeps nothing of bytes that do not have their checksum', async () => {
    const options = await ingest.call('/v1/uploads', { method: 'OPTIONS' });
    expect(options.headers.get('tus-extension')).toMatch(/checksum/);
    expect(options.headers.get('tus-checksum-algorithm')?.split(',')).toEqual(
      expect.arrayContaining(['md5', 'sha1', 'sha256']),
    );
    const { path } = await create(clips.video.length);
    const [first, rest] = [clips.video.subarray(0, 30_000), clips.video.subarray(30_000)];
    const sum = (algorithm: string, bytes: Uint8Array) => ({
      'upload-checksum': `${algorithm} ${createHash(algorithm).update(bytes).digest('base64')}`,
    });
    expect((await patch(path, 0, first, sum('sha1', first))).status).toBe(204);

    const wrong = await patch(path, 30_000, rest, sum('sha256', first));
    expect([wrong.status, (await problemOf(wrong)).code]).toEqual([460, 'checksum-mismatch']);
    expect((await head(path)).headers.get('upload-offset')).toBe('30000');
    for (const bad of ['crc32 AAAAAA==', 'sha1 AAAA', 'sha1'])
      expect((await patch(path, 30_000, rest, { 'upload-checksum': bad })).status).toBe(400);

    const right = await patch(path, 30_000, rest, sum('md5', rest));
    expect(right.status).toBe(204);
    const asset = await assetOf(await ingest.call(`/v1/assets/${right.headers.get('nightfill-asset-id')}`));
    expect(asset.source.sha256).toBe(createHash('sha256').update(clips.video).digest('hex'));
  });

  it('may say its length late', async () => {
    const response = await ingest.call('/v1/uploads', {
      method: 'POST',
      headers: { ...tus, 'upload-defer-length': '1', 'upload-metadata': `filename ${btoa('clip.mp4')}` },
    });
    const path = response.headers.get('location') ?? '';
    expect((await patch(path, 0, clips.video)).status).toBe(204);
    const end = await patch(path, clips.video.length, Buffer.alloc(0), { 'upload-length': String(clips.video.length) });
    const assetId = end.headers.get('nightfill-asset-id');
    expect(await readFile(join(ingest.storeDir, 'objects/uploads', assetId ?? ''))).toEqual(clips.video);
  });

  it('tells a path as its address, which is right behind any proxy', async () => {
    const { path } = await create(10);
    expect(path).toMatch(/^\/v1\/uploads\/[a-z0-9]{16}$/);
  });
});

describe('what a crash leaves behind', { timeout: 60_000 }, () => {
  /** As if the process had died hours ago. */
  async function age(path: string, hours: number): Promise<void> {
    const then = Date.now() / 1_000 - hours * 3_600;
    await utimes(path, then, then);
  }

  it('is made whole at start: a complete upload becomes its asset', async () => {
    const { path } = await create(clips.video.length);
    const id = path.split('/').at(-1) ?? '';
    // Redis is what makes an asset needs and bytes do not.
    await redis.stop();
    await patch(path, 0, clips.video).catch(() => undefined);
    await ingest.kill();
    const record = join(ingest.storeDir, 'objects/incoming', id, 'upload.json');
    expect(JSON.parse(await readFile(record, 'utf8'))).toMatchObject({
      sizeBytes: clips.video.length,
      marks: [expect.anything()],
    });
    await age(record, 1);
    redis = await startRedisServer();
    await ingest.restart({ NIGHTFILL_REDIS_URL: redis.url });
    await until('the asset', async () => (await ingest.call(`/v1/assets/${id}`)).ok);
    await until('the upload is gone', async () => !(await uploadFiles()).some((name) => name.includes(id)));
    expect((await assetOf(await ingest.call(`/v1/assets/${id}`))).source.sha256).toBe(
      createHash('sha256').update(clips.video).digest('hex'),
    );
  });

  it('is removed from the store where no asset owns it', async () => {
    const { assetId } = await send(clips.video);
    const stored = join(ingest.storeDir, 'objects/uploads');
    await writeFile(join(stored, 'orphan'), 'x');
    await writeFile(join(stored, 'young-orphan'), 'x');
    for (const name of ['orphan', assetId ?? '']) await age(join(stored, name), 48);
    await ingest.kill();
    await ingest.restart();
    await until('the orphan is gone', async () => !(await readdir(stored)).includes('orphan'));
    expect(await readdir(stored)).toEqual(expect.arrayContaining([assetId, 'young-orphan']));
  });

  it('is removed where nobody can use it: expired uploads and broken files', async () => {
    const short = await startIngest(redis.url, { NIGHTFILL_UPLOAD_EXPIRY: '1s' });
    try {
      const response = await short.call('/v1/uploads', { method: 'POST', headers: { ...tus, 'upload-length': '10' } });
      const id = response.headers.get('location')?.split('/').at(-1) ?? '';
      expect(response.headers.get('upload-expires')).toBeTruthy();
      await until(
        'it expires',
        async () => (await short.call(`/v1/uploads/${id}`, { method: 'HEAD', headers: tus })).status === 410,
      );
      await short.kill();
      const parts = join(short.storeDir, 'parts');
      await writeFile(join(parts, 'uploads%2Fnobody~1'), 'x');
      await age(join(parts, 'uploads%2Fnobody~1'), 48);
      const record = join(short.storeDir, 'objects/incoming', id, 'upload.json');
      await age(record, 1);
      await writeFile(join(short.dir, 'scratch/ingest/incoming/left'), 'x');
      await short.restart();
      await until('nothing is left', async () => (await short.leftovers()).length === 0);
      await expect(stat(record)).rejects.toThrow('ENOENT');
    } finally {
      await short.remove();
    }
  });
});
