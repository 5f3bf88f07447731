import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeBullmqJobQueue } from '../../shared/adapters/bullmq/bullmq-job-queue.ts';
import { makeFolderObjectStore } from '../../shared/adapters/folder/folder-object-store.ts';
import { connectRedis, type RedisConnection } from '../../shared/adapters/redis/connection.ts';
import { makeRedisCatalogue } from '../../shared/adapters/redis/redis-catalogue.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { JobQueue } from '../../shared/ports/job-queue.ts';
import { makeTestAsset } from '../../shared/testing/catalogue-contract.ts';
import { startRedisServer, type TestRedisServer } from '../../shared/testing/redis-server.ts';
import type { AssetView } from './asset-view.ts';
import { assetOf, type IngestProcess, problemOf, startIngest, until } from './testing/ingest-process.ts';

let server: TestRedisServer;
let redis: RedisConnection;
let ingest: IngestProcess;
let jobs: JobQueue;
/** The catalogue as the transcode worker has it: another process. */
let catalogue: Catalogue;

beforeAll(async () => {
  server = await startRedisServer();
  ingest = await startIngest(server.url);
  redis = connectRedis({ url: server.url });
  const store = makeFolderObjectStore({ root: ingest.storeDir });
  catalogue = makeRedisCatalogue({ redis, store, clock: systemClock });
  jobs = makeBullmqJobQueue({ redisUrl: server.url, clock: systemClock });
});
afterAll(async () => {
  await jobs?.close();
  await redis?.close();
  await ingest?.remove();
  await server?.stop();
});

const encode = (fraction: number) =>
  ({ stage: 'encode', fraction, renditions: { 'video-240p': fraction }, speed: 2 }) as const;

/** Reads a stream of events until it ends. */
async function follow(id: string, onAsset: (asset: AssetView) => void): Promise<void> {
  const response = await ingest.call(`/v1/assets/${id}/events`);
  expect(response.headers.get('content-type')).toMatch('text/event-stream');
  let text = '';
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    const whole = text.split('\n\n');
    text = whole.pop() ?? '';
    for (const event of whole) {
      const data = /^event: asset\ndata: (.*)$/.exec(event)?.[1];
      if (data) onAsset(JSON.parse(data));
    }
  }
}

