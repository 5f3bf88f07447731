/**
 * A disk on which plans keep some objects, and forecast value the others: the pinned set of an appliance and its pulled
 * slices, without the bytes. What a plan gives up stays as a pulled object, as long as its value keeps it.
 */
import { type ForecastCache, type ForecastCacheOptions, makeForecastCache } from './forecast-cache.ts';

export interface PlannedDisk {
  /** The pulled part. */
  readonly cache: ForecastCache;
  has(object: number): boolean;
  /** Carries a night's plan out at once: lets go, fetches what is not there, and keeps it until the next plan. */
  plan(plan: DiskPlan, timeS: number): void;
  /** A viewer asks: whether it was held, and if not, whether it was kept. */
  serve(object: number, timeS: number, count?: number): 'held' | 'kept' | 'passed';
}

export interface DiskPlan {
  readonly pinned: ReadonlySet<number>;
  readonly evicted: readonly number[];
}

export interface PlannedDiskOptions extends Omit<ForecastCacheOptions, 'mayPush'> {
  /** A plan brings what is not there; `onPush` is told of top-ups alone. */
  readonly onFetch: (object: number) => void;
}

export function makePlannedDisk({ onFetch, ...options }: PlannedDiskOptions): PlannedDisk {
  const { sizes, capacityBytes, onEvict } = options;
  const pinned = new Set<number>();
  const cache = makeForecastCache({ ...options, mayPush: (object) => !pinned.has(object) });
  const has = (object: number): boolean => pinned.has(object) || cache.has(object);
  return {
    cache,
    has,
    plan: (plan, timeS) => {
      for (const object of pinned) {
        if (plan.pinned.has(object)) continue;
        pinned.delete(object);
        cache.adopt(object, timeS);
      }
      for (const object of plan.evicted) {
        if (!cache.has(object)) continue;
        cache.release(object);
        onEvict(object);
      }
      let bytes = 0;
      for (const object of plan.pinned) {
        bytes += sizes.cells[object] ?? 0;
        if (pinned.has(object)) continue;
        if (!cache.has(object)) onFetch(object);
        cache.release(object);
        pinned.add(object);
      }
      cache.setCapacity(capacityBytes - bytes);
    },
    serve: (object, timeS, count) => {
      if (cache.ask(object, timeS, count) || pinned.has(object)) return 'held';
      return cache.offer(object, timeS) ? 'kept' : 'passed';
    },
  };
}
