import { applianceCredential } from '../../../shared/tokens/credentials.ts';
import type { Inventory, ReadInventory } from './inventory.ts';

const timeoutMs = 5_000;

/** Reads one page of an appliance's inventory over its fill API (docs/internal-api.md). */
export const makeReadInventory =
  (fleetSecret: string): ReadInventory =>
  async ({ id, internalUrl }, { after, limit }) => {
    const query = new URLSearchParams({ limit: String(limit), ...(after === undefined ? {} : { after }) });
    const response = await fetch(`${internalUrl}/inventory?${query}`, {
      headers: { authorization: `Bearer ${applianceCredential(fleetSecret, id)}` },
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok) throw new Error(await refusalOf(response));
    return (await response.json()) as Inventory;
  };

async function refusalOf(response: Response): Promise<string> {
  const problem = (await response.json().catch(() => null)) as { readonly detail?: string } | null;
  return `it answered ${response.status}${problem?.detail ? `, ${problem.detail}` : ''}`;
}
