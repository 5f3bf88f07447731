/**
 * The job delete-asset: the asset's objects leave every appliance, then the object store, then the catalogue.
 *
 * - First the deletion becomes one that nothing takes back, and whoever makes something of the asset is told to stop.
 * - Then the appliances, while the catalogue still says `deleted`: each keeps a mark and answers 410 from then on, so that
 *   nothing is pulled back. An appliance that does not answer is waited for over the first attempts only; after that the
 *   deletion goes on without it, and what it still holds is found and removed by `sweep-deleted.ts` once it is back.
 * - Then whoever was at work on it is waited for, also a killed worker's lock: what is put after a deletion would stay.
 *   Who begins later sees that the asset is deleted, and writes nothing.
 * - Where somebody was at work, it is looked at once more some time later: a worker that was cut off from Redis, or a store
 *   that finishes a request whose sender is gone, cannot be waited for.
 */
import { type Asset, isPurgeDue } from '../../shared/domain/asset.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import { jobMap } from '../../shared/jobs/map.ts';
import { restOfWork, workOn } from '../../shared/platform/asset-work.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import { type ApplianceApi, ApplianceApiError } from '../../shared/ports/appliance-api.ts';
import { type Catalogue, CatalogueError } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Fleet } from '../../shared/ports/fleet.ts';
import type { JobHandler, JobQueue } from '../../shared/ports/job-queue.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';

export interface DeleteAssetDeps {
  readonly fleet: Fleet;
  readonly catalogue: Catalogue;
  readonly store: ObjectStore;
  readonly jobs: Pick<JobQueue, 'active' | 'add' | 'cancel'>;
  readonly api: ApplianceApi;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Attempts in which a silent appliance or worker holds the deletion up; with the job map's pauses, 4 are about 35 s. */
  readonly patientAttempts?: number;
  /** How long one attempt waits for those at work: over the lock of a killed worker, and until another has noticed. */
  readonly windingUpMs?: number;
}

const defaultPatientAttempts = 4;
const lookAgainMs = 10 * 60_000;

export function makeDeleteAsset(deps: DeleteAssetDeps): JobHandler<'delete-asset'> {
  const { fleet, catalogue, store, jobs, api, clock, logger, patientAttempts = defaultPatientAttempts } = deps;
  const { windingUpMs = 2 * jobMap['transcode-asset'].lockMs } = deps;

  return async ({ payload: { assetId, again }, attempt, signal }) => {
    if (again) return { objects: (await catalogue.get(assetId)) ? 0 : await removeObjects(assetId) };
    const asset = await beginPurge(assetId);
    // Restored just before, or another asset that was given the same id since an earlier run of this job.
    if (asset && asset.state !== 'deleted') return { objects: 0 };
    await jobs.cancel('transcode-asset', jobMap['transcode-asset'].id({ assetId }));
    const isPatient = attempt < patientAttempts;
    await removeFromAppliances(assetId, isPatient, signal);
    const wasAtWork = await waitForWork(assetId, isPatient, signal);
    signal.throwIfAborted();
    if (wasAtWork)
      await jobs.add('delete-asset', { assetId, again: true }, { delayMs: lookAgainMs, replaceEnded: true });
    const objects = await removeObjects(assetId);
    if (asset?.sourceKey) await store.delete(asset.sourceKey);
    await catalogue.clearProgress(assetId);
    await catalogue.remove(assetId);
    return { objects };
  };

  /** From now on it cannot be restored, whatever another machine's clock says. Null: it is not there any more. */
  async function beginPurge(assetId: string): Promise<Asset | null> {
    try {
      return await catalogue.update(assetId, (asset) => {
        const { deletion } = asset;
        if (!deletion || !isPurgeDue(asset, clock.now()) || deletion.purgeAt === deletion.deletedAt) return asset;
        return { ...asset, deletion: { ...deletion, purgeAt: deletion.deletedAt } };
      });
    } catch (error) {
      if (error instanceof CatalogueError && error.code === 'not-found') return null;
      throw error;
    }
  }

  async function removeFromAppliances(assetId: string, isPatient: boolean, signal: AbortSignal): Promise<void> {
    const silent: string[] = [];
    await Promise.all(
      (await fleet.listAppliances()).map(async (appliance) => {
        try {
          await api.remove(appliance, `${assetId}/`, signal);
        } catch (error) {
          if (!(error instanceof ApplianceApiError)) throw error;
          silent.push(`${appliance.id} (${error.message})`);
        }
      }),
    );
    if (silent.length === 0) return;
    if (isPatient) throw new Error(`${assetId} is not deleted yet on ${silent.join(', ')}`);
    logger.warn({ assetId, silent }, 'an asset is deleted without appliances that do not answer; they are swept later');
  }

  /** True where somebody was. */
  async function waitForWork(assetId: string, isPatient: boolean, signal: AbortSignal): Promise<boolean> {
    const atWork = await workOn(jobs, assetId);
    if (atWork.length === 0) return false;
    for (const { name, id } of atWork) await jobs.cancel(name, id);
    const left = await restOfWork({ jobs, clock }, assetId, { timeoutMs: windingUpMs, signal });
    if (left.length === 0) return true;
    const words = left.map(({ id }) => id);
    if (isPatient) throw new Error(`${assetId} is not deleted yet: ${words.join(', ')} still under way`);
    logger.warn(
      { assetId, left: words },
      'an asset is deleted under the hands of a worker; it is looked at again later',
    );
    return true;
  }

  async function removeObjects(assetId: string): Promise<number> {
    const objects = await store.deletePrefix(storeKeys.mediaPrefix(assetId));
    return objects + (await store.deletePrefix(storeKeys.workPrefix(assetId)));
  }
}
