/**
 * Lets fills have what viewers leave: how many slices of fills are stored at once, and how long each is followed by a
 * pause.
 *
 * Without viewers a fill is as fast as it comes. While there are any, two slices at a time, which leaves half of the
 * threads that Node has for files to those who read; and where viewers wait longer than `tolerableMs`, because the event
 * loop has no time for them or the disk has none, a pause that doubles four times a second until they no longer do. It
 * ends at half a second, so that a fill goes on whatever happens: four slices a second.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../../shared/ports/clock.ts';

export interface FillPace {
  /** Runs the storing of one slice when it is its turn. */
  turn<T>(store: () => Promise<T>): Promise<T>;
  /** A viewer had the first byte of what is held after so long. */
  served(waitedMs: number): void;
  /** Decides on the next quarter of a second; called by itself while there are fills. */
  decide(): void;
  readonly pauseMs: number;
}

export interface FillPaceDeps {
  readonly clock: Clock;
  /** Longest wait of the event loop since the last call. */
  readonly takeLoopDelayMs: () => number;
}

const decideEveryMs = 250;
const tolerableMs = 15;
const firstPauseMs = 8;
const longestPauseMs = 500;
const atOnceWithViewers = 2;
/** Each holds a slice. */
const atOnceAlone = 16;

export function makeFillPace({ clock, takeLoopDelayMs }: FillPaceDeps): FillPace {
  const waiting: (() => void)[] = [];
  let running = 0;
  let pauseMs = 0;
  let viewers = 0;
  let slowestMs = 0;
  let hasViewers = false;
  let timer: NodeJS.Timeout | null = null;

  function decide(): void {
    const waitedMs = Math.max(takeLoopDelayMs(), slowestMs);
    hasViewers = viewers > 0;
    if (hasViewers && waitedMs > tolerableMs) pauseMs = Math.min(longestPauseMs, Math.max(firstPauseMs, pauseMs * 2));
    else pauseMs = pauseMs > firstPauseMs ? pauseMs / 2 : 0;
    viewers = 0;
    slowestMs = 0;
    release();
    if (running > 0 || waiting.length > 0 || !timer) return;
    clearInterval(timer);
    timer = null;
  }

  function begin(): void {
    if (timer) return;
    // What was before the fill is not its doing.
    takeLoopDelayMs();
    timer = setInterval(decide, decideEveryMs).unref();
  }

  function release(): void {
    while (waiting.length > 0 && running < (hasViewers ? atOnceWithViewers : atOnceAlone)) {
      running += 1;
      waiting.shift()?.();
    }
  }

  return {
    async turn(store) {
      begin();
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push(resolve);
      release();
      await promise;
      try {
        return await store();
      } finally {
        // The fill waits, and whoever stored this slice does not.
        void (pauseMs > 0 ? clock.sleep(pauseMs) : Promise.resolve()).then(() => {
          running -= 1;
          release();
        });
      }
    },
    served(waitedMs) {
      viewers += 1;
      if (waitedMs > slowestMs) slowestMs = waitedMs;
    },
    decide,
    get pauseMs() {
      return pauseMs;
    },
  };
}

const resolutionMs = 10;

/** Of this process; what it measures with costs no time of the event loop. */
export function watchLoopDelay(): () => number {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  return () => {
    const delayMs = histogram.max / 1e6 - resolutionMs;
    histogram.reset();
    return Math.max(0, delayMs);
  };
}
