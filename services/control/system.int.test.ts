import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../shared/platform/clock.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { UnrecoverableJobError } from '../../shared/ports/job-queue.ts';
import { makePortsKit, type PortsKit } from '../../shared/testing/ports-kit.ts';
import { appliance, publishedAsset, region } from './testing/builders.ts';
import { startControl, type TestControl } from './testing/start-control.ts';

const start = Date.parse('2026-11-20T14:00:00Z');
const clock: Clock = { ...systemClock, now: () => start };
let ports: PortsKit;
let control: TestControl;
const call: TestControl['call'] = (...args) => control.call(...args);

beforeAll(async () => {
  ports = await makePortsKit(clock);
  control = await startControl(ports, clock);
  for (const id of ['berlin', 'paris', 'tokyo']) await call('POST', '/v1/regions', region(id));
});

afterAll(async () => {
  await control.close();
  await ports.dispose();
});

describe('the whole', () => {
  beforeAll(async () => {
    await ports.catalogue.create(publishedAsset('film'));
    await ports.catalogue.create(publishedAsset('raw', { state: 'uploaded', version: null }));
    await ports.catalogue.create(publishedAsset('trash', { state: 'deleted' }));
    await call('POST', '/v1/appliances', appliance('b1', 'berlin'));
    await call('POST', '/v1/fills', { regionId: 'tokyo', start: 'window', date: '2026-11-25' });
    const csv = 'hour,region,asset,views,bytes\n2026-11-18,berlin,film,40,4000\n';
    await call('POST', '/v1/demand', csv, { 'content-type': 'text/csv' });
  });

  it('tells what runs', async () => {
    const { body } = await call('GET', '/v1/status');
    expect(body).toMatchObject({
      checks: { redis: 'ok', store: 'ok' },
      regions: 3,
      assets: { published: 1, uploaded: 1, deleted: 1 },
      jobs: { 'plan-region': { delayed: 1 } },
    });
  });

  it('describes every route with its answers', async () => {
    const { body } = await call<{ paths: Record<string, Record<string, { responses: object }>> }>(
      'GET',
      '/openapi.json',
    );
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining(['/v1/playback', '/v1/fills/{id}', '/v1/regions/{id}/plan']),
    );
    expect(Object.keys(body.paths).filter((path) => !path.startsWith('/v1/'))).toEqual([]);
    expect(Object.keys(body.paths['/v1/playback']?.post?.responses ?? {})).toEqual(
      expect.arrayContaining(['200', '401', '404', '503']),
    );
  });

  it('restores everything after a loss of Redis, unfinished work included', async () => {
    await ports.redisKit.flushAll();
    const { body } = await call<Record<string, number>>('POST', '/v1/rebuild');
    expect(body).toMatchObject({ fleetDocuments: 4, assets: 3 });
    expect(body.demandDays).toBeGreaterThan(0);
    expect(await ports.jobs.get('transcode-asset', 'transcode-raw')).toMatchObject({ state: 'waiting' });
    expect(await ports.jobs.get('delete-asset', 'delete-trash')).not.toBeNull();
    expect(await ports.jobs.get('plan-region', 'plan-tokyo-2026-11-25')).toMatchObject({ state: 'delayed' });
    expect((await call('GET', '/v1/regions')).status).toBe(200);
  });

  it('takes up a fill again whose job failed without ending it', async () => {
    const { body } = await call('POST', '/v1/fills', { regionId: 'paris', start: 'now' });
    const id = String(body.id);
    const fill = await ports.documents.getFill(id);
    if (!fill) throw new Error('no fill');
    await ports.documents.putFill({ ...fill, state: 'running' });
    await ports.jobs.add('fill-region', { fillId: id });
    const worker = await ports.jobs.work('fill-region', async () => {
      throw new UnrecoverableJobError('as if every worker had died of it');
    });
    expect(await ports.jobs.waitFor('fill-region', `fill-${id}`, 10_000)).toMatchObject({ state: 'failed' });
    await worker.close(0);
    await call('POST', '/v1/rebuild');
    expect(await ports.jobs.get('fill-region', `fill-${id}`)).toMatchObject({ state: 'waiting' });
  });

  it('says that Redis is away while it is, and works again by itself', async () => {
    await ports.redisKit.server.kill();
    const away = await call('GET', '/v1/regions');
    expect(away).toMatchObject({ status: 503, body: { code: 'not-ready', detail: expect.stringContaining('redis') } });
    expect((await fetch(`${control.base}/readyz`)).status).toBe(503);
    expect((await call('GET', '/v1/status')).body).toMatchObject({ checks: { store: 'ok' }, jobs: null });
    await ports.redisKit.server.restart();
    await expect.poll(async () => (await call('GET', '/v1/regions')).status, { timeout: 20_000 }).toBe(200);
    // It came back empty: the fleet was read again from the object store.
    expect((await call<{ items: unknown[] }>('GET', '/v1/regions')).body.items).toHaveLength(3);
  }, 60_000);
});
