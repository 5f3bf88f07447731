import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeBullmqJobQueue } from '../../shared/adapters/bullmq/bullmq-job-queue.ts';
import { makeStoreDocuments } from '../../shared/adapters/documents/store-documents.ts';
import { makeRedisCatalogue } from '../../shared/adapters/redis/redis-catalogue.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import { probeSource } from '../../shared/media/probe.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { JobQueue } from '../../shared/ports/job-queue.ts';
import { makeClip, makeClipFolder } from '../../shared/testing/clips.ts';
import { makeRedisKit, type RedisKit } from '../../shared/testing/redis-kit.ts';

const clips = await makeClipFolder();
const workers = new Set<ChildProcess>();
let kit: RedisKit;
let catalogue: Catalogue;
let jobs: JobQueue;
let scratchDir: string;

beforeAll(async () => {
  kit = await makeRedisKit();
  catalogue = makeRedisCatalogue({ redis: kit.first, store: kit.store, clock: systemClock });
  jobs = makeBullmqJobQueue({ redisUrl: kit.server.url, clock: systemClock });
  scratchDir = await mkdtemp(join(tmpdir(), 'nightfill-scratch-'));
});
afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  await jobs.close();
  await kit.dispose();
  await clips.dispose();
  await rm(scratchDir, { recursive: true, force: true });
});

async function startWorker(): Promise<{ readonly worker: ChildProcess; readonly port: number }> {
  const worker = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    env: {
      ...process.env,
      NIGHTFILL_PORT: '0',
      NIGHTFILL_LOG_LEVEL: 'warn',
      NIGHTFILL_REDIS_URL: kit.server.url,
      NIGHTFILL_STORE_URL: `folder:${kit.folder}`,
      NIGHTFILL_SCRATCH_DIR: scratchDir,
      NIGHTFILL_SHUTDOWN_GRACE: '500ms',
    },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  workers.add(worker);
  const [message] = (await once(worker, 'message')) as [{ readonly port: number }];
  return { worker, port: message.port };
}

async function upload(id: string, path: string): Promise<void> {
  const { sizeBytes, sha256 } = await kit.store.put(storeKeys.upload(id), createReadStream(path));
  const now = new Date().toISOString();
  await catalogue.create({
    schema: 1,
    id,
    title: id,
    tags: [],
    state: 'uploaded',
    profile: 'default',
    source: { fileName: 'clip.mp4', sizeBytes, sha256, ...(await probeSource(path)) },
    sourceKey: storeKeys.upload(id),
    version: null,
    durationS: null,
    sizeBytes: null,
    failure: null,
    createdAt: now,
    updatedAt: now,
    publishedAt: null,
  });
  await jobs.add('transcode-asset', { assetId: id });
}

const stateOf = async (id: string): Promise<string | undefined> => (await catalogue.get(id))?.state;
const isEncoding = async (id: string): Promise<boolean> => (await catalogue.getProgress(id))?.stage === 'encode';
const encoders = (): string[] =>
  readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(scratchDir);
      } catch {
        return false;
      }
    });

async function digests(id: string): Promise<readonly string[]> {
  const version = (await catalogue.get(id))?.version ?? '';
  const manifest = await makeStoreDocuments(kit.store).getManifest(id, version);
  return (manifest?.files ?? []).map(({ path, sha256 }) => `${version}/${path} ${sha256}`);
}

describe('the transcode worker as a process', () => {
  it('is ready, and gives a transcode back to the queue when it is told to stop', async () => {
    const clip = await makeClip(clips.dir, 'clip.mp4', { size: '1280x720', seconds: 6 });
    const { worker, port } = await startWorker();
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    await upload('stopped', clip);
    await expect.poll(() => isEncoding('stopped'), { timeout: 30_000 }).toBe(true);
    worker.kill('SIGTERM');
    await once(worker, 'exit');
    expect(worker.exitCode).toBe(0);
    expect(encoders()).toEqual([]);
    expect(await readdir(join(scratchDir, 'transcode'))).toEqual([]);
    expect(await stateOf('stopped')).toBe('transcoding');
  }, 60_000);

  it('killed, takes its encoders with it, and another ends in the bytes of an untroubled run', async () => {
    const { worker } = await startWorker();
    await expect.poll(() => isEncoding('stopped'), { timeout: 30_000 }).toBe(true);
    await expect.poll(() => encoders().length, { timeout: 30_000 }).toBeGreaterThan(0);
    worker.kill('SIGKILL');
    await expect.poll(encoders, { timeout: 5_000 }).toEqual([]);

    // The untroubled run comes first, because the killed worker's lock has to run out.
    await startWorker();
    await upload('untroubled', join(clips.dir, 'clip.mp4'));
    await expect.poll(() => stateOf('untroubled'), { timeout: 60_000, interval: 200 }).toBe('published');
    await expect.poll(() => stateOf('stopped'), { timeout: 120_000, interval: 200 }).toBe('published');
    expect((await digests('stopped')).length).toBeGreaterThan(10);
    expect(await digests('stopped')).toEqual(await digests('untroubled'));
    await expect.poll(() => readdir(join(scratchDir, 'transcode'))).toEqual([]);
  }, 200_000);
});
