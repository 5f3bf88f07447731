import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../shared/platform/clock.ts';
import { makeLogger } from '../../shared/platform/logger.ts';
import { UnrecoverableJobError } from '../../shared/ports/job-queue.ts';
import { makeTestAsset } from '../../shared/testing/catalogue-contract.ts';
import { makePortsKit, type PortsKit } from '../../shared/testing/ports-kit.ts';
import { makeSweep } from './sweep.ts';

let kit: PortsKit;
beforeAll(async () => {
  kit = await makePortsKit(systemClock);
});
afterAll(() => kit.dispose());

describe('the sweep', () => {
  it('fails an asset whose job ended without saying so, with a reason, and leaves others alone', async () => {
    const { catalogue, jobs, redisKit } = kit;
    await catalogue.create(makeTestAsset('lost', { state: 'transcoding' }));
    await catalogue.create(makeTestAsset('running', { state: 'transcoding' }));
    await jobs.add('transcode-asset', { assetId: 'lost' });
    const worker = await jobs.work('transcode-asset', async () => {
      throw new UnrecoverableJobError('job stalled more than allowable limit');
    });
    await jobs.waitFor('transcode-asset', 'transcode-lost', 20_000);
    await worker.close();
    await jobs.add('transcode-asset', { assetId: 'running' });

    const sweep = makeSweep({
      imports: { sweep: async () => undefined },
      announce: async () => undefined,
      uploads: { sweep: async () => {} },
      catalogue,
      jobs,
      store: redisKit.store,
      uploadExpiryMs: 60_000,
      clock: systemClock,
      logger: makeLogger('test', 'silent'),
    });
    await sweep({ replaceEnded: false });

    expect(await catalogue.get('lost')).toMatchObject({
      state: 'failed',
      failure: { code: 'worker-lost', reason: expect.stringContaining('stalled') },
    });
    expect((await catalogue.get('running'))?.state).toBe('transcoding');
  });
});
