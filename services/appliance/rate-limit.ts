/** So many a second for each name, and a burst on top (GCRA): one number a name, in two halves that age. */
export interface RateLimit {
  /** False when the name has used up what it may. */
  take(name: string, nowMs: number): boolean;
}

const maxNames = 50_000;

/** `perSecond` 0 means without limit. The burst is what comes together in `burstS` seconds. */
export function makeRateLimit(perSecond: number, burstS: number): RateLimit {
  if (perSecond === 0) return { take: () => true };
  const stepMs = 1_000 / perSecond;
  const burstMs = burstS * 1_000;
  let young = new Map<string, number>();
  let old = new Map<string, number>();

  return {
    take(name, nowMs) {
      // When the next one would be due if all came evenly.
      const dueMs = Math.max(young.get(name) ?? old.get(name) ?? 0, nowMs);
      if (dueMs - nowMs > burstMs) return false;
      if (young.size >= maxNames) {
        old = young;
        young = new Map();
      }
      young.set(name, dueMs + stepMs);
      return true;
    },
  };
}
