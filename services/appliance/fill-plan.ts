import { parseObjectKey } from '../../shared/domain/keys.ts';
import type { SegmentCache } from '../../shared/ports/segment-cache.ts';
import type { Provenance } from './provenance.ts';
import { manifestKey } from './versions.ts';

export interface PlanRequest {
  readonly pinned: readonly string[];
  /** Planned as well, and held as long as viewers ask for it more than for what else comes. */
  readonly unpinned?: readonly string[];
  readonly evict: readonly string[];
}

export interface PlanAnswer {
  /** Planned keys that are held, wholly or in part. */
  readonly held: readonly { readonly key: string; readonly heldBytes: number }[];
}

export type ApplyPlan = (plan: PlanRequest) => Promise<PlanAnswer>;

/** Frees what the plan gives up and pins what it keeps, with the manifests that serving it needs. */
export const makeApplyPlan =
  (cache: SegmentCache, provenance: Pick<Provenance, 'planned'>): ApplyPlan =>
  async ({ pinned, unpinned = [], evict }) => {
    const planned = new Set([...pinned, ...unpinned]);
    const kept = new Set(pinned);
    for (const key of pinned) {
      const object = parseObjectKey(key);
      if (object) kept.add(manifestKey(object));
    }
    for (const key of evict) if (!kept.has(key) && !planned.has(key)) await cache.remove(key);
    await cache.setPinned(kept);
    const held = [];
    for (const { key, heldBytes } of cache.inventory()) if (planned.has(key)) held.push({ key, heldBytes });
    await provenance.planned(planned, new Set(held.map(({ key }) => key)));
    return { held };
  };
