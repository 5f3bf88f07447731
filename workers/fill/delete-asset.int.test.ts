import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeApplianceHttpApi } from '../../shared/adapters/appliance-http/appliance-http.ts';
import { makeBullmqJobQueue } from '../../shared/adapters/bullmq/bullmq-job-queue.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import { type FailingAppliance, startFailingAppliance } from '../../shared/testing/failing-appliance.ts';
import { makePortsKit, type PortsKit } from '../../shared/testing/ports-kit.ts';
import { makeTestAppliance, makeTestRegion, publishTestAsset } from '../../shared/testing/published.ts';
import { quickPolicies } from '../../shared/testing/quick-policies.ts';
import { makeDeleteAsset } from './delete-asset.ts';
import { makeSweepDeleted } from './sweep-deleted.ts';

const api = makeApplianceHttpApi({ credentialOf: (id) => `credential-of-${id}` });
const logger = pino({ level: 'silent' });
const never = new AbortController().signal;

let kit: PortsKit;
let near: FailingAppliance;
let far: FailingAppliance;

beforeEach(async () => {
  kit = await makePortsKit(systemClock);
  near = await startFailingAppliance('credential-of-near');
  far = await startFailingAppliance('credential-of-far');
  await kit.fleet.putRegion(makeTestRegion('r'));
  await kit.fleet.putAppliance(makeTestAppliance('near', 'r', near.url));
  await kit.fleet.putAppliance(makeTestAppliance('far', 'r', far.url, { role: 'shield' }));
  await publishTestAsset({ ...kit, store: kit.redisKit.store }, 'a', [1_000, 1_000]);
  await kit.catalogue.update('a', (asset) => ({ ...asset, state: 'deleted' }));
  for (const { held } of [near, far]) {
    held.set('a/v1/asset.json', 10);
    held.set('b/v1/asset.json', 10);
  }
});
afterEach(async () => {
  await Promise.all([near.close(), far.close()]);
  await kit.dispose();
});

const deletion = () =>
  makeDeleteAsset({ ...kit, store: kit.redisKit.store, api, clock: systemClock, logger, windingUpMs: 10_000 });
const contextOf = (attempt: number, again = false) => ({
  id: 'delete-a',
  payload: { assetId: 'a', ...(again ? { again: true as const } : {}) },
  attempt,
  lastAttempt: false,
  signal: never,
  begun: 1,
  progress: async () => undefined,
  children: async () => [],
});
const run = (attempt: number, again = false) => deletion()(contextOf(attempt, again));
const objectsOf = async (prefix: string): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key } of kit.redisKit.store.list(prefix)) keys.push(key);
  return keys;
};

