/** Who is measured: ffmpeg by itself, and workers as processes of their own over a Redis and a folder store. */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { makeBullmqJobQueue } from '../../../shared/adapters/bullmq/bullmq-job-queue.ts';
import { makeFolderObjectStore } from '../../../shared/adapters/folder/folder-object-store.ts';
import { connectRedis } from '../../../shared/adapters/redis/connection.ts';
import { makeRedisCatalogue } from '../../../shared/adapters/redis/redis-catalogue.ts';
import { storeKeys } from '../../../shared/domain/keys.ts';
import { newAsset } from '../../../shared/domain/new-asset.ts';
import { jobMap } from '../../../shared/jobs/map.ts';
import type { ProbedSource } from '../../../shared/media/probe.ts';
import { runProcess } from '../../../shared/media/process.ts';
import { profiles } from '../../../shared/media/profiles.ts';
import { systemClock as clock } from '../../../shared/platform/clock.ts';
import { divide, encodeArgs } from '../../../workers/transcode/encode-args.ts';
import { planEncode } from '../../../workers/transcode/plan.ts';
import { gopSecondsFor, packager, type Recipe } from '../../../workers/transcode/recipe.ts';
import { startRedis } from '../../up/redis.ts';

export interface Contender {
  start(): Promise<void>;
  /** What is timed. */
  run(): Promise<void>;
  stop(): Promise<void>;
}

interface Film {
  readonly path: string;
  readonly source: ProbedSource;
}

const segmentS = 6;
const longestMs = 3_600_000;

/** The worker's own command lines, one after the other being what a run is, side by side where there are several. */
export function makeBare({
  path,
  source,
  dir,
  runs,
}: Film & { readonly dir: string; readonly runs: number }): Contender {
  const recipe: Recipe = {
    profileName: 'default',
    profile: profiles.default,
    packaging: 'segments',
    packager,
    encoder: 'ffmpeg',
    segmentS,
    gopS: gopSecondsFor(segmentS),
  };
  const plan = planEncode(path, dir, source, recipe);
  return {
    start: async () => undefined,
    async run() {
      await Promise.all(divide(plan, runs).map((part) => runProcess('ffmpeg', encodeArgs(plan, part))));
    },
    stop: async () => undefined,
  };
}

export type House = Awaited<ReturnType<typeof startHouse>>;

export async function startHouse(dir: string) {
  const folder = join(dir, 'store');
  await Promise.all([folder, join(dir, 'redis')].map((one) => mkdir(one)));
  const port = await freePort();
  const password = randomBytes(16).toString('hex');
  const logFile = join(dir, 'redis.log');
  const redis = await startRedis({ dir: join(dir, 'redis'), port, password, logFile, onExit: console.error });
  const redisUrl = `redis://:${password}@127.0.0.1:${port}`;
  const connection = connectRedis({ url: redisUrl });
  const store = makeFolderObjectStore({ root: folder });
  const catalogue = makeRedisCatalogue({ redis: connection, store, clock });
  const jobs = makeBullmqJobQueue({ redisUrl, clock });
  const environment = {
    NIGHTFILL_PORT: '0',
    NIGHTFILL_LOG_LEVEL: 'error',
    NIGHTFILL_REDIS_URL: redis.url,
    NIGHTFILL_REDIS_PASSWORD: password,
    NIGHTFILL_STORE_URL: `folder:${folder}`,
    NIGHTFILL_SCRATCH_DIR: join(dir, 'scratch'),
    NIGHTFILL_SHUTDOWN_GRACE: '500ms',
    NIGHTFILL_SEGMENT: `${segmentS}s`,
  };
  return {
    environment,
    store,
    catalogue,
    jobs,
    async stop() {
      await jobs.close();
      await connection.close();
      await store.close();
      await redis.stop();
    },
  };
}

export interface WorkersOptions extends Film {
  readonly workers: number;
  /** Of ffmpeg at once in each. */
  readonly runs: number;
  /** 0: in one go. */
  readonly chunkS: number;
}

let films = 0;

/** From the job's being queued, with the upload in the store, to its publication. */
export function makeWorkers(house: House, { path, source, workers, runs, chunkS }: WorkersOptions): Contender {
  const { store, catalogue, jobs, environment } = house;
  films += 1;
  const id = `film-${films}`;
  const processes: ChildProcess[] = [];
  const startWorker = async (): Promise<void> => {
    const settings = { NIGHTFILL_CHUNK: `${chunkS}s`, NIGHTFILL_ENCODE_RUNS: `${runs}` };
    const main = join(import.meta.dirname, '../../../workers/transcode/main.ts');
    const worker = spawn(process.execPath, [main], {
      env: { ...process.env, ...environment, ...settings },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    processes.push(worker);
    await once(worker, 'message');
  };
  return {
    async start() {
      await Promise.all(Array.from({ length: workers }, startWorker));
      const { sizeBytes, sha256 } = await store.put(storeKeys.upload(id), createReadStream(path));
      await catalogue.create(
        newAsset({
          id,
          title: id,
          profile: 'default',
          source: { fileName: 'source.mp4', sizeBytes, sha256, ...source },
          sourceKey: storeKeys.upload(id),
          createdAt: new Date().toISOString(),
        }),
      );
    },
    async run() {
      await jobs.add('transcode-asset', { assetId: id });
      const job = await jobs.waitFor('transcode-asset', jobMap['transcode-asset'].id({ assetId: id }), longestMs);
      if (job?.state !== 'completed') throw new Error(job?.failure ?? 'it was not published in time');
    },
    async stop() {
      for (const worker of processes) {
        const exited = once(worker, 'exit');
        worker.kill('SIGTERM');
        await exited;
      }
      await store.deletePrefix(storeKeys.mediaPrefix(id));
      await catalogue.remove(id);
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
