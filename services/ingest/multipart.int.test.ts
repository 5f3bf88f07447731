import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeBullmqJobQueue } from '../../shared/adapters/bullmq/bullmq-job-queue.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import type { JobQueue } from '../../shared/ports/job-queue.ts';
import { startRedisServer, type TestRedisServer } from '../../shared/testing/redis-server.ts';
import type { AssetView } from './asset-view.ts';
import { type Clips, makeClips } from './testing/clips.ts';
import { apiKey, assetOf, type IngestProcess, problemOf, startIngest, until } from './testing/ingest-process.ts';

let redis: TestRedisServer;
let ingest: IngestProcess;
let clips: Clips;
let jobs: JobQueue;
const maxUploadBytes = 2_000_000;

beforeAll(async () => {
  [redis, clips] = await Promise.all([startRedisServer(), makeClips()]);
  jobs = makeBullmqJobQueue({ redisUrl: redis.url, clock: systemClock });
  ingest = await startIngest(redis.url, { NIGHTFILL_MAX_UPLOAD: `${maxUploadBytes}B` });
});
afterAll(async () => {
  await jobs?.close();
  await ingest?.remove();
  await redis?.stop();
  await clips?.remove();
});

interface Part {
  readonly name: string;
  readonly value: string | Blob;
  readonly fileName?: string;
}

function post(parts: readonly Part[], headers: Record<string, string> = {}) {
  const form = new FormData();
  for (const { name, value, fileName } of parts) {
    if (typeof value === 'string') form.append(name, value);
    else form.append(name, value, fileName);
  }
  return ingest.call('/v1/assets', { method: 'POST', body: form, headers });
}

