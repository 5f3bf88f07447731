import { type Asset, type AssetState, isPurgeDue } from '../../shared/domain/asset.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import { jobMap } from '../../shared/jobs/map.ts';
import type { Announce } from '../../shared/platform/announce.ts';
import { wasWithdrawn, workOn } from '../../shared/platform/asset-work.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { JobQueue } from '../../shared/ports/job-queue.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import type { FolderImports } from './import/hls/folder-imports.ts';
import type { UrlImports } from './import/url-imports.ts';
import { enqueueRetext } from './text-tracks.ts';
import type { TusUploads } from './tus-uploads.ts';

export interface SweepDependencies {
  readonly uploads: Pick<TusUploads, 'sweep'>;
  readonly imports: Pick<UrlImports, 'sweep'>;
  readonly folderImports: Pick<FolderImports, 'sweep'>;
  readonly announce: Announce;
  readonly catalogue: Pick<Catalogue, 'get' | 'list' | 'update'>;
  readonly jobs: Pick<JobQueue, 'active' | 'add' | 'get'>;
  readonly store: Pick<ObjectStore, 'list' | 'head' | 'delete'>;
  readonly uploadExpiryMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface SweepOptions {
  /** Start jobs anew that have ended without taking their asset out of its state, as after a lost worker. */
  readonly replaceEnded: boolean;
}

export type Sweep = (options: SweepOptions) => Promise<void>;

/**
 * Mends what a crash or an outage left half done. Every step is idempotent and one that fails does not stop the others:
 * uploads (see `TusUploads`), imports (see `UrlImports` and `FolderImports`), assets whose job was never enqueued, deletions whose delay is
 * over, stored uploads that no asset owns, and what workers made of a transcode that is not under way.
 */
export function makeSweep(dependencies: SweepDependencies): Sweep {
  const { uploads, imports, folderImports, announce, catalogue, jobs, store, uploadExpiryMs, clock, logger } =
    dependencies;

  async function* assetsIn(state: AssetState): AsyncGenerator<Asset> {
    let after: string | null = null;
    do {
      const page: Awaited<ReturnType<Catalogue['list']>> = await catalogue.list({
        state,
        limit: 200,
        ...(after ? { after } : {}),
      });
      yield* page.items;
      after = page.next;
    } while (after);
  }

  async function ensureJob(name: 'transcode-asset' | 'delete-asset', assetId: string, options: SweepOptions) {
    const job = await jobs.get(name, jobMap[name].id({ assetId }));
    const hasEnded = job?.state === 'completed' || job?.state === 'failed';
    if (job && !(hasEnded && options.replaceEnded)) return;
    await jobs.add(name, { assetId }, { replaceEnded: options.replaceEnded });
    logger.info({ assetId, job: name }, 'enqueued a job that was missing');
  }

  /** A job whose workers died on every attempt ends without its handler, which then could not say so of the asset. */
  async function failWhatWorkersLost(assetId: string): Promise<void> {
    const job = await jobs.get('transcode-asset', jobMap['transcode-asset'].id({ assetId }));
    if (job?.state !== 'failed') return;
    const failed = await catalogue.update(assetId, (asset) =>
      asset.state === 'transcoding'
        ? {
            ...asset,
            state: 'failed',
            updatedAt: new Date(clock.now()).toISOString(),
            failure: {
              code: 'worker-lost',
              reason: `Every worker that took it was lost (${job.failure ?? 'no reason known'}); see the transcode worker's log, then upload it again.`,
            },
          }
        : asset,
    );
    if (failed.state === 'failed') await announce(failed);
    logger.warn({ assetId, failure: job.failure }, 'no worker could finish a transcode');
  }

  /** Its job was cancelled, or is being, because it was deleted. */
  async function isWithdrawn(assetId: string): Promise<boolean> {
    const job = await jobs.get('transcode-asset', jobMap['transcode-asset'].id({ assetId }));
    return job === null ? (await workOn(jobs, assetId)).length > 0 : wasWithdrawn(job);
  }

  async function ensureJobs(options: SweepOptions): Promise<void> {
    for (const state of ['uploaded', 'transcoding'] as const)
      for await (const { id } of assetsIn(state)) {
        if (await isWithdrawn(id)) {
          // Restored. Who was at it when it was deleted must be gone first.
          if ((await workOn(jobs, id)).length === 0) await ensureJob('transcode-asset', id, { replaceEnded: true });
          continue;
        }
        if (state === 'transcoding' && !options.replaceEnded) await failWhatWorkersLost(id);
        await ensureJob('transcode-asset', id, options);
      }
    // Once after a start: a change of text is written first and enqueued then. A job without anything to do is soon done.
    if (options.replaceEnded)
      for await (const asset of assetsIn('published')) if (asset.textTracks) await enqueueRetext(jobs, asset, logger);
    for await (const asset of assetsIn('deleted'))
      if (isPurgeDue(asset, clock.now())) await ensureJob('delete-asset', asset.id, options);
  }

  /** Asks the store, not the catalogue: right after a loss of Redis the catalogue knows nothing. */
  async function removeOrphans(): Promise<void> {
    for await (const { key, lastModified } of store.list(storeKeys.uploadsPrefix)) {
      if (clock.now() - lastModified.getTime() <= uploadExpiryMs) continue;
      const id = key.slice(storeKeys.uploadsPrefix.length);
      if (await store.head(storeKeys.catalog(id))) continue;
      await store.delete(key);
      logger.info({ key }, 'removed a stored upload that no asset owns');
    }
  }

  /** Parts of a transcode are removed by its end; this finds what a crash just then, or a straggler after it, left. */
  async function removeLeftWork(): Promise<void> {
    for await (const { key, lastModified } of store.list(storeKeys.workPrefix())) {
      if (clock.now() - lastModified.getTime() <= uploadExpiryMs) continue;
      const [assetId = ''] = key.slice(storeKeys.workPrefix().length).split('/');
      const state = (await catalogue.get(assetId))?.state;
      if (state === 'transcoding' || state === 'uploaded') continue;
      await store.delete(key);
      logger.info({ key }, 'removed a part of a transcode that is not under way');
    }
  }

  return async (options) => {
    for (const [step, run] of Object.entries({
      uploads: () => uploads.sweep(),
      imports: () => imports.sweep(),
      // After those from URLs, which know then what they are at.
      streams: () => folderImports.sweep(),
      jobs: () => ensureJobs(options),
      orphans: removeOrphans,
      work: removeLeftWork,
    })) {
      await run().catch((error: unknown) => logger.warn({ err: error, step }, 'a step of the sweep failed'));
    }
  };
}
