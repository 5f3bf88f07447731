import pLimit from 'p-limit';
import type { DemandElsewhere } from '../../../shared/domain/demand.ts';
import type { Audience } from '../../../shared/domain/planning/audience.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { Catalogue } from '../../../shared/ports/catalogue.ts';
import type { Fleet } from '../../../shared/ports/fleet.ts';
import type { GetAudience } from './audiences.ts';
import type { RecentDemand } from './recent-demand.ts';

export interface DemandElsewhereDeps {
  readonly fleet: Pick<Fleet, 'getAppliance'>;
  readonly catalogue: Pick<Catalogue, 'get'>;
  readonly recent: Pick<RecentDemand, 'elsewhere'>;
  readonly audienceOf: GetAudience;
}

export interface DemandElsewhereAnswer {
  /** Unix milliseconds; what comes after it is not in here. */
  readonly untilMs: number;
  readonly assets: readonly DemandElsewhere[];
  /** How the appliance's own region watches, with the curves of these assets; absent while nothing is known of it. */
  readonly audience?: Audience;
}

export type GetDemandElsewhere = (applianceId: string, afterMs: number) => Promise<DemandElsewhereAnswer>;

/** 40 kB of JSON. What is asked for less is left out. */
const mostAssets = 500;

/** Tells an appliance what the regions other than its own asked for lately, the most first. */
export function makeDemandElsewhere({ fleet, catalogue, recent, audienceOf }: DemandElsewhereDeps): GetDemandElsewhere {
  return async (applianceId, afterMs) => {
    const appliance = await fleet.getAppliance(applianceId);
    if (!appliance)
      throw new Problem(
        'appliance-not-found',
        `There is no appliance ${applianceId}; add it with POST /v1/appliances.`,
      );
    const { untilMs, bytes } = recent.elsewhere(appliance.regionId, afterMs);
    const most = [...bytes].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, mostAssets);
    const atOnce = pLimit(16);
    const found = await Promise.all(
      most.map(([assetId, bytes]) =>
        atOnce(async (): Promise<DemandElsewhere[]> => {
          const asset = await catalogue.get(assetId);
          return asset?.version && asset.state !== 'deleted' ? [{ assetId, version: asset.version, bytes }] : [];
        }),
      ),
    );
    const assets = found.flat();
    const audience = assets.length > 0 ? await audienceOf(appliance.regionId) : null;
    if (!audience) return { untilMs, assets };
    const told = new Set(assets.map(({ assetId }) => assetId));
    const curves = audience.assets.filter(({ assetId }) => told.has(assetId));
    return { untilMs, assets, audience: { ...audience, assets: curves } };
  };
}
