import { LRUCache } from 'lru-cache';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { Documents } from '../../../shared/ports/documents.ts';

/** How many copies of an asset the last plan put into a region; 1 for what it says nothing of. */
export type CopiesOf = (regionId: string, assetId: string) => Promise<number>;

/** A plan changes a few times a day; a route that is half a minute behind it costs a pull from a peer at worst. */
const rememberedMs = 30_000;
/** The newest fills of a region that may still be without a plan. */
const fillsLookedAt = 5;

export function makeCopiesOf(documents: Pick<Documents, 'listFills'>, clock: Pick<Clock, 'now'>): CopiesOf {
  const byRegion = new LRUCache<string, Readonly<Record<string, number>>>({
    max: 1_000,
    ttl: rememberedMs,
    perf: { now: () => clock.now() },
    fetchMethod: async (regionId) => {
      const fills = await documents.listFills({ regionId, limit: fillsLookedAt });
      return fills.find(({ copies }) => copies)?.copies ?? {};
    },
  });
  return async (regionId, assetId) => (await byRegion.fetch(regionId))?.[assetId] ?? 1;
}