const file = (bytes: Buffer, fileName: string): Part => ({
  name: 'file',
  value: new Blob([new Uint8Array(bytes)]),
  fileName,
});
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('an upload in one request', { timeout: 60_000 }, () => {
  let before: string[];
  beforeEach(async () => {
    before = await ingest.leftovers();
  });
  const expectNothingLeft = async () => expect(await ingest.leftovers()).toEqual(before);

  it('becomes an asset whose bytes are stored and whose transcode is enqueued', async () => {
    const response = await post([
      { name: 'title', value: 'A test card' },
      { name: 'tag', value: 'test' },
      { name: 'tag', value: 'card' },
      { name: 'profile', value: 'preview' },
      { name: 'series', value: 'Test cards' },
      { name: 'premiereDate', value: '2026-12-24' },
      { name: 'premieresAt', value: '2026-12-24T20:15:00+01:00' },
      { name: 'mustHave', value: 'true' },
      { name: 'packaging', value: 'single-file' },
      file(clips.video, 'clip.mp4'),
    ]);
    const asset = await assetOf(response);
    expect(response.status, JSON.stringify(asset)).toBe(201);
    expect(response.headers.get('location')).toBe(`/v1/assets/${asset.id}`);
    expect(asset).toMatchObject({
      title: 'A test card',
      tags: ['test', 'card'],
      profile: 'preview',
      series: 'Test cards',
      premiereDate: '2026-12-24',
      premieresAt: '2026-12-24T19:15:00.000Z',
      mustHave: true,
      packaging: 'single-file',
      state: 'uploaded',
      version: null,
      renditions: [],
      source: {
        fileName: 'clip.mp4',
        sizeBytes: clips.video.length,
        sha256: sha256(clips.video),
        video: { codec: 'h264', width: 320, height: 180, frameRate: 25 },
        audio: { codec: 'aac' },
      },
    });
    expect(asset.id).toMatch(/^[a-z0-9]{16}$/);
    expect(sha256(await readFile(join(ingest.storeDir, 'objects/uploads', asset.id)))).toBe(sha256(clips.video));
    expect(await jobs.get('transcode-asset', `transcode-${asset.id}`)).toMatchObject({
      payload: { assetId: asset.id },
    });
    expect((await ingest.leftovers()).filter((name) => name.startsWith('scratch/'))).toEqual([]);
    expect(await (await ingest.call(`/v1/assets/${asset.id}`)).json()).toEqual(asset);
  });

  it('notices fields that come after the file', async () => {
    const asset = await assetOf(await post([file(clips.video, 'clip.mp4'), { name: 'title', value: 'Said late' }]));
    expect(asset.title).toBe('Said late');
  });

  it.each([
    ['Ærø – sommer "2026"; été 🎬.mp4', 'Ærø – sommer "2026"; été 🎬.mp4', 'Ærø – sommer "2026"; été 🎬'],
    ['../../etc/passwd', 'passwd', 'passwd'],
    ['C:\\films\\my film.mov', 'my film.mov', 'my film'],
    ['%2e%2e%2fx.mp4', '%2e%2e%2fx.mp4', '%2e%2e%2fx'],
  ])('keeps the name %s as a name only', async (given, fileName, title) => {
    const asset = await assetOf(await post([file(clips.video, given)]));
    expect(asset).toMatchObject({ title, source: { fileName } });
  });

  it('is refused with its reason when it is not a playable video, and leaves nothing behind', async () => {
    for (const { name, bytes } of clips.refused) {
      const response = await post([file(bytes, name)]);
      const problem = await problemOf(response);
      expect([name, response.status, problem.code]).toEqual([name, 422, 'unplayable-source']);
      expect(response.headers.get('content-type')).toMatch('application/problem+json');
      expect(problem.errors).toHaveLength(1);
      expect(problem.detail.length).toBeGreaterThan(20);
    }
    await expectNothingLeft();
  });

  it('is refused beyond the limit, announced or not', async () => {
    const tooLarge = Buffer.alloc(maxUploadBytes + 1);
    const announced = await post([file(Buffer.alloc(5_000_000), 'large.mp4')]);
    const counted = await post([file(tooLarge, 'large.mp4')]);
    for (const response of [announced, counted]) {
      expect(response.status).toBe(413);
      expect((await problemOf(response)).code).toBe('too-large');
    }
    await expectNothingLeft();
  });

  it('is refused when its digest is not the announced one', async () => {
    const response = await post([{ name: 'sha256', value: '0'.repeat(64) }, file(clips.video, 'clip.mp4')]);
    expect([response.status, (await problemOf(response)).code]).toEqual([422, 'digest-mismatch']);
    await expectNothingLeft();
  });

  it.each([
    ['no file', [{ name: 'title', value: 'x' }], /file is missing/],
    ['two files', 'two', /one file/i],
    ['an unknown field', [{ name: 'titel', value: 'x' }], /titel is not a field/],
    ['an unknown profile', 'profile', /profile must be one of/],
    ['too many tags', 'tags', /tag must not be given more than/],
  ] as const)('is refused with %s', async (_what, given, detail) => {
    const video = file(clips.video, 'clip.mp4');
    const parts: readonly Part[] =
      given === 'two'
        ? [video, video]
        : given === 'profile'
          ? [video, { name: 'profile', value: 'cinema' }]
          : given === 'tags'
            ? [video, ...Array.from({ length: 60 }, (_, n) => ({ name: 'tag', value: `t${n}` }))]
            : given;
    const response = await post(parts);
    expect(response.status).toBe(400);
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ code: 'invalid-request', detail: expect.stringMatching(detail) });
    await expectNothingLeft();
  });

  it('is refused in any other form', async () => {
    const response = await ingest.call('/v1/assets', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '"film.mp4"',
    });
    expect(response.status).toBe(415);
    expect((await problemOf(response)).detail).toMatch(/multipart.*tus.*JSON/);
  });

  /** Begins an upload by hand, sends a part of it, and waits until that lies on the disk. */
  async function beginUpload(): Promise<Socket> {
    const { hostname, port } = new URL(ingest.base);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    const head = [
      'POST /v1/assets HTTP/1.1',
      'Host: ingest',
      `Authorization: Bearer ${apiKey}`,
      'Content-Type: multipart/form-data; boundary=b',
      'Content-Length: 1000000',
    ];
    const part = '--b\r\nContent-Disposition: form-data; name="file"; filename="x.mp4"\r\n\r\n';
    socket.write(`${head.join('\r\n')}\r\n\r\n${part}`);
    socket.write(Buffer.alloc(300_000));
    await until('bytes arrive', async () => (await ingest.leftovers()).length > before.length);
    return socket;
  }

  it('leaves nothing when the client goes away half-way', async () => {
    const socket = await beginUpload();
    socket.destroy();
    await until('it is removed', async () => (await ingest.leftovers()).length === before.length);
    const metrics = await (await ingest.call('/metrics')).text();
    expect(metrics).toMatch(/nightfill_ingest_uploads_total\{way="multipart",result="broken-off"[^}]*\} 1/);
    expect(metrics).toMatch(/nightfill_ingest_uploads_total\{way="multipart",result="unplayable-source"/);
  });

  it('is cut when the process stops for longer than its grace time, and leaves nothing', async () => {
    const socket = await beginUpload();
    expect(await ingest.stop()).toBe(0);
    await expectNothingLeft();
    socket.destroy();
    await ingest.restart();
  });

  it('is made once for one Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'evening-news-2026-11-20' };
    const first = await assetOf(await post([file(clips.video, 'clip.mp4')], headers));
    const again = await post([file(clips.video, 'clip.mp4')], headers);
    expect(again.status).toBe(201);
    expect((await assetOf(again)).id).toBe(first.id);
  });

  it('may come many at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, async (_, n) => assetOf(await post([file(clips.video, `clip-${n}.mp4`)]))),
    );
    expect(new Set(answers.map(({ id }) => id)).size).toBe(8);
    const listed = (await (await ingest.call('/v1/assets?limit=8')).json()) as { items: AssetView[] };
    expect(new Set(listed.items.map(({ id }) => id))).toEqual(new Set(answers.map(({ id }) => id)));
  });

  it('needs the key', async () => {
    const response = await fetch(`${ingest.base}/v1/assets`, { method: 'POST', body: new FormData() });
    expect(response.status).toBe(401);
    expect((await problemOf(response)).code).toBe('unauthorized');
  });
});
