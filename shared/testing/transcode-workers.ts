import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBullmqJobQueue } from '../adapters/bullmq/bullmq-job-queue.ts';
import { makeStoreDocuments } from '../adapters/documents/store-documents.ts';
import { makeRedisCatalogue } from '../adapters/redis/redis-catalogue.ts';
import type { Asset } from '../domain/asset.ts';
import { storeKeys } from '../domain/keys.ts';
import type { Manifest } from '../domain/manifest.ts';
import { newAsset } from '../domain/new-asset.ts';
import { probeSource } from '../media/probe.ts';
import { systemClock } from '../platform/clock.ts';
import type { Catalogue } from '../ports/catalogue.ts';
import type { JobQueue } from '../ports/job-queue.ts';
import { makeRedisKit, type RedisKit } from './redis-kit.ts';

/** Real transcode workers as processes of their own, over a Redis and a folder store. */
export interface WorkerKit extends RedisKit {
  readonly catalogue: Catalogue;
  readonly jobs: JobQueue;
  startWorker(): Promise<{ readonly worker: ChildProcess; readonly port: number }>;
  /** What ingest does with an upload, without its refusals. */
  upload(id: string, path: string, change?: Partial<Asset>): Promise<void>;
  manifest(id: string): Promise<Manifest | null>;
  /** Process ids of all that read or write in the workers' scratch folder. */
  encoders(): string[];
  /** Names in the workers' scratch folder. */
  leftovers(): Promise<readonly string[]>;
}

export async function makeWorkerKit(environment: Readonly<Record<string, string>> = {}): Promise<WorkerKit> {
  const kit = await makeRedisKit();
  const workers = new Set<ChildProcess>();
  const catalogue = makeRedisCatalogue({ redis: kit.first, store: kit.store, clock: systemClock });
  const jobs = makeBullmqJobQueue({ redisUrl: kit.server.url, clock: systemClock });
  const scratchDir = await mkdtemp(join(tmpdir(), 'nightfill-scratch-'));
  return {
    ...kit,
    catalogue,
    jobs,

    async startWorker() {
      const worker = spawn(process.execPath, [join(import.meta.dirname, '../../workers/transcode/main.ts')], {
        env: {
          ...process.env,
          NIGHTFILL_PORT: '0',
          NIGHTFILL_LOG_LEVEL: 'warn',
          NIGHTFILL_REDIS_URL: kit.server.url,
          NIGHTFILL_STORE_URL: `folder:${kit.folder}`,
          NIGHTFILL_SCRATCH_DIR: scratchDir,
          NIGHTFILL_SHUTDOWN_GRACE: '500ms',
          ...environment,
        },
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      workers.add(worker);
      const [message] = (await once(worker, 'message')) as [{ readonly port: number }];
      return { worker, port: message.port };
    },

    async upload(id, path, change = {}) {
      const { sizeBytes, sha256 } = await kit.store.put(storeKeys.upload(id), createReadStream(path));
      await catalogue.create(
        newAsset({
          id,
          title: id,
          profile: 'default',
          source: { fileName: 'clip.mp4', sizeBytes, sha256, ...(await probeSource(path)) },
          sourceKey: storeKeys.upload(id),
          createdAt: new Date().toISOString(),
          ...change,
        }),
      );
      await jobs.add('transcode-asset', { assetId: id });
    },

    async manifest(id) {
      const version = (await catalogue.get(id))?.version;
      return version ? makeStoreDocuments(kit.store).getManifest(id, version) : null;
    },

    encoders: () =>
      readdirSync('/proc')
        .filter((pid) => /^\d+$/.test(pid))
        .filter((pid) => {
          try {
            return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(scratchDir);
          } catch {
            return false;
          }
        }),

    leftovers: () => readdir(join(scratchDir, 'transcode')),

    async dispose() {
      for (const worker of workers) worker.kill('SIGKILL');
      await jobs.close();
      await kit.dispose();
      await rm(scratchDir, { recursive: true, force: true });
    },
  };
}
