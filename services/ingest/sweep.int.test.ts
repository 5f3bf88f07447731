import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeKeys } from '../../shared/domain/keys.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import { makeLogger } from '../../shared/platform/logger.ts';
import { UnrecoverableJobError } from '../../shared/ports/job-queue.ts';
import { makeTestAsset } from '../../shared/testing/catalogue-contract.ts';
import { makePortsKit, type PortsKit } from '../../shared/testing/ports-kit.ts';
import { makeSweep, type Sweep } from './sweep.ts';

let kit: PortsKit;
beforeAll(async () => {
  kit = await makePortsKit(systemClock);
});
afterAll(() => kit.dispose());

const sweepOf = ({ catalogue, jobs, redisKit }: PortsKit, uploadExpiryMs = 60_000): Sweep =>
  makeSweep({
    imports: { sweep: async () => undefined },
    folderImports: { sweep: async () => undefined },
    announce: async () => undefined,
    uploads: { sweep: async () => {} },
    catalogue,
    jobs,
    store: redisKit.store,
    uploadExpiryMs,
    clock: systemClock,
    logger: makeLogger('test', 'silent'),
  });

describe('the sweep', () => {
  it('removes parts of transcodes that are not under way, once they are old', async () => {
    const { catalogue, redisKit } = kit;
    await catalogue.create(makeTestAsset('ended', { state: 'published' }));
    await catalogue.create(makeTestAsset('going', { state: 'transcoding' }));
    const keys = ['ended', 'going', 'unknown'].map((id) => storeKeys.work(id, 'v', 'plan.json'));
    for (const key of keys) await redisKit.store.put(key, Buffer.from('{}'));
    const left = async () =>
      (await Promise.all(keys.map((key) => redisKit.store.head(key)))).map((info) => info !== null);
    await sweepOf(kit)({ replaceEnded: false });
    expect(await left()).toEqual([true, true, true]);
    await sweepOf(kit, -1)({ replaceEnded: false });
    expect(await left()).toEqual([false, true, false]);
  });

  it('fails an asset whose job ended without saying so, with a reason, and leaves others alone', async () => {
    const { catalogue, jobs } = kit;
    await catalogue.create(makeTestAsset('lost', { state: 'transcoding' }));
    await catalogue.create(makeTestAsset('running', { state: 'transcoding' }));
    await jobs.add('transcode-asset', { assetId: 'lost' });
    const worker = await jobs.work('transcode-asset', async () => {
      throw new UnrecoverableJobError('job stalled more than allowable limit');
    });
    await jobs.waitFor('transcode-asset', 'transcode-lost', 20_000);
    await worker.close();
    await jobs.add('transcode-asset', { assetId: 'running' });

    await sweepOf(kit)({ replaceEnded: false });

    expect(await catalogue.get('lost')).toMatchObject({
      state: 'failed',
      failure: { code: 'worker-lost', reason: expect.stringContaining('stalled') },
    });
    expect((await catalogue.get('running'))?.state).toBe('transcoding');
  });

  it('begins the transcode of a restored asset anew, whose worker took long to hear of the deletion', async () => {
    const { catalogue, jobs } = kit;
    const mayEnd = Promise.withResolvers<void>();
    await catalogue.create(makeTestAsset('restored', { state: 'transcoding' }));
    await jobs.cancel('transcode-asset', 'transcode-running');
    const worker = await jobs.work('transcode-asset', async ({ signal }) => {
      await mayEnd.promise;
      throw signal.reason;
    });
    await jobs.add('transcode-asset', { assetId: 'restored' });
    await expect.poll(async () => (await jobs.active('transcode-asset')).length).toBe(1);
    await jobs.cancel('transcode-asset', 'transcode-restored');
    const stateOf = async () => (await jobs.get('transcode-asset', 'transcode-restored'))?.state;
    const round = sweepOf(kit);
    await round({ replaceEnded: false });
    expect(await stateOf()).toBe('active');
    mayEnd.resolve();
    await expect.poll(stateOf).toBe('failed');
    await worker.close();
    await round({ replaceEnded: false });
    expect(await stateOf()).toBe('waiting');
    expect((await catalogue.get('restored'))?.state).toBe('transcoding');
  });
});