describe('assets', { timeout: 60_000 }, () => {
  it('are listed newest first, page by page, without deleted ones', async () => {
    for (let n = 1; n <= 5; n += 1)
      await catalogue.create(
        makeTestAsset(`listed-${n}`, {
          createdAt: `2026-11-20T10:00:0${n}.000Z`,
          state: n === 3 ? 'deleted' : 'published',
        }),
      );
    const ids: string[] = [];
    for (let after = ''; ; ) {
      const response = await ingest.call(`/v1/assets?limit=2${after}`);
      const { items, next } = (await response.json()) as { items: AssetView[]; next: string | null };
      ids.push(...items.map(({ id }) => id));
      if (next === null) break;
      after = `&after=${encodeURIComponent(next)}`;
    }
    expect(ids).toEqual(['listed-5', 'listed-4', 'listed-2', 'listed-1']);
    const wrong = await ingest.call('/v1/assets?state=ready');
    expect([wrong.status, (await problemOf(wrong)).code]).toEqual([400, 'invalid-request']);
  });

  it('show their progress while they are made', async () => {
    await catalogue.create(makeTestAsset('in-progress', { state: 'transcoding' }));
    await catalogue.setProgress('in-progress', encode(0.5));
    const asset = await assetOf(await ingest.call('/v1/assets/in-progress'));
    expect(asset.progress).toEqual(encode(0.5));
    expect(asset).not.toHaveProperty('sourceKey');
  });

  it('can be renamed, tagged and given a series and a premiere', async () => {
    await catalogue.create(makeTestAsset('renamed'));
    const patch = (body: unknown, id = 'renamed') =>
      ingest.call(`/v1/assets/${id}`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const changed = await assetOf(await patch({ title: 'Another  name\n', tags: ['a', 'b'] }));
    expect(changed).toMatchObject({ title: 'Another name', tags: ['a', 'b'] });
    expect(changed.updatedAt > changed.createdAt).toBe(true);
    const premiere = { series: ' A  series ', premiereDate: '2026-12-24' };
    expect(await assetOf(await patch(premiere))).toMatchObject({ ...premiere, series: 'A series', tags: ['a', 'b'] });
    const without = await assetOf(await patch({ series: null }));
    expect(without).toMatchObject({ series: null, premiereDate: '2026-12-24' });
    expect(await assetOf(await patch({ premieresAt: '2026-12-24T20:15:00+01:00', mustHave: true }))).toMatchObject({
      premieresAt: '2026-12-24T19:15:00.000Z',
      mustHave: true,
    });
    expect(await assetOf(await patch({ premieresAt: null }))).toMatchObject({ premieresAt: null, mustHave: true });
    for (const wrong of [{ premieresAt: '2026-12-24T20:15:00' }, { premieresAt: 'soon+01:00' }, { mustHave: 'yes' }])
      expect((await patch(wrong)).status).toBe(400);
    for (const wrong of [
      { premieresAt: '2026-12-24T20:15:00' },
      { premiereDate: '2026-02-30' },
      { premiereDate: 'tomorrow' },
      { packaging: 'single-file' },
    ])
      expect((await patch(wrong)).status).toBe(400);
    for (const wrong of [{}, { state: 'published' }, { title: '' }, { tags: 'a'.repeat(65) }])
      expect((await patch(wrong)).status).toBe(400);
    expect((await patch({ title: 'x' }, 'nobody')).status).toBe(404);
    expect((await patch({ title: 'x' }, 'No%20Id')).status).toBe(404);
  });

  it('are deleted at once, their transcode is cancelled, and their objects are left to a job', async () => {
    await catalogue.create(makeTestAsset('deleted'));
    await jobs.add('transcode-asset', { assetId: 'deleted' });
    for (let time = 0; time < 2; time += 1) {
      const response = await ingest.call('/v1/assets/deleted?purge=true', { method: 'DELETE' });
      expect(response.status).toBe(202);
      expect(await assetOf(response)).toMatchObject({ id: 'deleted', state: 'deleted' });
    }
    expect(await jobs.get('transcode-asset', 'transcode-deleted')).toBeNull();
    expect(await jobs.get('delete-asset', 'delete-deleted')).toMatchObject({ state: 'waiting' });
    expect((await ingest.call('/v1/assets/nobody', { method: 'DELETE' })).status).toBe(404);
    const late = await ingest.call('/v1/assets/deleted/restore', { method: 'POST' });
    expect([late.status, (await problemOf(late)).code]).toEqual([410, 'gone']);
  });

  it('come back as they were, also after a restart and a loss of Redis, and are purged on request', async () => {
    const before = makeTestAsset('restored', { state: 'published', version: 'v1', title: 'Kept', tags: ['a'] });
    await catalogue.create(before);
    const remove = (query = '') => ingest.call(`/v1/assets/restored${query}`, { method: 'DELETE' });
    const restore = (id = 'restored') => ingest.call(`/v1/assets/${id}/restore`, { method: 'POST' });
    const deleted = await assetOf(await remove());
    expect(deleted).toMatchObject({ state: 'deleted', deletion: { from: 'published' } });
    const { deletedAt, purgeAt } = deleted.deletion ?? { deletedAt: '', purgeAt: '' };
    expect(Date.parse(purgeAt) - Date.parse(deletedAt)).toBe(24 * 3_600_000);
    // Once more puts nothing off.
    expect((await assetOf(await remove())).deletion).toEqual(deleted.deletion);
    const listed = async (query: string) =>
      ((await (await ingest.call(`/v1/assets?limit=500${query}`)).json()) as { items: AssetView[] }).items.map(
        ({ id }) => id,
      );
    expect(await listed('')).not.toContain('restored');

    await ingest.kill();
    await redis.client.flushall();
    await catalogue.rebuild();
    await ingest.restart();
    expect(await listed('&state=deleted')).toContain('restored');
    // Only the sweep could have added it, and its delay is not over.
    expect(await jobs.get('delete-asset', 'delete-restored')).toBeNull();

    expect((await restore()).status).toBe(200);
    expect(await catalogue.get('restored')).toEqual({ ...before, updatedAt: expect.any(String) });
    expect(await listed('')).toContain('restored');
    const again = await restore();
    expect([again.status, (await problemOf(again)).code]).toEqual([409, 'conflict']);
    expect((await restore('nobody')).status).toBe(404);

    await remove();
    await remove('?purge=true');
    expect(await jobs.get('delete-asset', 'delete-restored')).toMatchObject({ state: 'waiting' });
    expect((await restore()).status).toBe(410);
  });

  it('are transcoded again when they are restored before they were published', async () => {
    await catalogue.create(makeTestAsset('early'));
    await ingest.call('/v1/assets/early', { method: 'DELETE' });
    expect(await jobs.get('transcode-asset', 'transcode-early')).toBeNull();
    await ingest.call('/v1/assets/early/restore', { method: 'POST' });
    expect(await jobs.get('transcode-asset', 'transcode-early')).toMatchObject({ state: 'waiting' });
  });

  it('are transcoded again once whoever was at it when they were deleted has gone', async () => {
    await catalogue.create(makeTestAsset('slow', { state: 'transcoding' }));
    const mayEnd = Promise.withResolvers<void>();
    let runs = 0;
    const worker = await jobs.work('transcode-asset', async ({ payload, signal }) => {
      if (payload.assetId !== 'slow') return { version: 'v1' };
      runs += 1;
      if (runs > 1) return { version: 'v1' };
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await mayEnd.promise;
      throw signal.reason;
    });
    await jobs.add('transcode-asset', { assetId: 'slow' });
    await until('the first run', () => runs === 1);
    await ingest.call('/v1/assets/slow', { method: 'DELETE' });
    const restored = ingest.call('/v1/assets/slow/restore', { method: 'POST' });
    await until('the restored asset', async () => (await catalogue.get('slow'))?.state === 'transcoding');
    mayEnd.resolve();
    expect((await restored).status).toBe(200);
    await until('the second run', () => runs === 2);
    await worker.close();
  });

  it('are purged by the sweep when their delay is over', async () => {
    await catalogue.create(
      makeTestAsset('overdue', {
        state: 'deleted',
        deletion: { deletedAt: '2026-01-01T00:00:00.000Z', purgeAt: '2026-01-02T00:00:00.000Z', from: 'published' },
      }),
    );
    await ingest.kill();
    await ingest.restart();
    await until('the job', async () => (await jobs.get('delete-asset', 'delete-overdue')) !== null);
  });
});

describe('following an asset', { timeout: 60_000 }, () => {
  it('tells its state at once, its progress at most four times a second, and ends when it is published', async () => {
    await catalogue.create(makeTestAsset('followed', { state: 'transcoding' }));
    const seen: AssetView[] = [];
    const ended = follow('followed', (asset) => seen.push(asset));
    await until('the first event', () => seen.length === 1);
    const begunMs = Date.now();
    for (let step = 1; step <= 50; step += 1) await catalogue.setProgress('followed', encode(step / 100));
    await until('the last progress', () => seen.at(-1)?.progress?.fraction === 0.5);
    expect(seen.length).toBeLessThanOrEqual(2 + Math.ceil((Date.now() - begunMs) / 250));
    await catalogue.update('followed', (asset) => ({ ...asset, state: 'published', version: 'v1' }));
    await ended;
    expect(seen.at(-1)).toMatchObject({ state: 'published', version: 'v1', progress: null });
  });

  it('ends at once for one that is final, and when its document is removed', async () => {
    await catalogue.create(makeTestAsset('has-failed', { state: 'failed', failure: { code: 'x', reason: 'y' } }));
    const states: string[] = [];
    await follow('has-failed', ({ state }) => states.push(state));
    await catalogue.create(makeTestAsset('removed'));
    const ended = follow('removed', ({ state }) => states.push(state));
    await until('the first event', () => states.length === 2);
    await catalogue.remove('removed');
    await ended;
    expect(states).toEqual(['failed', 'uploaded', 'deleted']);
    expect((await ingest.call('/v1/assets/nobody/events')).status).toBe(404);
  });

  it('does not hold up the stop of the process, which loses nothing', async () => {
    await catalogue.create(makeTestAsset('watched-to-the-end'));
    const ended = follow('watched-to-the-end', () => undefined);
    await until('watching', async () => (await (await ingest.call('/metrics')).text()) !== '');
    expect(await ingest.stop()).toBe(0);
    await ended;
    await ingest.restart();
    expect((await ingest.call('/v1/assets/watched-to-the-end')).status).toBe(200);
  });
});

describe('the service', { timeout: 60_000 }, () => {
  it('enqueues at start what has no job', async () => {
    await catalogue.create(makeTestAsset('forgotten', { state: 'uploaded' }));
    await catalogue.create(makeTestAsset('interrupted', { state: 'transcoding' }));
    await catalogue.create(makeTestAsset('half-deleted', { state: 'deleted' }));
    await ingest.kill();
    await ingest.restart();
    await until('jobs', async () => (await jobs.get('delete-asset', 'delete-half-deleted')) !== null);
    expect(await jobs.get('transcode-asset', 'transcode-forgotten')).not.toBeNull();
    expect(await jobs.get('transcode-asset', 'transcode-interrupted')).not.toBeNull();
  });

  it('is ready with Redis and store, and counts uploads', async () => {
    expect(await (await ingest.call('/readyz')).json()).toEqual({
      status: 'ready',
      checks: { redis: 'ok', store: 'ok' },
    });
    expect(await (await ingest.call('/metrics')).text()).toContain('nightfill_ingest_uploads_total');
  });

  it('says that Redis is away while it is, and goes on when it is back', async () => {
    await server.kill();
    const list = await ingest.call('/v1/assets');
    expect([list.status, (await problemOf(list)).code]).toEqual([503, 'not-ready']);
    expect((await ingest.call('/readyz')).status).toBe(503);
    await server.restart();
    await until('it goes on', async () => (await ingest.call('/readyz')).ok);
    expect((await ingest.call('/v1/assets/forgotten')).status).toBe(200);
  });

  it('documents every route with its problems', async () => {
    const document = (await (await ingest.call('/openapi.json')).json()) as {
      paths: Record<string, Record<string, { tags?: string[]; summary?: string; responses: Record<string, unknown> }>>;
    };
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, route]) => ({ name: `${method} ${path}`, route })),
    );
    expect(routes.map(({ name }) => name).sort()).toEqual([
      'delete /v1/assets/{id}',
      'delete /v1/assets/{id}/text-tracks/{language}',
      'delete /v1/imports/{id}',
      'delete /v1/uploads/{id}',
      'get /v1/assets',
      'get /v1/assets/{id}',
      'get /v1/assets/{id}/events',
      'get /v1/assets/{id}/text-tracks',
      'get /v1/assets/{id}/text-tracks/{language}',
      'get /v1/imports/{id}',
      'get /v1/imports/{id}/files',
      'get /v1/uploads/{id}',
      'head /v1/uploads/{id}',
      'patch /v1/assets/{id}',
      'patch /v1/uploads/{id}',
      'post /v1/assets',
      'post /v1/assets/{id}/restore',
      'post /v1/imports',
      'post /v1/imports/{id}/publish',
      'post /v1/uploads',
      'put /v1/assets/{id}/text-tracks/{language}',
      'put /v1/imports/{id}/files/{*}',
    ]);
    for (const { name, route } of routes) {
      expect(route.tags, name).toHaveLength(1);
      expect(route.summary, name).toBeTruthy();
      expect(Object.keys(route.responses), name).toContain('401');
    }
  });
});
