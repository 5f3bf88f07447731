import type { Region } from '../../../shared/domain/fleet.ts';
import { comingWindow } from '../../../shared/domain/time/fill-window.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { Fleet } from '../../../shared/ports/fleet.ts';
import type { NewRegion, RegionAnswer, RegionPatch } from '../schemas/fleet.ts';
import { refuse } from './mistakes.ts';
import { regionMistakes } from './region-rules.ts';

export interface FleetDeps {
  readonly fleet: Fleet;
  readonly clock: Clock;
  /** Runs changes of the fleet one after the other, so that a check still holds when the change is written. */
  readonly alone: <T>(change: () => Promise<T>) => Promise<T>;
}

export type Regions = ReturnType<typeof makeRegions>;

export function makeRegions({ fleet, clock, alone }: FleetDeps) {
  const answer = (region: Region): RegionAnswer => {
    const span = comingWindow(clock.now(), region.window, region.timeZone);
    const nextWindow = {
      startsAt: new Date(span.startMs).toISOString(),
      endsAt: new Date(span.endMs).toISOString(),
      date: span.date,
    };
    return { ...region, nextWindow };
  };

  const getOrRefuse = async (id: string): Promise<Region> => {
    const region = await fleet.getRegion(id);
    if (!region) throw new Problem('region-not-found', `There is no region ${id}; GET /v1/regions lists them.`);
    return region;
  };

  const save = async (region: Region): Promise<RegionAnswer> => {
    refuse(regionMistakes(region, clock.now()));
    await fleet.putRegion(region);
    return answer(region);
  };

  return {
    list: async (): Promise<readonly RegionAnswer[]> => (await fleet.listRegions()).map(answer),

    get: async (id: string): Promise<RegionAnswer> => answer(await getOrRefuse(id)),

    create: (input: NewRegion): Promise<RegionAnswer> =>
      alone(async () => {
        if (await fleet.getRegion(input.id)) {
          throw new Problem('already-exists', `There is a region ${input.id} already; PATCH changes it.`);
        }
        const now = new Date(clock.now()).toISOString();
        return save({
          id: input.id,
          name: input.name ?? input.id,
          timeZone: input.timeZone,
          window: input.window,
          budget: input.budget,
          coverage: { networks: input.coverage?.networks ?? [], location: input.coverage?.location ?? null },
          ...(input.tariff ? { tariff: input.tariff } : {}),
          fillEnabled: input.fillEnabled ?? true,
          topUp: input.topUp ?? null,
          pulledShare: input.pulledShare ?? null,
          createdAt: now,
          updatedAt: now,
        });
      }),

    /** Parts of `window`, `budget` and `coverage` that are not named stay as they are. */
    change: (id: string, patch: RegionPatch): Promise<RegionAnswer> =>
      alone(async () => {
        const region = await getOrRefuse(id);
        return save({
          ...region,
          ...patch,
          window: { ...region.window, ...patch.window },
          budget: { ...region.budget, ...patch.budget },
          coverage: { ...region.coverage, ...patch.coverage },
          updatedAt: new Date(clock.now()).toISOString(),
        });
      }),

    remove: (id: string): Promise<void> =>
      alone(async () => {
        await getOrRefuse(id);
        const appliances = await fleet.listAppliances({ regionId: id });
        if (appliances.length > 0) {
          const names = appliances.map((appliance) => appliance.id).join(', ');
          throw new Problem('region-in-use', `Region ${id} still has ${names}; remove or move them first.`);
        }
        await fleet.removeRegion(id);
      }),
  };
}