describe('delete-asset', () => {
  it('removes the asset from every appliance, the object store and the catalogue, and may be run again', async () => {
    expect(await run(1)).toEqual({ objects: 5 });
    expect([...near.held.keys()]).toEqual(['b/v1/asset.json']);
    expect(far.deleted).toEqual(['a/']);
    expect(await objectsOf('assets/a/')).toEqual([]);
    expect(await kit.catalogue.get('a')).toBeNull();
    expect(await run(2)).toEqual({ objects: 0 });
  });

  it('waits some attempts for a silent appliance, then goes on, and sweeps it once it is back', async () => {
    await far.down();
    await expect(run(1)).rejects.toThrow('not deleted yet on far');
    expect(await kit.catalogue.get('a')).not.toBeNull();
    expect(await run(4)).toEqual({ objects: 5 });
    await far.up();
    await publishTestAsset({ ...kit, store: kit.redisKit.store }, 'b', [1_000]);
    const sweep = makeSweepDeleted({ ...kit, store: kit.redisKit.store, api, logger });
    expect(await sweep(never)).toBe(1);
    expect([...far.held.keys()]).toEqual(['b/v1/asset.json']);
    expect(await sweep(never)).toBe(0);
  });

  it('waits for whoever still makes something of it, and leaves nothing of what they put last', async () => {
    const { store } = kit.redisKit;
    const late = (part: string) => storeKeys.media({ assetId: 'a', version: 'v2', path: `${part}.m4s` });
    const put = (key: string) => store.put(key, Buffer.from('x'));
    const begun: string[] = [];
    const mayEnd = Promise.withResolvers<void>();
    for (const name of ['transcode-asset', 'encode-chunk', 'retext-asset'] as const)
      await kit.jobs.work(name, async ({ signal }): Promise<never> => {
        begun.push(name);
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
        // What was sent before the signal came, and is stored after it.
        await mayEnd.promise;
        await put(late(name));
        await put(storeKeys.work('a', 'v2', `${name}.json`));
        throw signal.reason;
      });
    await kit.jobs.add('transcode-asset', { assetId: 'a' });
    await kit.jobs.add('encode-chunk', { assetId: 'a', version: 'v2', part: 0 });
    await kit.jobs.add('retext-asset', { assetId: 'a', change: '1' });
    await expect.poll(() => begun.length).toBe(3);

    const deleted = run(1);
    await expect.poll(() => far.deleted).toEqual(['a/']);
    expect(await objectsOf('assets/a/')).not.toEqual([]);
    mayEnd.resolve();
    expect(await deleted).toEqual({ objects: 11 });
    expect(await objectsOf('')).not.toContainEqual(expect.stringContaining('/a/'));
    expect(await kit.catalogue.get('a')).toBeNull();

    // A worker that had lost Redis, so that nobody could wait for it.
    await put(late('straggler'));
    expect(await kit.jobs.get('delete-asset', 'delete-a.again')).toMatchObject({ state: 'delayed' });
    expect(await run(1, true)).toEqual({ objects: 1 });
    expect(await objectsOf('assets/a/')).toEqual([]);
  });

  it('is held up by a worker that does not end for some attempts only', async () => {
    const mayEnd = Promise.withResolvers<void>();
    await kit.jobs.work('transcode-asset', async () => mayEnd.promise.then(() => ({ version: 'v1' })));
    await kit.jobs.add('transcode-asset', { assetId: 'a' });
    await expect.poll(async () => (await kit.jobs.active('transcode-asset')).length).toBe(1);
    const hurried = (attempt: number) =>
      makeDeleteAsset({ ...kit, store: kit.redisKit.store, api, clock: systemClock, logger, windingUpMs: 0 })(
        contextOf(attempt),
      );
    await expect(hurried(1)).rejects.toThrow('transcode-a still under way');
    expect(await kit.catalogue.get('a')).not.toBeNull();
    expect(await hurried(4)).toEqual({ objects: 5 });
    mayEnd.resolve();
  });

  it('leaves nothing of a worker that is killed while it waits for it', async () => {
    const args = [kit.redisKit.server.url, kit.redisKit.folder];
    const worker = spawn(process.execPath, [join(import.meta.dirname, 'testing/writing-worker.ts'), ...args]);
    const jobs = makeBullmqJobQueue({ redisUrl: kit.redisKit.server.url, clock: systemClock, policies: quickPolicies });
    try {
      await jobs.add('transcode-asset', { assetId: 'a' });
      const written = () => objectsOf('assets/a/half/');
      await expect.poll(async () => (await written()).length, { timeout: 20_000 }).toBeGreaterThan(0);
      const deleted = makeDeleteAsset({
        ...{ ...kit, jobs, store: kit.redisKit.store, api, clock: systemClock, logger, windingUpMs: 20_000 },
      })(contextOf(1));
      await expect.poll(() => far.deleted).toEqual(['a/']);
      const before = (await written()).length;
      await expect.poll(async () => (await written()).length).toBeGreaterThan(before);
      worker.kill('SIGKILL');
      // Another worker finds the job that lost its own, and that it is not wanted.
      let runs = 0;
      await jobs.work('transcode-asset', async () => {
        runs += 1;
        throw new Error('this should not have been begun');
      });
      await deleted;
      expect(runs).toBe(0);
      expect(await objectsOf('')).not.toContainEqual(expect.stringContaining('/a/'));
      expect(await kit.catalogue.get('a')).toBeNull();
    } finally {
      worker.kill('SIGKILL');
      await jobs.close();
    }
  });

  it('does nothing to an asset that was restored, and makes restoring impossible once it begins', async () => {
    const times = {
      deletedAt: '2026-01-01T00:00:00.000Z',
      purgeAt: '2026-01-02T00:00:00.000Z',
      from: 'published',
    } as const;
    await kit.catalogue.update('a', (asset) => ({ ...asset, state: 'published' }));
    expect(await run(1)).toEqual({ objects: 0 });
    expect(await run(1, true)).toEqual({ objects: 0 });
    expect(await objectsOf('assets/a/')).toHaveLength(5);
    expect(near.deleted).toEqual([]);
    await kit.catalogue.update('a', (asset) => ({ ...asset, state: 'deleted', deletion: times }));
    await far.down();
    await expect(run(1)).rejects.toThrow('far');
    expect((await kit.catalogue.get('a'))?.deletion?.purgeAt).toBe(times.deletedAt);
  });

  it('sweeps nothing by the word of an object store that knows no asset at all', async () => {
    await run(1);
    near.held.set('a/v1/asset.json', 10);
    expect(await makeSweepDeleted({ ...kit, store: kit.redisKit.store, api, logger })(never)).toBe(0);
    expect(near.held.size).toBe(2);
  });

  it('sweeps nothing because Redis was lost', async () => {
    await publishTestAsset({ ...kit, store: kit.redisKit.store }, 'b', [1_000]);
    await kit.redisKit.flushAll();
    expect(await makeSweepDeleted({ ...kit, store: kit.redisKit.store, api, logger })(never)).toBe(0);
    expect(near.held.size).toBe(2);
  });
});
