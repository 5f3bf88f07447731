/** How fast bytes left: now, at most, and on average while anything was being pushed. */
import type { Clock } from '../../shared/ports/clock.ts';

export interface RateMeter {
  add(bytes: number): void;
  /** A push begins; the returned function ends it. */
  begin(): () => void;
  /** Bits a second over the last whole seconds. */
  nowBps(): number;
  /** Bits a second in the best whole second; never below the mean. */
  peakBps(): number;
  meanBps(): number;
}

const secondMs = 1_000;

export function makeRateMeter(clock: Clock): RateMeter {
  const startMs = clock.now();
  let second = 0;
  let bytesThisSecond = 0;
  let bytesLastSecond = 0;
  let bestSecondBytes = 0;
  let totalBytes = 0;
  let active = 0;
  let activeSinceMs = 0;
  let activeMs = 0;

  const turn = (): void => {
    const now = Math.floor((clock.now() - startMs) / secondMs);
    if (now === second) return;
    bestSecondBytes = Math.max(bestSecondBytes, bytesThisSecond);
    bytesLastSecond = now === second + 1 ? bytesThisSecond : 0;
    bytesThisSecond = 0;
    second = now;
  };
  const meanBps = (): number => {
    const ms = activeMs + (active > 0 ? clock.now() - activeSinceMs : 0);
    return totalBytes === 0 ? 0 : (totalBytes * 8_000) / Math.max(1, ms);
  };

  return {
    add(bytes) {
      turn();
      bytesThisSecond += bytes;
      totalBytes += bytes;
    },
    begin() {
      if (active === 0) activeSinceMs = clock.now();
      active += 1;
      let ended = false;
      return () => {
        if (ended) return;
        ended = true;
        active -= 1;
        if (active === 0) activeMs += clock.now() - activeSinceMs;
      };
    },
    nowBps() {
      turn();
      return second === 0 ? meanBps() : bytesLastSecond * 8;
    },
    peakBps() {
      turn();
      return Math.max(bestSecondBytes * 8, meanBps());
    },
    meanBps,
  };
}
