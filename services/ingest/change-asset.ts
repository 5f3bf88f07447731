import type { Asset } from '../../shared/domain/asset.ts';
import { jobMap } from '../../shared/jobs/map.ts';
import type { Announce } from '../../shared/platform/announce.ts';
import { Problem } from '../../shared/platform/problem.ts';
import { type Catalogue, CatalogueError } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { JobQueue } from '../../shared/ports/job-queue.ts';

export interface ChangeDependencies {
  readonly catalogue: Pick<Catalogue, 'update'>;
  readonly jobs: Pick<JobQueue, 'add' | 'cancel'>;
  readonly announce: Announce;
  readonly clock: Clock;
}

export interface AssetChange {
  readonly title?: string;
  readonly tags?: readonly string[];
  /** Null takes it away. */
  readonly series?: string | null;
  readonly premiereDate?: string | null;
  readonly premieresAt?: string | null;
  readonly mustHave?: boolean;
}

/** Changes what is said of an asset. The published version keeps the title that it was made with. */
export function makeRenameAsset({ catalogue, clock }: Pick<ChangeDependencies, 'catalogue' | 'clock'>) {
  return (id: string, change: AssetChange): Promise<Asset> =>
    catalogue
      .update(id, (asset) => {
        if (asset.state === 'deleted') throw new Problem('gone', 'The asset was deleted.');
        const changed = { ...asset, ...change };
        return isSame(asset, changed) ? asset : { ...changed, updatedAt: new Date(clock.now()).toISOString() };
      })
      .catch(refuseMissing);
}

const isSame = (left: Asset, right: Asset): boolean => JSON.stringify(said(left)) === JSON.stringify(said(right));
const said = ({ title, tags, series = null, premiereDate = null, premieresAt = null, mustHave = false }: Asset) => [
  title,
  tags,
  series,
  premiereDate,
  premieresAt,
  mustHave,
];

/**
 * Deletes an asset: at once for viewers, its objects in the background. Doing it again is harmless, and starts the
 * background work anew where it failed.
 */
export function makeDeleteAsset({ catalogue, jobs, announce, clock }: ChangeDependencies) {
  return async (id: string): Promise<Asset> => {
    const asset = await catalogue
      .update(id, (present) =>
        present.state === 'deleted'
          ? present
          : { ...present, state: 'deleted', updatedAt: new Date(clock.now()).toISOString() },
      )
      .catch(refuseMissing);
    await jobs.cancel('transcode-asset', jobMap['transcode-asset'].id({ assetId: id }));
    await jobs.add('delete-asset', { assetId: id }, { replaceEnded: true });
    await announce(asset);
    return asset;
  };
}

export const assetNotFound = (id: string): Problem => new Problem('asset-not-found', `There is no asset "${id}".`);

/** The catalogue's refusals in the words of the API. */
export function refuseMissing(error: unknown): never {
  if (error instanceof CatalogueError && error.code === 'not-found')
    throw new Problem('asset-not-found', error.message);
  if (error instanceof CatalogueError && error.code === 'busy')
    throw new Problem('overloaded', 'The asset is being changed by others. Try again in a moment.', { cause: error });
  throw error;
}
