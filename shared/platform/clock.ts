import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../ports/clock.ts';

/** The machine's own time, which is set forward and back. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    signal?.throwIfAborted();
    await delay(ms, undefined, signal ? { signal } : {}).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    });
  },
};

/** Time that nobody sets, for how long things take and last: near Unix time at the start of the process, and even from there. */
export const steadyClock: Clock = { ...systemClock, now: () => performance.timeOrigin + performance.now() };
