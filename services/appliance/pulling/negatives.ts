import { LRUCache } from 'lru-cache';
import type { PullError } from '../upstream.ts';

/**
 * What upstreams lately said does not exist, was deleted, or could not be had as it was published.
 *
 * Remembered for seconds only: asking again and again for what is not there costs one question a while. Of slices alone,
 * which a manifest names: documents that can appear at any time are growing-versions.ts's to remember.
 */
export interface Negatives {
  note(key: string, error: PullError): void;
  find(key: string): PullError | null;
}

const rememberedMs: Partial<Record<PullError['code'], number>> = { 'not-found': 1_000, gone: 3_000, mismatch: 1_000 };
const maxKeys = 4_096;

export function makeNegatives(now: () => number): Negatives {
  const known = new LRUCache<string, { readonly error: PullError; readonly fromMs: number; readonly forMs: number }>({
    max: maxKeys,
  });
  return {
    note(key, error) {
      const forMs = rememberedMs[error.code];
      if (forMs !== undefined) known.set(key, { error, fromMs: now(), forMs });
    },
    find(key) {
      if (known.size === 0) return null;
      const found = known.get(key);
      if (!found) return null;
      const passedMs = now() - found.fromMs;
      if (passedMs >= 0 && passedMs < found.forMs) return found.error;
      known.delete(key);
      return null;
    },
  };
}
