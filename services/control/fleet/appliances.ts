import type { Appliance, ApplianceView } from '../../../shared/domain/fleet.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import { applianceCredential } from '../../../shared/tokens/credentials.ts';
import type { AppliancePatch, CreatedAppliance, NewAppliance } from '../schemas/fleet.ts';
import { applianceMistakes, trimUrl } from './appliance-rules.ts';
import { type Mistake, refuse, unless } from './mistakes.ts';
import type { FleetDeps } from './regions.ts';

export type Appliances = ReturnType<typeof makeAppliances>;

export function makeAppliances({ fleet, clock, alone, fleetSecret }: FleetDeps & { readonly fleetSecret: string }) {
  const getOrRefuse = async (id: string): Promise<ApplianceView> => {
    const appliance = await fleet.getAppliance(id);
    if (!appliance) {
      throw new Problem('appliance-not-found', `There is no appliance ${id}; GET /v1/appliances lists them.`);
    }
    return appliance;
  };

  const regionMistake = async (id: string): Promise<Mistake[]> =>
    unless(
      (await fleet.getRegion(id)) !== null,
      'regionId',
      `names no region (got ${JSON.stringify(id)}); create it with POST /v1/regions first`,
    );

  const save = async (appliance: Appliance): Promise<ApplianceView> => {
    const trimmed = {
      ...appliance,
      publicUrl: trimUrl(appliance.publicUrl),
      internalUrl: trimUrl(appliance.internalUrl),
    };
    refuse([...applianceMistakes(trimmed), ...(await regionMistake(trimmed.regionId))]);
    await fleet.putAppliance(trimmed);
    return getOrRefuse(trimmed.id);
  };

  return {
    list: (regionId?: string): Promise<readonly ApplianceView[]> =>
      fleet.listAppliances(regionId === undefined ? {} : { regionId }),

    get: getOrRefuse,

    create: (input: NewAppliance): Promise<CreatedAppliance> =>
      alone(async () => {
        if (await fleet.getAppliance(input.id)) {
          throw new Problem('already-exists', `There is an appliance ${input.id} already; PATCH changes it.`);
        }
        const now = new Date(clock.now()).toISOString();
        const view = await save({
          id: input.id,
          regionId: input.regionId,
          role: input.role ?? 'edge',
          mode: input.mode ?? 'active',
          publicUrl: input.publicUrl,
          internalUrl: input.internalUrl ?? input.publicUrl,
          capacityBytes: input.capacityBytes,
          weight: input.weight ?? 1,
          createdAt: now,
          updatedAt: now,
        });
        return { ...view, credential: applianceCredential(fleetSecret, input.id) };
      }),

    change: (id: string, patch: AppliancePatch): Promise<ApplianceView> =>
      alone(async () => {
        const { health: _health, status: _status, ...appliance } = await getOrRefuse(id);
        return save({ ...appliance, ...patch, updatedAt: new Date(clock.now()).toISOString() });
      }),

    remove: (id: string): Promise<void> =>
      alone(async () => {
        await getOrRefuse(id);
        await fleet.removeAppliance(id);
      }),
  };
}
