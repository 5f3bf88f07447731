import { LRUCache } from 'lru-cache';
import type { Logger } from '../../../shared/platform/logger.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { Documents } from '../../../shared/ports/documents.ts';

/** How many copies of an asset the last plan put into a region; 1 for what it says nothing of. */
export type CopiesOf = (regionId: string, assetId: string) => Promise<number>;

/** A plan changes a few times a day; a route that is half a minute behind it costs a pull from a peer at worst. */
const rememberedMs = 30_000;
/** The newest fills of a region that may still be without a plan. */
const fillsLookedAt = 5;

/** While plans cannot be read, what was last known of them stands: a viewer is routed all the same. */
export function makeCopiesOf(deps: {
  readonly documents: Pick<Documents, 'listFills'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Pick<Logger, 'warn'>;
}): CopiesOf {
  const { documents, clock, logger } = deps;
  const byRegion = new LRUCache<string, Readonly<Record<string, number>>>({
    max: 1_000,
    ttl: rememberedMs,
    perf: { now: () => clock.now() },
    fetchMethod: async (regionId, stale) => {
      try {
        const fills = await documents.listFills({ regionId, limit: fillsLookedAt });
        return fills.find(({ copies }) => copies)?.copies ?? {};
      } catch (error) {
        logger.warn({ err: error, regionId }, 'the copies of the last plan cannot be read; routing by what is known');
        return stale ?? {};
      }
    },
  });
  return async (regionId, assetId) => (await byRegion.fetch(regionId))?.[assetId] ?? 1;
}
