import type { Asset } from '../../shared/domain/asset.ts';
import type { FillReport } from '../../shared/domain/fill.ts';
import type { ApplianceView } from '../../shared/domain/fleet.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { ApiClient } from './api-client.ts';
import type { Overview, RegionOverview } from './pages/overview.ts';

interface List<T> {
  readonly items: readonly T[];
}

/** Everybody who watches the front page shares one look at the services. */
const shareMs = 2_000;

export type ReadOverview = ReturnType<typeof makeReadOverview>;

/** What the front page shows. A service that is away leaves a gap that is said, not an error page. */
export function makeReadOverview({ api, clock }: { readonly api: ApiClient; readonly clock: Clock }) {
  let shared: { readonly atMs: number; readonly overview: Promise<Overview> } | null = null;

  async function read(): Promise<Overview> {
    const gaps = new Set<string>();
    const orGap = async <T>(work: Promise<T>, fallback: T): Promise<T> =>
      work.catch((error: unknown) => {
        gaps.add((error as Error).message);
        return fallback;
      });
    const nothing = { items: [] };
    const [assets, regions, appliances] = await Promise.all([
      orGap(api.get<List<Asset>>('ingest', '/v1/assets?limit=50'), nothing),
      orGap(api.get<List<RegionOverview['region']>>('control', '/v1/regions?limit=500'), nothing),
      orGap(api.get<List<ApplianceView>>('control', '/v1/appliances?limit=500'), nothing),
    ]);
    const reports = await Promise.all(
      regions.items.map(({ id }) =>
        orGap(api.get<List<FillReport>>('control', `/v1/regions/${id}/fill-reports?limit=1`), nothing),
      ),
    );
    return {
      atMs: clock.now(),
      assets: assets.items.filter(({ state }) => state !== 'deleted'),
      regions: regions.items.map((region, i) => ({ region, report: reports[i]?.items[0] ?? null })),
      appliances: appliances.items,
      gaps: [...gaps],
    };
  }

  return (): Promise<Overview> => {
    if (!shared || clock.now() - shared.atMs >= shareMs) shared = { atMs: clock.now(), overview: read() };
    return shared.overview;
  };
}
