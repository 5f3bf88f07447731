/**
 * A transcode worker that a test can kill: it puts one object after the other for an asset, and minds no signal.
 * `node writing-worker.ts <redis> <store folder>`.
 */
import { makeBullmqJobQueue } from '../../../shared/adapters/bullmq/bullmq-job-queue.ts';
import { makeFolderObjectStore } from '../../../shared/adapters/folder/folder-object-store.ts';
import { storeKeys } from '../../../shared/domain/keys.ts';
import { systemClock as clock } from '../../../shared/platform/clock.ts';
import { quickPolicies as policies } from '../../../shared/testing/quick-policies.ts';

const [redisUrl = '', root = ''] = process.argv.slice(2);
const store = makeFolderObjectStore({ root });
const jobs = makeBullmqJobQueue({ redisUrl, clock, policies });
await jobs.work('transcode-asset', async ({ payload: { assetId } }) => {
  for (let segment = 0; ; segment += 1) {
    const path = `video/seg-${segment}.m4s`;
    await store.put(storeKeys.media({ assetId, version: 'half', path }), Buffer.from(path));
    await clock.sleep(5);
  }
});
