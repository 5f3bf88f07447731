/** One fill of a region at a time in this process: rate and night are the region's, not the fill's. */
export interface RegionTurns {
  /** Waits for the region's turn; the returned function gives it back. Rejects with the signal's reason. */
  take(regionId: string, signal: AbortSignal): Promise<() => void>;
}

export function makeRegionTurns(): RegionTurns {
  const last = new Map<string, Promise<void>>();
  return {
    async take(regionId, signal) {
      signal.throwIfAborted();
      const before = last.get(regionId) ?? Promise.resolve();
      let give: () => void = () => undefined;
      const mine = new Promise<void>((resolve) => {
        give = resolve;
      });
      const tail = before.then(() => mine);
      last.set(regionId, tail);
      void tail.then(() => {
        if (last.get(regionId) === tail) last.delete(regionId);
      });
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
      try {
        await Promise.race([before, aborted]);
        return give;
      } catch (error) {
        give();
        throw error;
      }
    },
  };
}
