import type { Asset } from '../domain/asset.ts';
import { type AssetEventKind, assetEventOf } from '../domain/asset-event.ts';
import type { JobQueue } from '../ports/job-queue.ts';
import type { Logger } from './logger.ts';

/** Has the outside told of an asset's new state, if anybody asked to be. Never throws: work goes on without listeners. */
export type Announce = (asset: Asset, kind?: AssetEventKind) => Promise<void>;

export interface AnnounceDependencies {
  readonly jobs: Pick<JobQueue, 'add'>;
  readonly logger: Pick<Logger, 'error'>;
  /** Where to; empty: nobody asked. */
  readonly webhookUrl: string;
}

/** Telling the same change twice is one job, for as long as ended jobs are kept. */
export function makeAnnounce({ jobs, logger, webhookUrl }: AnnounceDependencies): Announce {
  return async (asset, kind) => {
    if (webhookUrl === '') return;
    await jobs.add('deliver-webhook', { event: assetEventOf(asset, kind) }).catch((error: unknown) => {
      logger.error({ err: error, assetId: asset.id, state: asset.state }, 'a webhook could not be enqueued');
    });
  };
}
