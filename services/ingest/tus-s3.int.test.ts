import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Upload } from 'tus-js-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unfinishedUploads } from '../../shared/adapters/s3/s3-bucket.ts';
import { makeS3Client } from '../../shared/adapters/s3/s3-client.ts';
import { makeS3ObjectStore } from '../../shared/adapters/s3/s3-object-store.ts';
import { makeClip, makeClipFolder } from '../../shared/testing/clips.ts';
import { startRedisServer } from '../../shared/testing/redis-server.ts';
import { startS3Server } from '../../shared/testing/s3-server.ts';
import { apiKey, assetOf, type IngestProcess, problemOf, startIngest, until } from './testing/ingest-process.ts';

const server = await startS3Server();

describe.skipIf('unavailable' in server)('a resumable upload into S3', { timeout: 90_000 }, () => {
  if ('unavailable' in server) return;
  const options = { ...server, bucket: 'ingest-test' };
  const client = makeS3Client(options);
  const store = makeS3ObjectStore(options);
  let folder: Awaited<ReturnType<typeof makeClipFolder>>;
  let redis: Awaited<ReturnType<typeof startRedisServer>>;
  let ingest: IngestProcess;
  let path: string;
  let bytes: Buffer;

  beforeAll(async () => {
    [redis, folder] = await Promise.all([startRedisServer(), makeClipFolder()]);
    ingest = await startIngest(redis.url, {
      NIGHTFILL_STORE_URL: `s3:${server.endpoint}/${options.bucket}`,
      NIGHTFILL_S3_ACCESS_KEY_ID: server.accessKeyId,
      NIGHTFILL_S3_SECRET_ACCESS_KEY: server.secretAccessKey,
    });
    // Some 26 MB, so several parts and a hole between what the probe looks at.
    path = await makeClip(folder.dir, 'film.mov', {
      size: '320x192',
      seconds: 6,
      rate: '25',
      output: ['-c:v', 'rawvideo', '-pix_fmt', 'rgb24'],
    });
    bytes = await readFile(path);
  });
  afterAll(async () => {
    await ingest?.remove();
    await redis?.stop();
    await folder?.dispose();
    await store.close();
    client.destroy();
    await server.stop();
  });

  async function keys(): Promise<string[]> {
    const found: string[] = [];
    for await (const { key } of store.list('')) found.push(key);
    for await (const { Key } of unfinishedUploads(client, options.bucket, '')) found.push(`unfinished ${Key}`);
    return found;
  }

  it('goes on after the service was killed, and keeps nothing on the local disk', async () => {
    let killed = false;
    const seen = new Set<string>();
    const assetId = await new Promise<string>((resolve, reject) => {
      new Upload(createReadStream(path), {
        endpoint: `${ingest.base}/v1/uploads`,
        headers: { authorization: `Bearer ${apiKey}` },
        metadata: { filename: 'film.mov' },
        chunkSize: 5_000_000,
        retryDelays: Array.from({ length: 80 }, () => 250),
        async onAfterResponse() {
          for (const name of await ingest.leftovers()) seen.add(name);
        },
        onProgress(sent) {
          if (killed || sent < bytes.length / 2) return;
          killed = true;
          void ingest.kill().then(() => ingest.restart());
        },
        onSuccess: ({ lastResponse }) => resolve(lastResponse.getHeader('nightfill-asset-id') ?? ''),
        onError: reject,
      }).start();
    });
    expect(killed).toBe(true);
    expect([...seen]).toEqual([]);
    const { source } = await assetOf(await ingest.call(`/v1/assets/${assetId}`));
    expect(source).toMatchObject({
      sizeBytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      durationS: 6,
      video: { codec: 'rawvideo', width: 320, height: 192, frameRate: 25 },
      audio: { codec: 'aac' },
    });
    expect(await keys()).toEqual([`catalog/${assetId}.json`, `uploads/${assetId}`]);
  });

  it('leaves nothing in the bucket when it is refused or given up', async () => {
    const before = await keys();
    const tus = { 'tus-resumable': '1.0.0' };
    const begin = async (sizeBytes: number) => {
      const headers = { ...tus, 'upload-length': String(sizeBytes) };
      return (await ingest.call('/v1/uploads', { method: 'POST', headers })).headers.get('location') ?? '';
    };
    const send = (to: string, body: Buffer, more: Record<string, string> = {}) =>
      ingest.call(to, {
        method: 'PATCH',
        headers: { ...tus, 'upload-offset': '0', 'content-type': 'application/offset+octet-stream', ...more },
        body: new Uint8Array(body),
      });
    const refused = await send(await begin(50_000), Buffer.alloc(50_000, 'no video'));
    expect([refused.status, (await problemOf(refused)).code]).toEqual([422, 'unplayable-source']);

    const given = await begin(20_000_000);
    const wrong = await send(given, bytes.subarray(0, 9_000_000), {
      'upload-checksum': 'sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=',
    });
    expect(wrong.status).toBe(460);
    expect((await ingest.call(given, { method: 'HEAD', headers: tus })).headers.get('upload-offset')).toBe('0');
    expect((await send(given, bytes.subarray(0, 9_000_000))).headers.get('upload-offset')).toBe('9000000');
    expect((await keys()).length).toBeGreaterThan(before.length);
    expect((await ingest.call(given, { method: 'DELETE', headers: tus })).status).toBe(204);
    await until('nothing is left', async () => (await keys()).length === before.length);
    expect(await keys()).toEqual(before);
  });
});
