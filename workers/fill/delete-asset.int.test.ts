import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeApplianceHttpApi } from '../../shared/adapters/appliance-http/appliance-http.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import { type FailingAppliance, startFailingAppliance } from '../../shared/testing/failing-appliance.ts';
import { makePortsKit, type PortsKit } from '../../shared/testing/ports-kit.ts';
import { makeTestAppliance, makeTestRegion, publishTestAsset } from '../../shared/testing/published.ts';
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
  for (const { held } of [near, far]) {
    held.set('a/v1/asset.json', 10);
    held.set('b/v1/asset.json', 10);
  }
});
afterEach(async () => {
  await Promise.all([near.close(), far.close()]);
  await kit.dispose();
});

const run = (attempt: number) =>
  makeDeleteAsset({ ...kit, store: kit.redisKit.store, api, logger })({
    id: 'delete-a',
    payload: { assetId: 'a' },
    attempt,
    lastAttempt: false,
    signal: never,
    begun: 1,
    progress: async () => undefined,
    children: async () => [],
  });
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
