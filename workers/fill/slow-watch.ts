/**
 * Finds an appliance that keeps a fill from ending within its window: all others are done, so the whole rate is its own,
 * and yet it takes less than half of it and what is left would not fit into the window any more.
 */
import type { Clock } from '../../shared/ports/clock.ts';

export interface SlowWatch {
  began(applianceId: string): void;
  /** A batch that began at `beganMs` has ended. */
  stored(applianceId: string, bytes: number, beganMs: number): void;
  ended(applianceId: string): void;
  isTooSlow(applianceId: string, openBytes: number): boolean;
}

export function makeSlowWatch(options: {
  readonly clock: Clock;
  readonly endsAtMs: number | null;
  /** Bits a second of the region. */
  readonly rateBps: number;
  /** How long it is watched alone first. */
  readonly afterMs: number;
}): SlowWatch {
  const { clock, endsAtMs, rateBps, afterMs } = options;
  const busy = new Set<string>();
  let begun = 0;
  let alone: { readonly id: string; readonly sinceMs: number; bytes: number } | null = null;

  const look = (): void => {
    const [only] = busy;
    if (busy.size !== 1 || only === undefined || begun < 2) alone = null;
    else if (alone?.id !== only) alone = { id: only, sinceMs: clock.now(), bytes: 0 };
  };

  return {
    began(id) {
      begun += 1;
      busy.add(id);
      look();
    },
    stored(id, bytes, beganMs) {
      if (alone?.id !== id) return;
      const ms = Math.max(1, clock.now() - beganMs);
      alone.bytes += (bytes * Math.min(ms, clock.now() - alone.sinceMs)) / ms;
    },
    ended(id) {
      busy.delete(id);
      look();
    },
    isTooSlow(id, openBytes) {
      if (endsAtMs === null || alone?.id !== id) return false;
      const ms = clock.now() - alone.sinceMs;
      const bytesPerMs = alone.bytes / Math.max(1, ms);
      return (
        ms >= afterMs &&
        bytesPerMs < rateBps / 8_000 / 2 &&
        bytesPerMs * Math.max(0, endsAtMs - clock.now()) < openBytes
      );
    },
  };
}
