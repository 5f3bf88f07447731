import type { Clock } from '../../../shared/ports/clock.ts';

export interface VirtualClock extends Clock {
  /** Lets time pass: who sleeps wakes in order, and does what follows before the next wakes. */
  advance(ms: number): Promise<void>;
  /** Sets the clock without anybody waking, as an operator or NTP does. */
  step(ms: number): void;
}

/** A clock that stands still until it is told otherwise. */
export function makeVirtualClock(startMs = 1_000_000): VirtualClock {
  let nowMs = startMs;
  const sleepers = new Set<{ readonly atMs: number; readonly wake: () => void }>();
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

  async function advance(ms: number): Promise<void> {
    const untilMs = nowMs + ms;
    for (;;) {
      await turn();
      const [next] = [...sleepers].filter(({ atMs }) => atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs);
      if (!next) break;
      nowMs = Math.max(nowMs, next.atMs);
      sleepers.delete(next);
      next.wake();
    }
    nowMs = untilMs;
    await turn();
  }

  return {
    now: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const sleeper = { atMs: nowMs + ms, wake: resolve };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', () => {
          sleepers.delete(sleeper);
          reject(signal.reason);
        });
      }),
    advance,
    step(ms) {
      nowMs += ms;
    },
  };
}
