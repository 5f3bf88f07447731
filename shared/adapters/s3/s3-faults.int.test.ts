/** What only S3 can be tried for: lost answers, silent and missing servers, wrong keys, shared buckets, leftovers. */
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { CreateMultipartUploadCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type ObjectStore, ObjectStoreError } from '../../ports/object-store.ts';
import { startS3Server } from '../../testing/s3-server.ts';
import { ensureBucket, unfinishedUploads } from './s3-bucket.ts';
import { makeS3Client, type S3Options } from './s3-client.ts';
import { makeS3ObjectStore } from './s3-object-store.ts';

const MiB = 1024 * 1024;
const server = await startS3Server();

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'it was not refused',
    (error: unknown) => (error instanceof ObjectStoreError ? error.code : String(error)),
  );

async function keysIn(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  return keys;
}

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const undo of cleanUp.splice(0)) await undo();
});

function open(options: S3Options): ObjectStore {
  const store = makeS3ObjectStore(options);
  cleanUp.push(() => store.close());
  return store;
}

async function listen(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  cleanUp.push(async () => {
    server.closeAllConnections();
    await once(server.close(), 'close');
  });
  const address = server.address();
  if (!address || typeof address !== 'object') throw new Error('no address');
  return `http://127.0.0.1:${address.port}`;
}

describe('an S3 that does not answer', () => {
  const nobody = { region: 'us-east-1', bucket: 'nobody', accessKeyId: 'id', secretAccessKey: 'secret' };

  it('is unavailable when nothing listens', async () => {
    const gone = createServer();
    const endpoint = await listen(gone);
    await once(gone.close(), 'close');
    cleanUp.length = 0;
    const store = open({ ...nobody, endpoint });
    const body = Readable.from([randomBytes(100)]);
    expect(await codeOf(store.put('a', body))).toBe('unavailable');
    expect(body.destroyed).toBe(true);
    expect(await codeOf(store.head('a'))).toBe('unavailable');
    expect(await codeOf(store.check())).toBe('unavailable');
    expect(await codeOf(ensureBucket({ ...nobody, endpoint }))).toBe('unavailable');
  });

  it('is unavailable when it stays silent, after the time that was set', async () => {
    const store = open({ ...nobody, endpoint: await listen(createServer(() => {})), idleTimeoutMs: 100 });
    expect(await codeOf(store.get('a'))).toBe('unavailable');
  });
});

