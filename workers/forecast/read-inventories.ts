/** What the region's edges hold, asked of themselves; an edge that does not answer cannot be planned for. */
import type { ApplianceView } from '../../shared/domain/fleet.ts';
import type { PlannableAppliance } from '../../shared/domain/planning/held.ts';
import { type ApplianceApi, ApplianceApiError, type HeldKey } from '../../shared/ports/appliance-api.ts';

export interface Inventories {
  readonly answered: readonly PlannableAppliance[];
  /** Ids and the reason in words of those that did not answer. */
  readonly silent: readonly { readonly applianceId: string; readonly reason: string }[];
}

/** Only active edges get fills: a draining one is being emptied, and a shield fills itself by pulling. */
const mayBeFilled = ({ role, mode }: ApplianceView): boolean => role === 'edge' && mode === 'active';

export async function readInventories(
  api: ApplianceApi,
  appliances: readonly ApplianceView[],
  signal?: AbortSignal,
): Promise<Inventories> {
  const answered: PlannableAppliance[] = [];
  const silent: { applianceId: string; reason: string }[] = [];
  await Promise.all(
    appliances.filter(mayBeFilled).map(async (appliance) => {
      try {
        const inventory: HeldKey[] = [];
        for await (const { key, heldBytes } of api.inventory(appliance, signal)) inventory.push({ key, heldBytes });
        answered.push({ appliance, inventory });
      } catch (error) {
        if (!(error instanceof ApplianceApiError)) throw error;
        silent.push({ applianceId: appliance.id, reason: error.message });
      }
    }),
  );
  return { answered, silent };
}
