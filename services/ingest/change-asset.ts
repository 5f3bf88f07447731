import { type Asset, isPurgeDue } from '../../shared/domain/asset.ts';
import { jobMap } from '../../shared/jobs/map.ts';
import type { Announce } from '../../shared/platform/announce.ts';
import { restOfWork } from '../../shared/platform/asset-work.ts';
import { Problem } from '../../shared/platform/problem.ts';
import { type Catalogue, CatalogueError } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { JobQueue } from '../../shared/ports/job-queue.ts';

export interface ChangeDependencies {
  readonly catalogue: Pick<Catalogue, 'update'>;
  readonly jobs: Pick<JobQueue, 'active' | 'add' | 'cancel'>;
  readonly announce: Announce;
  readonly clock: Clock;
  /** How long a deletion can be taken back. */
  readonly deleteDelayMs: number;
}

const windingUpMs = 15_000;

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
        if (asset.state === 'deleted')
          throw new Problem('gone', 'The asset was deleted; restore it first, if it still can be.');
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
 * Deletes an asset: at once for viewers. Its objects stay for the delay, in which it can be restored, and go in the
 * background then; with `purge`, and where there is no delay, they go now. Doing it again is harmless: it never puts the
 * end off, and starts the background work anew where it failed.
 */
export function makeDeleteAsset({ catalogue, jobs, announce, clock, deleteDelayMs }: ChangeDependencies) {
  return async (id: string, { purge }: { readonly purge: boolean }): Promise<Asset> => {
    const now = clock.now();
    const deletedAt = new Date(now).toISOString();
    const purgeAt = new Date(now + (purge ? 0 : deleteDelayMs)).toISOString();
    const asset = await catalogue
      .update(id, (present) => {
        if (present.state !== 'deleted')
          return {
            ...present,
            state: 'deleted',
            // What was made of it so far may go with the transcode; restored, it is told anew.
            ...(present.early ? { early: null } : {}),
            deletion: { deletedAt, purgeAt, from: present.state },
            updatedAt: deletedAt,
          };
        const { deletion } = present;
        return purge && deletion && deletion.purgeAt > purgeAt
          ? { ...present, deletion: { ...deletion, purgeAt } }
          : present;
      })
      .catch(refuseMissing);
    await jobs.cancel('transcode-asset', jobMap['transcode-asset'].id({ assetId: id }));
    if (isPurgeDue(asset, clock.now())) await jobs.add('delete-asset', { assetId: id }, { replaceEnded: true });
    await announce(asset);
    return asset;
  };
}

/**
 * Takes a deletion back: the asset is what it was, with its version, and a transcode that was stopped begins anew, once whoever
 * was at it has removed what it made. Who takes long for that is left to the sweep.
 *
 * @throws Problem `gone` when its time is over, `conflict` for one that is not deleted.
 */
export function makeRestoreAsset({ catalogue, jobs, announce, clock }: Omit<ChangeDependencies, 'deleteDelayMs'>) {
  return async (id: string): Promise<Asset> => {
    const asset = await catalogue
      .update(id, (present) => {
        if (present.state !== 'deleted') throw new Problem('conflict', `The asset is ${present.state}, not deleted.`);
        const { deletion, ...kept } = present;
        if (!deletion || isPurgeDue(present, clock.now()))
          throw new Problem('gone', 'The time in which it could be restored is over. Upload it again.');
        return { ...kept, state: deletion.from, updatedAt: new Date(clock.now()).toISOString() };
      })
      .catch(refuseMissing);
    const isToBeMade = asset.state === 'uploaded' || asset.state === 'transcoding';
    if (isToBeMade && (await restOfWork({ jobs, clock }, id, { timeoutMs: windingUpMs })).length === 0)
      await jobs.add('transcode-asset', { assetId: id }, { replaceEnded: true });
    await announce(asset, 'restored');
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
