import type { ApplianceView } from '../../shared/domain/fleet.ts';
import { distanceKm } from '../../shared/domain/routing/distance.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Fleet } from '../../shared/ports/fleet.ts';

/** Health changes; asking for every file would cost more than it tells. */
const rememberMs = 5_000;

/** Shields, and appliances of other regions, nearest first; regions without a location come last. */
export function elsewhereOf(fleet: Fleet, regionId: string, clock: Clock): () => Promise<readonly ApplianceView[]> {
  let known: { readonly atMs: number; readonly list: Promise<readonly ApplianceView[]> } | null = null;

  async function list(): Promise<readonly ApplianceView[]> {
    const [regions, appliances] = await Promise.all([fleet.listRegions(), fleet.listAppliances()]);
    const locations = new Map(regions.map(({ id, coverage }) => [id, coverage.location]));
    const here = locations.get(regionId);
    const far = ({ regionId: other }: ApplianceView): number => {
      const there = locations.get(other);
      if (other === regionId) return -1;
      return here && there ? distanceKm(here, there) : Number.MAX_VALUE;
    };
    return appliances
      .filter(({ role, regionId: other }) => role === 'shield' || other !== regionId)
      .sort((a, b) => far(a) - far(b) || (a.id < b.id ? -1 : 1));
  }

  return () => {
    if (!known || clock.now() - known.atMs > rememberMs) {
      // While the fleet cannot be read, nobody is near.
      known = { atMs: clock.now(), list: list().catch(() => []) };
    }
    return known.list;
  };
}
