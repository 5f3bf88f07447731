import { randomUUID } from 'node:crypto';
import { afterAll, describe } from 'vitest';
import { objectStoreContract } from '../../testing/object-store-contract.ts';
import { partUploadsContract } from '../../testing/part-uploads-contract.ts';
import { startS3Server } from '../../testing/s3-server.ts';
import { ensureBucket, unfinishedUploads } from './s3-bucket.ts';
import { makeS3Client } from './s3-client.ts';
import { makeS3ObjectStore } from './s3-object-store.ts';
import { makeS3PartUploads } from './s3-part-uploads.ts';

const server = await startS3Server();

if ('unavailable' in server) {
  console.log(`The object store contract is left out for S3: ${server.unavailable}`);
  describe.skip('object store contract: S3');
} else {
  afterAll(() => server.stop());
  objectStoreContract('S3', async () => {
    const { stop: _stop, ...access } = server;
    const options = { ...access, bucket: `nightfill-test-${randomUUID()}`, prefix: 'shared/' };
    await ensureBucket(options);
    await ensureBucket(options);
    const client = makeS3Client(options);
    const [store, other] = [makeS3ObjectStore(options), makeS3ObjectStore(options)];
    return {
      store,
      other,
      countUnfinished: async () => {
        let count = 0;
        for await (const _upload of unfinishedUploads(client, options.bucket, '')) count += 1;
        return count;
      },
      dispose: async () => {
        await Promise.all([store.close(), other.close()]);
        client.destroy();
      },
    };
  });
  partUploadsContract('S3', async () => {
    const { stop: _stop, ...access } = server;
    const options = { ...access, bucket: `nightfill-test-${randomUUID()}`, prefix: 'shared/' };
    await ensureBucket(options);
    const client = makeS3Client(options);
    const [parts, other, store] = [makeS3PartUploads(options), makeS3PartUploads(options), makeS3ObjectStore(options)];
    return {
      parts,
      other,
      store,
      countUnfinished: async () => {
        let count = 0;
        for await (const _upload of unfinishedUploads(client, options.bucket, '')) count += 1;
        return count;
      },
      dispose: async () => {
        await Promise.all([parts.close(), other.close(), store.close()]);
        client.destroy();
      },
    };
  });
}
