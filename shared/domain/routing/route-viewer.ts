/**
 * Where a viewer plays an asset: the region, then its appliances in the order of the asset's rendezvous ranking.
 *
 * Only edges that may serve now are named. Where the viewer's region has none, the next region that has is taken, and
 * the answer says so.
 */
import { type ApplianceView, mayServe } from '../fleet.ts';
import { rankAppliances } from './rendezvous.ts';
import type { RegionCandidate, RegionChoice } from './select-region.ts';

export interface Route {
  /** The region whose appliances are named. */
  readonly region: RegionCandidate;
  /** Best first; never empty. */
  readonly appliances: readonly ApplianceView[];
  /** Nearer regions that were passed over because none of their edges may serve. */
  readonly passedOver: readonly string[];
  /** The whole decision in one sentence. */
  readonly explanation: string;
}

/** Null when no edge of any region may serve. */
export function routeViewer(assetId: string, choice: RegionChoice, appliances: readonly ApplianceView[]): Route | null {
  const passedOver: string[] = [];
  for (const region of [choice, ...choice.alternatives]) {
    const able = appliances.filter((a) => a.regionId === region.regionId && a.role === 'edge' && mayServe(a));
    const ranked = rankAppliances(assetId, able);
    const first = ranked[0];
    if (!first) {
      passedOver.push(region.regionId);
      continue;
    }
    const detour = passedOver.length > 0 ? `; no edge of ${passedOver.join(', ')} may serve now` : '';
    const rank = `${first.id} ranks first of its ${able.length} serving edge${able.length === 1 ? '' : 's'}`;
    return {
      region: { regionId: region.regionId, reason: region.reason, explanation: region.explanation },
      appliances: ranked,
      passedOver,
      explanation: `${region.explanation}${detour}; ${rank} for ${assetId}`,
    };
  }
  return null;
}
