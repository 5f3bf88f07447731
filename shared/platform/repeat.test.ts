import { describe, expect, it } from 'vitest';
import type { Clock } from '../ports/clock.ts';
import { systemClock } from './clock.ts';
import { makeLogger } from './logger.ts';
import { repeat } from './repeat.ts';

const logger = makeLogger('test', 'silent');
/** Sleeps end at once, but let others run. */
const clock: Clock = { now: () => 0, sleep: (_ms, signal) => systemClock.sleep(1, signal) };

describe('repeat', () => {
  it('goes on after a failed round and never runs two at once', async () => {
    let rounds = 0;
    let running = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = repeat({
      name: 'test',
      everyMs: 1_000,
      clock,
      logger,
      task: async () => {
        expect(++running).toBe(1);
        rounds += 1;
        await systemClock.sleep(2);
        running -= 1;
        if (rounds === 5) resolve();
        throw new Error('each round fails');
      },
    });
    await promise;
    await stop();
    expect(rounds).toBeGreaterThanOrEqual(5);
  });

  it('tells the running round to end, waits for it, and begins none after', async () => {
    let rounds = 0;
    let ended = false;
    const stop = repeat({
      name: 'test',
      everyMs: 1,
      clock,
      logger,
      task: async (signal) => {
        rounds += 1;
        await systemClock.sleep(60_000, signal).catch(() => undefined);
        ended = true;
      },
    });
    await stop();
    expect(ended).toBe(true);
    expect(rounds).toBe(1);
  });
});
