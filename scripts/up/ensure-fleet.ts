import type { Appliance, ApplianceView, Region } from '../../shared/domain/fleet.ts';
import type { Transport } from '../cli/transport.ts';
import type { ApplianceSpec, RegionSpec } from './demo-fleet.ts';

export interface FleetSpec {
  readonly regions: readonly RegionSpec[];
  readonly appliances: readonly ApplianceSpec[];
  addressesOf(applianceId: string): Pick<Appliance, 'publicUrl' | 'internalUrl'>;
}

/**
 * Registers what is missing of the demo fleet and mends the addresses of appliances that have moved. What the
 * operator changed since (windows, budgets, modes) is left alone.
 */
export async function ensureFleet(api: Transport, fleet: FleetSpec): Promise<void> {
  const regions = await api.json<{ items: Region[] }>('/v1/regions');
  for (const region of fleet.regions) {
    if (!regions.items.some(({ id }) => id === region.id))
      await api.request('/v1/regions', { method: 'POST', json: region });
  }
  const appliances = await api.json<{ items: ApplianceView[] }>('/v1/appliances');
  for (const appliance of fleet.appliances) {
    const addresses = fleet.addressesOf(appliance.id);
    const known = appliances.items.find(({ id }) => id === appliance.id);
    if (!known) await api.request('/v1/appliances', { method: 'POST', json: { ...appliance, ...addresses } });
    else if (known.publicUrl !== addresses.publicUrl || known.internalUrl !== addresses.internalUrl)
      await api.request(`/v1/appliances/${appliance.id}`, { method: 'PATCH', json: addresses });
  }
}
