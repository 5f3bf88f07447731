/** Whether what leaves is the rate, over any ten seconds: on a clock of its own, whose timers are late as those of busy machines are. */
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../shared/ports/clock.ts';
import { makeSharedRate } from './shared-rate.ts';

const never = new AbortController().signal;
const rateBps = 16e6;
/** As the timetable in Redis saves it up. */
const burstMs = 100;

/** Time goes on when nobody has anything to do before the next timer. */
function makeVirtualTime() {
  let nowMs = 0;
  let late = 0;
  const timers: { readonly atMs: number; readonly ring: () => void }[] = [];
  const clock: Clock = {
    now: () => nowMs,
    sleep: (ms) => {
      late = (late * 7 + 13) % 40;
      return new Promise((ring) => timers.push({ atMs: nowMs + ms + late, ring }));
    },
  };
  return {
    clock,
    async runUntil(endMs: number): Promise<void> {
      while (nowMs < endMs) {
        for (let turn = 0; turn < 50; turn += 1) await null;
        timers.sort((a, b) => a.atMs - b.atMs);
        const next = timers.shift();
        if (!next) return;
        nowMs = Math.max(nowMs, next.atMs);
        next.ring();
      }
    },
  };
}

function makeTimetable(clock: Clock) {
  let freeMs = 0;
  return {
    async enterRate(_region: string, bytes: number, bps: number): Promise<number> {
      freeMs = Math.max(freeMs, clock.now() - burstMs);
      const waitMs = Math.ceil(freeMs - clock.now());
      freeMs += (bytes * 8_000) / bps;
      return Math.max(0, waitMs);
    },
  };
}

describe('the rate of a region', () => {
  it.each([1, 3])(
    'is kept within 5%% over any ten seconds by %d workers, of which one is replaced',
    async (workers) => {
      const { clock, runUntil } = makeVirtualTime();
      const share = makeTimetable(clock);
      const sent: { readonly atMs: number; readonly bytes: number }[] = [];
      const pushing = (isOver: () => boolean): void => {
        const limiter = makeSharedRate({ share, regionId: 'r', rateBps, clock });
        const push = async (): Promise<void> => {
          while (!isOver()) {
            await limiter.take(limiter.grainBytes, never);
            if (!isOver()) sent.push({ atMs: clock.now(), bytes: limiter.grainBytes });
          }
        };
        for (let lane = 0; lane < 4; lane += 1) void push();
      };
      const killedAtMs = 17_000;
      pushing(() => clock.now() >= killedAtMs);
      for (let at = 1; at < workers; at += 1) pushing(() => false);
      await runUntil(killedAtMs);
      pushing(() => false);
      await runUntil(40_000);

      const bytesWithin = (fromMs: number): number =>
        sent.reduce((sum, { atMs, bytes }) => sum + (atMs > fromMs && atMs <= fromMs + 10_000 ? bytes : 0), 0);
      for (let fromMs = 0; fromMs <= 29_000; fromMs += 250) {
        const share = (bytesWithin(fromMs) * 8) / 10 / rateBps;
        expect(share, `from ${fromMs} ms`).toBeGreaterThan(0.95);
        expect(share, `from ${fromMs} ms`).toBeLessThan(1.05);
      }
    },
  );
});
