/**
 * Where a viewer plays an asset: the region, then its appliances in the order of the asset's rendezvous ranking.
 *
 * Only edges that may serve now are named. Where the viewer's region has none, the next region that has is taken, and
 * the answer says so. A title of which the plan put several copies is shared out among their edges by viewer, so that
 * one viewer always gets the same edge and a crowd does not.
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

/** How the viewers of a title with several copies are told apart. */
export interface Spread {
  /** Copies that the region's plan made of the asset; 1 and less: all viewers go to the first edge. */
  readonly copiesIn: (regionId: string) => number;
  /** Anything that stays the same for a viewer, e.g. the address. */
  readonly viewerKey: string;
}

/** Null when no edge of any region may serve. */
export function routeViewer(
  assetId: string,
  choice: RegionChoice,
  appliances: readonly ApplianceView[],
  spread?: Spread,
): Route | null {
  const passedOver: string[] = [];
  for (const region of [choice, ...choice.alternatives]) {
    const able = appliances.filter((a) => a.regionId === region.regionId && a.role === 'edge' && mayServe(a));
    const copies = spread?.copiesIn(region.regionId) ?? 1;
    const ranked = shareOut(rankAppliances(assetId, able), copies, `${assetId}/${spread?.viewerKey}`);
    const first = ranked[0];
    if (!first) {
      passedOver.push(region.regionId);
      continue;
    }
    const detour = passedOver.length > 0 ? `; no edge of ${passedOver.join(', ')} may serve now` : '';
    const among = copies > 1 ? ` among those with one of ${copies} copies` : '';
    const rank = `${first.id} ranks first of its ${able.length} serving edge${able.length === 1 ? '' : 's'}${among}`;
    return {
      region: { regionId: region.regionId, reason: region.reason, explanation: region.explanation },
      appliances: ranked,
      passedOver,
      explanation: `${region.explanation}${detour}; ${rank} for ${assetId}`,
    };
  }
  return null;
}

/** The edges that hold the copies in an order of the viewer's own, then the rest. */
function shareOut(ranked: ApplianceView[], copies: number, key: string): ApplianceView[] {
  return copies > 1 ? [...rankAppliances(key, ranked.slice(0, copies)), ...ranked.slice(copies)] : ranked;
}