describe.skipIf('unavailable' in server)('S3 with faults', () => {
  if ('unavailable' in server) return;
  const { stop, ...access } = server;
  afterAll(stop);

  async function makeBucket(): Promise<S3Options> {
    const options = { ...access, bucket: `nightfill-test-${randomUUID()}` };
    await ensureBucket(options);
    return options;
  }

  /** Passes requests on, and cuts the connection instead of the first answer to a request that `loses` names. */
  async function losingAnswer(loses: (method: string, url: string) => boolean): Promise<string> {
    let lost = false;
    const proxy = createServer((incoming, outgoing) => {
      const { method = '', url = '', headers } = incoming;
      const upstream = request(new URL(url, access.endpoint), { method, headers }, (answer) => {
        if (!lost && loses(method, url)) {
          lost = true;
          answer.resume().once('end', () => incoming.socket.destroy());
          return;
        }
        outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        answer.pipe(outgoing);
      });
      upstream.once('error', () => incoming.socket.destroy());
      incoming.pipe(upstream);
    });
    return listen(proxy);
  }

  it('knows its own object again when the answer to a creation is lost', async () => {
    const options = await makeBucket();
    const endpoint = await losingAnswer((method, url) => method === 'PUT' && url.includes('/once'));
    const store = open({ ...options, endpoint });
    await store.put('once', Buffer.from('first'), { ifNoneMatch: '*' });
    expect(await codeOf(store.put('once', Buffer.from('second'), { ifNoneMatch: '*' }))).toBe('already-exists');
    const found = await store.get('once');
    expect(found && (await buffer(found.body)).toString()).toBe('first');
  });

  it('knows a large object again when the answer to its completion is lost', async () => {
    const options = await makeBucket();
    const endpoint = await losingAnswer((method, url) => method === 'POST' && url.includes('uploadId='));
    const bytes = randomBytes(9 * MiB);
    const store = open({ ...options, endpoint });
    expect(await store.put('large', Readable.from([bytes]))).toMatchObject({ sizeBytes: bytes.length });
    const found = await store.get('large');
    expect(found && bytes.equals(await buffer(found.body))).toBe(true);
  });

  it('ends a put at once when a part is refused, also while its source is silent', async () => {
    const options = await makeBucket();
    const refusing = createServer((incoming, outgoing) => {
      const { method, url = '', headers } = incoming;
      if (url.includes('partNumber=')) {
        incoming.resume().once('end', () => outgoing.writeHead(403).end('<Error><Code>AccessDenied</Code></Error>'));
        return;
      }
      const upstream = request(new URL(url, access.endpoint), { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        answer.pipe(outgoing);
      });
      incoming.pipe(upstream);
    });
    const store = open({ ...options, endpoint: await listen(refusing) });
    const source = new Readable({ read() {} });
    source.push(randomBytes(9 * MiB));
    const putting = store.put('refused', source);
    await expect(putting).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('the key pair may not do that'),
    });
    expect(source.destroyed).toBe(true);
    const client = makeS3Client(options);
    cleanUp.push(async () => client.destroy());
    for await (const { Key } of unfinishedUploads(client, options.bucket, '')) throw new Error(`${Key} was left`);
  });

  it('fails a body whose connection is cut, instead of ending it', async () => {
    const options = await makeBucket();
    await open(options).put('cut', randomBytes(8 * MiB));
    const cutting = createServer((incoming, outgoing) => {
      request(new URL(incoming.url ?? '', access.endpoint), { headers: incoming.headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        answer.once('data', (chunk) => outgoing.write(chunk, () => incoming.socket.destroy()));
      }).end();
    });
    const store = open({ ...options, endpoint: await listen(cutting) });
    const found = await store.get('cut');
    if (!found) throw new Error('it is not there');
    await expect(buffer(found.body)).rejects.toThrow();
  });

  it('keeps stores with different prefixes of one bucket apart', async () => {
    const options = await makeBucket();
    const [one, two] = [open({ ...options, prefix: 'one/' }), open({ ...options, prefix: 'two/' })];
    await one.put('dir/a', Buffer.from('1'));
    await two.put('dir/b', Buffer.from('2'));
    expect(await keysIn(one)).toEqual(['dir/a']);
    expect(await keysIn(open(options))).toEqual(['one/dir/a', 'two/dir/b']);
    expect(await one.deletePrefix('dir/')).toBe(1);
    expect(await keysIn(two)).toEqual(['dir/b']);
    expect(() => makeS3ObjectStore({ ...options, prefix: 'no-slash' })).toThrow(/does not end in/);
  });

  it('says what to mend when the keys or the bucket are wrong', async () => {
    const options = await makeBucket();
    const said = (wrong: Partial<S3Options>) => open({ ...options, ...wrong }).check();
    await expect(said({ secretAccessKey: 'wrong' })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('the secret access key is wrong'),
    });
    await expect(said({ accessKeyId: 'NOBODY' })).rejects.toMatchObject({
      message: expect.stringContaining('does not know the access key id'),
    });
    await expect(said({ bucket: `none-${randomUUID()}` })).rejects.toMatchObject({
      message: expect.stringContaining('the bucket is not there'),
    });
    await expect(open({ ...options, bucket: `none-${randomUUID()}` }).get('a')).rejects.toThrow(/bucket/);
  });

  it('leaves uploads alone that may still be under way', async () => {
    const options = await makeBucket();
    const client = makeS3Client(options);
    cleanUp.push(async () => client.destroy());
    const at = { Bucket: options.bucket, Key: 'begun' };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(at));
    await client.send(new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: randomBytes(1000) }));
    await ensureBucket(options);
    const uploads = [];
    for await (const { Key } of unfinishedUploads(client, options.bucket, '')) uploads.push(Key);
    expect(uploads).toEqual(['begun']);
    await ensureBucket(options, Date.now() + 48 * 3600 * 1000);
    for await (const { Key } of unfinishedUploads(client, options.bucket, '')) throw new Error(`${Key} was left`);
    expect(await keysIn(open(options))).toEqual([]);
  });
});
