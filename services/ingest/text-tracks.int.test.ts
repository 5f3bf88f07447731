import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeBullmqJobQueue } from '../../shared/adapters/bullmq/bullmq-job-queue.ts';
import { makeStoreDocuments } from '../../shared/adapters/documents/store-documents.ts';
import { makeFolderObjectStore } from '../../shared/adapters/folder/folder-object-store.ts';
import { connectRedis, type RedisConnection } from '../../shared/adapters/redis/connection.ts';
import { makeRedisCatalogue } from '../../shared/adapters/redis/redis-catalogue.ts';
import type { Manifest } from '../../shared/domain/manifest.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { JobQueue } from '../../shared/ports/job-queue.ts';
import { makeTestAsset } from '../../shared/testing/catalogue-contract.ts';
import { startRedisServer, type TestRedisServer } from '../../shared/testing/redis-server.ts';
import { assetOf, type IngestProcess, problemOf, startIngest, until } from './testing/ingest-process.ts';
import type { TextTrackView } from './text-tracks.ts';

let server: TestRedisServer;
let redis: RedisConnection;
let ingest: IngestProcess;
let jobs: JobQueue;
let catalogue: Catalogue;

beforeAll(async () => {
  server = await startRedisServer();
  ingest = await startIngest(server.url);
  redis = connectRedis({ url: server.url });
  const store = makeFolderObjectStore({ root: ingest.storeDir });
  catalogue = makeRedisCatalogue({ redis, store, clock: systemClock });
  jobs = makeBullmqJobQueue({ redisUrl: server.url, clock: systemClock });
  await catalogue.create(makeTestAsset('waiting', { state: 'transcoding' }));
  await catalogue.create(makeTestAsset('shown', { state: 'published', version: 'v1' }));
  await catalogue.create(makeTestAsset('removed', { state: 'deleted' }));
  const manifest: Manifest = {
    schema: 1,
    assetId: 'shown',
    version: 'v1',
    title: 'Shown',
    createdAt: '2026-11-20T10:00:00.000Z',
    durationS: 9,
    packaging: 'segments',
    sliceSizeBytes: 4 * 1024 * 1024,
    sizeBytes: 0,
    source: { sha256: 'a'.repeat(64), sizeBytes: 1 },
    recipe: { profile: 'default', packager: 'p', encoder: 'e' },
    playlists: { hls: 'master.m3u8', dash: 'manifest.mpd' },
    sourceTexts: [
      {
        language: 'de',
        kind: 'subtitles',
        name: 'Deutsch',
        forced: false,
        isDefault: false,
        sha256: 'b'.repeat(64),
        sizeBytes: 9,
        cues: 3,
      },
    ],
    renditions: [],
    files: [],
  };
  await makeStoreDocuments(store).putManifest(manifest);
});
afterAll(async () => {
  await jobs?.close();
  await redis?.close();
  await ingest?.remove();
  await server?.stop();
});

const srt = (text = 'Hallo'): string => `1\n00:00:01,000 --> 00:00:02,000\n${text}\n`;
const put = (path: string, body: string | Uint8Array<ArrayBuffer> = srt(), type = 'application/x-subrip') =>
  ingest.call(`/v1/assets/${path}`, { method: 'PUT', body, headers: { 'content-type': type } });
const list = async (id: string): Promise<TextTrackView[]> => {
  const response = await ingest.call(`/v1/assets/${id}/text-tracks`);
  const { items } = (await response.json()) as { items: TextTrackView[] };
  return items;
};

describe('text tracks', { timeout: 60_000 }, () => {
  it('are added, replaced, read and removed', async () => {
    const added = await put('waiting/text-tracks/pt-br?kind=captions&default=true');
    expect(added.status).toBe(201);
    expect(await added.json()).toEqual({
      id: 'pt-br-captions',
      language: 'pt-BR',
      kind: 'captions',
      name: expect.stringContaining('(SDH)'),
      forced: false,
      default: true,
      origin: 'upload',
      cues: 1,
      published: false,
    });
    expect((await put('waiting/text-tracks/pt-BR?kind=captions', srt('Olá'))).status).toBe(200);
    expect(
      (
        await put(
          'waiting/text-tracks/fr?default=true&name=Fran%C3%A7ais',
          Uint8Array.from(Buffer.from(srt('Été'), 'latin1')),
          'text/plain',
        )
      ).status,
    ).toBe(201);
    expect((await list('waiting')).map(({ id, default: shown }) => [id, shown])).toEqual([
      ['pt-br-captions', false],
      ['fr', true],
    ]);
    const read = await ingest.call('/v1/assets/waiting/text-tracks/fr');
    expect(read.headers.get('content-type')).toBe('text/vtt; charset=utf-8');
    expect(await read.text()).toMatch(/^WEBVTT\nX-[^\n]*\n\n00:00:01.000 --> 00:00:02.000\nÉté\n\n$/);
    expect((await assetOf(await ingest.call('/v1/assets/waiting'))).textTracks).toHaveLength(2);

    expect((await ingest.call('/v1/assets/waiting/text-tracks/fr', { method: 'DELETE' })).status).toBe(204);
    const again = await ingest.call('/v1/assets/waiting/text-tracks/fr', { method: 'DELETE' });
    expect(await problemOf(again)).toMatchObject({ status: 404, code: 'text-track-not-found' });
    // Nothing is to be done before the transcode, which takes them along.
    expect(await jobs.counts('retext-asset')).toMatchObject({ waiting: 0 });
  });

  it('of a published asset are put to work, each change once', async () => {
    expect(await list('shown')).toMatchObject([{ id: 'de', origin: 'source', published: false }]);
    await put('shown/text-tracks/de', srt('Neu'));
    await put('shown/text-tracks/de', srt('Neu'));
    expect(await list('shown')).toMatchObject([{ id: 'de', origin: 'upload', cues: 1 }]);
    expect(await jobs.counts('retext-asset')).toMatchObject({ waiting: 1 });
    const { updatedAt } = (await catalogue.get('shown')) ?? {};
    const job = await jobs.get('retext-asset', `retext-shown-${Date.parse(updatedAt ?? '')}`);
    expect(job?.payload.assetId).toBe('shown');
  });

  it('are enqueued after a start, where that was missed', async () => {
    const { updatedAt } = (await catalogue.get('shown')) ?? {};
    const id = `retext-shown-${Date.parse(updatedAt ?? '')}`;
    await jobs.cancel('retext-asset', id);
    await ingest.kill();
    await ingest.restart();
    await until('the job is there again', async () => (await jobs.get('retext-asset', id)) !== null);
  });

  it.each([
    ['waiting/text-tracks/de', '1\n00:00:01,000 --> 00:00:0x,000\nA', 'invalid-text', 'line 2'],
    ['waiting/text-tracks/de', '\0\0\0\u0018ftypmp42', 'invalid-text', 'there are no times'],
    ['waiting/text-tracks/no_language_tag_at_all!', srt(), 'invalid-request', 'is no language tag'],
    ['waiting/text-tracks/de?kind=karaoke', srt(), 'invalid-request', 'kind'],
    ['nobody/text-tracks/de', srt(), 'asset-not-found', 'nobody'],
    ['removed/text-tracks/de', srt(), 'gone', 'deleted'],
    ['waiting/text-tracks/de', 'x'.repeat(9 * 1024 * 1024), 'too-large', ''],
  ])('%s is refused', async (path, body, code, reason) => {
    const problem = await problemOf(await put(path, body));
    expect(problem).toMatchObject({ code });
    expect(problem.detail).toContain(reason);
  });
});
