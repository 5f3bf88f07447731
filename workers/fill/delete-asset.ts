/**
 * The job delete-asset: the asset's objects leave every appliance, then the object store, then the catalogue.
 *
 * Appliances first, while the catalogue still says `deleted`: each keeps a mark and answers 410 from then on, so that
 * nothing is pulled back. An appliance that does not answer is waited for over the first attempts only; after that the
 * deletion goes on without it, and what it still holds is found and removed by `sweep-deleted.ts` once it is back.
 */
import { storeKeys } from '../../shared/domain/keys.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import { type ApplianceApi, ApplianceApiError } from '../../shared/ports/appliance-api.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Fleet } from '../../shared/ports/fleet.ts';
import type { JobHandler } from '../../shared/ports/job-queue.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';

export interface DeleteAssetDeps {
  readonly fleet: Fleet;
  readonly catalogue: Catalogue;
  readonly store: ObjectStore;
  readonly api: ApplianceApi;
  readonly logger: Logger;
  /** Attempts in which a silent appliance holds the deletion up; with the job map's pauses, 4 are about 35 s. */
  readonly patientAttempts?: number;
}

const defaultPatientAttempts = 4;

export function makeDeleteAsset(deps: DeleteAssetDeps): JobHandler<'delete-asset'> {
  const { fleet, catalogue, store, api, logger, patientAttempts = defaultPatientAttempts } = deps;

  return async ({ payload: { assetId }, attempt, signal }) => {
    const asset = await catalogue.get(assetId);
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
    if (silent.length > 0) {
      const words = `${assetId} is not deleted yet on ${silent.join(', ')}`;
      if (attempt < patientAttempts) throw new Error(words);
      logger.warn(
        { assetId, silent },
        'an asset is deleted without appliances that do not answer; they are swept later',
      );
    }
    signal.throwIfAborted();
    const objects = await store.deletePrefix(storeKeys.mediaPrefix(assetId));
    await store.deletePrefix(storeKeys.workPrefix(assetId));
    if (asset?.sourceKey) await store.delete(asset.sourceKey);
    await catalogue.clearProgress(assetId);
    await catalogue.remove(assetId);
    return { objects };
  };
}
