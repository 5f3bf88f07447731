/**
 * The most memory that ingest takes while one large upload goes through it, for each way to upload.
 *
 *     node scripts/nightfill.mjs --exec scripts/bench/ingest/memory.ts [--size 2GiB] [--ways tus,tus-js-client,multipart]
 *
 * Into a folder by default, into S3 where NIGHTFILL_STORE_URL and its keys are set. Each way has a new ingest process, whose
 * VmHWM the kernel tells. The file is a real MP4 with so much more media behind it than its index uses; it is made as it is
 * sent, so only the store grows, which is emptied afterwards (of a bucket, the uploads remain).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { Upload } from 'tus-js-client';
import { makeUnplanned } from '../../demo/sample.ts';
import { frugal } from '../../up/frugal.ts';
import { startRedis } from '../../up/redis.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '2GiB' },
    ways: { type: 'string', default: 'tus,tus-js-client,multipart' },
  },
});
const MiB = 1024 * 1024;
const sizeBytes = Number.parseFloat(values.size) * (values.size.endsWith('GiB') ? 1024 * MiB : MiB);
const apiKey = randomBytes(16).toString('hex');
const password = randomBytes(16).toString('hex');

interface Ingest {
  readonly base: string;
  readonly child: ChildProcess;
}

async function startIngest(dir: string, redisUrl: string): Promise<Ingest> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../../services/ingest/main.ts')], {
    env: {
      NIGHTFILL_STORE_URL: `folder:${join(dir, 'store')}`,
      ...process.env,
      ...frugal,
      NIGHTFILL_API_KEY: apiKey,
      NIGHTFILL_REDIS_URL: redisUrl,
      NIGHTFILL_REDIS_PASSWORD: password,
      NIGHTFILL_SCRATCH_DIR: join(dir, 'scratch'),
      NIGHTFILL_PORT: '0',
      NIGHTFILL_LOG_LEVEL: 'error',
    },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [message] = await once(child, 'message');
  return { base: `http://127.0.0.1:${(message as { port: number }).port}`, child };
}

/** MiB, as the kernel counts: now, and at most so far. */
async function memoryOf({ child }: Ingest): Promise<{ readonly now: number; readonly peak: number }> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  const read = (name: string) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024);
  return { now: read('VmRSS'), peak: read('VmHWM') };
}

/** A box of 64-bit size behind a whole MP4 (ISO/IEC 14496-12 §4.2). */
async function* largeFile(head: Buffer): AsyncGenerator<Buffer> {
  yield head;
  const box = Buffer.alloc(16);
  box.writeUInt32BE(1, 0);
  box.write('mdat', 4, 'latin1');
  box.writeBigUInt64BE(BigInt(sizeBytes - head.length), 8);
  yield box;
  const media = randomBytes(MiB);
  for (let left = sizeBytes - head.length - 16; left > 0; left -= MiB) yield media.subarray(0, Math.min(left, MiB));
}

function sendByTusClient({ base }: Ingest, head: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    // It sends what is there at once: a stream that gives a MiB at a time would become a request for each.
    new Upload(Readable.from(largeFile(head), { objectMode: false, highWaterMark: 16 * MiB }), {
      endpoint: `${base}/v1/uploads`,
      headers: { authorization: `Bearer ${apiKey}` },
      metadata: { filename: 'large.mp4' },
      uploadSize: sizeBytes,
      chunkSize: 16 * MiB,
      onSuccess: () => resolve(),
      onError: reject,
    }).start();
  });
}

/** The whole file in one PATCH, as curl or a server's client sends it. */
async function sendByOnePatch({ base }: Ingest, head: Buffer): Promise<void> {
  const tus = { authorization: `Bearer ${apiKey}`, 'tus-resumable': '1.0.0' };
  const created = await fetch(`${base}/v1/uploads`, {
    method: 'POST',
    headers: { ...tus, 'upload-length': String(sizeBytes) },
  });
  await post(`${base}${created.headers.get('location')}`, 'PATCH', 204, largeFile(head), {
    ...tus,
    'content-type': 'application/offset+octet-stream',
    'content-length': sizeBytes,
    'upload-offset': 0,
  });
}

async function post(
  url: string,
  method: string,
  wanted: number,
  body: AsyncIterable<Buffer>,
  headers: Readonly<Record<string, string | number>>,
): Promise<void> {
  const call = request(url, { method, headers });
  const answered = once(call, 'response');
  await pipeline(body, call);
  const [response] = await answered;
  if (response.statusCode !== wanted) throw new Error(JSON.stringify(await json(response)));
  response.resume();
}

async function sendByMultipart({ base }: Ingest, head: Buffer): Promise<void> {
  const before = Buffer.from('--b\r\nContent-Disposition: form-data; name="file"; filename="large.mp4"\r\n\r\n');
  const after = Buffer.from('\r\n--b--\r\n');
  async function* form(): AsyncGenerator<Buffer> {
    yield before;
    yield* largeFile(head);
    yield after;
  }
  await post(`${base}/v1/assets`, 'POST', 201, form(), {
    authorization: `Bearer ${apiKey}`,
    'content-type': 'multipart/form-data; boundary=b',
    'content-length': before.length + sizeBytes + after.length,
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return port;
}

const ways: Readonly<Record<string, (ingest: Ingest, head: Buffer) => Promise<void>>> = {
  tus: sendByOnePatch,
  'tus-js-client': sendByTusClient,
  multipart: sendByMultipart,
};

/** Told at the end, when all processes have ended. */
function failed(error: unknown): void {
  console.error(error);
  process.exitCode = 1;
}

const dir = await mkdtemp(join(tmpdir(), 'nightfill-bench-'));
try {
  const head = await readFile((await makeUnplanned(dir, AbortSignal.timeout(60_000))).path);
  const logFile = join(dir, 'redis.log');
  const redis = await startRedis({ dir, port: await freePort(), password, logFile, onExit: () => undefined });
  for (const name of values.ways.split(',')) {
    const send = ways[name];
    if (!send) throw new Error(`--ways takes ${Object.keys(ways).join(', ')}`);
    const ingest = await startIngest(dir, redis.url);
    const idle = await memoryOf(ingest);
    const from = performance.now();
    await send(ingest, head).catch(failed);
    const seconds = (performance.now() - from) / 1_000;
    const { peak } = await memoryOf(ingest);
    console.log(
      `${name}: ${values.size} in ${seconds.toFixed(1)} s (${Math.round(sizeBytes / MiB / seconds)} MiB/s), ingest ${idle.now} MiB at rest, ${peak} MiB at most`,
    );
    ingest.child.kill('SIGTERM');
    await once(ingest.child, 'exit');
    await rm(join(dir, 'store'), { recursive: true, force: true });
  }
  await redis.stop();
} finally {
  await rm(dir, { recursive: true, force: true });
}
