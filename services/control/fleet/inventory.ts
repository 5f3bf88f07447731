import type { Appliance } from '../../../shared/domain/fleet.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { Fleet } from '../../../shared/ports/fleet.ts';
import type { CacheStats, InventoryEntry } from '../../../shared/ports/segment-cache.ts';

export interface Inventory {
  readonly items: readonly InventoryEntry[];
  readonly next: string | null;
  readonly stats: CacheStats;
}

/** Asks an appliance what it holds. @throws when it cannot be reached or refuses. */
export type ReadInventory = (
  appliance: Pick<Appliance, 'id' | 'internalUrl'>,
  page: { readonly after?: string; readonly limit: number },
) => Promise<Inventory>;

export type GetInventory = ReturnType<typeof makeGetInventory>;

/** Passes on what an appliance says it holds. */
export const makeGetInventory =
  ({ fleet, readInventory }: { readonly fleet: Fleet; readonly readInventory: ReadInventory }) =>
  async (id: string, page: { readonly after?: string; readonly limit: number }): Promise<Inventory> => {
    const appliance = await fleet.getAppliance(id);
    if (!appliance) {
      throw new Problem('appliance-not-found', `There is no appliance ${id}; GET /v1/appliances lists them.`);
    }
    try {
      return await readInventory(appliance, page);
    } catch (error) {
      throw new Problem(
        'upstream-failed',
        `Appliance ${id} (${appliance.health}) gave no inventory at ${appliance.internalUrl}: ${reasonOf(error)}.`,
        { cause: error },
      );
    }
  };

/** fetch says only that it failed; the cause says why. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
