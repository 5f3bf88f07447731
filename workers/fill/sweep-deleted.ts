/**
 * Finds what appliances still hold of assets that no longer exist anywhere, and has it removed.
 *
 * This makes a list of tombstones needless: an appliance that was away while an asset was deleted is asked what it holds
 * when it is back. An asset counts as gone only when the object store has neither its document nor a single object of
 * it; the catalogue's live index is not asked, because it may just have been lost. A store without a single document is
 * more likely the wrong one than an emptied one, and nothing is swept by it.
 */
import { parseObjectKey, storeKeys } from '../../shared/domain/keys.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import { type ApplianceApi, ApplianceApiError } from '../../shared/ports/appliance-api.ts';
import type { Fleet } from '../../shared/ports/fleet.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';

export interface SweepDeletedDeps {
  readonly fleet: Fleet;
  readonly store: ObjectStore;
  readonly api: ApplianceApi;
  readonly logger: Logger;
}

/** Returns how many assets were removed, counted for each appliance. */
export function makeSweepDeleted({ fleet, store, api, logger }: SweepDeletedDeps) {
  async function isGone(assetId: string, signal: AbortSignal): Promise<boolean> {
    if (await store.head(storeKeys.catalog(assetId), signal)) return false;
    for await (const _object of store.list(storeKeys.mediaPrefix(assetId), { signal })) return false;
    return true;
  }

  async function knowsAnything(signal: AbortSignal): Promise<boolean> {
    for await (const _document of store.list(storeKeys.catalogPrefix, { signal })) return true;
    return false;
  }

  return async (signal: AbortSignal): Promise<number> => {
    if (!(await knowsAnything(signal))) return 0;
    const gone = new Map<string, Promise<boolean>>();
    let removed = 0;
    for (const appliance of await fleet.listAppliances()) {
      try {
        const held = new Set<string>();
        for await (const { key } of api.inventory(appliance, signal)) held.add(parseObjectKey(key)?.assetId ?? '');
        held.delete('');
        for (const assetId of held) {
          const answer = gone.get(assetId) ?? isGone(assetId, signal);
          gone.set(assetId, answer);
          if (!(await answer)) continue;
          const freedBytes = await api.remove(appliance, `${assetId}/`, signal);
          logger.info({ applianceId: appliance.id, assetId, freedBytes }, 'removed what was left of a deleted asset');
          removed += 1;
        }
      } catch (error) {
        if (!(error instanceof ApplianceApiError)) throw error;
        logger.debug({ applianceId: appliance.id, reason: error.message }, 'could not be swept now');
      }
    }
    return removed;
  };
}
