import { describe, expect, it } from 'vitest';
import type { Clock } from '../../shared/ports/clock.ts';
import { makeNightBudget } from './night-budget.ts';
import { makePatience } from './patience.ts';
import { makeRegionTurns } from './region-turns.ts';
import { stateOf, wordsFor } from './verdict.ts';

function sleepingClock(): Clock {
  let nowMs = 0;
  return {
    now: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
    },
  };
}
const always = (): boolean => true;
const never = new AbortController().signal;
const rejecting = () => Promise.reject(new Error('away'));

describe('makePatience', () => {
  it('tries again until it works', async () => {
    let tries = 0;
    const patience = makePatience(10_000, sleepingClock());
    const attempt = async () => {
      tries += 1;
      if (tries < 4) throw new Error('away');
      return 'there';
    };
    expect(await patience.run(attempt, always, never)).toBe('there');
    expect(patience.exhausted).toBe(false);
  });

  it('ends after its time, and refuses the next caller at once', async () => {
    const clock = sleepingClock();
    const patience = makePatience(10_000, clock);
    await expect(patience.run(rejecting, always, never)).rejects.toThrow('away');
    expect(clock.now()).toBeLessThanOrEqual(10_000);
    expect(clock.now()).toBeGreaterThan(4_000);
    let asked = 0;
    const count = async () => {
      asked += 1;
    };
    await expect(patience.run(count, always, never)).rejects.toThrow('away');
    expect(asked).toBe(0);
  });

  it('does not repeat what is no passing failure', async () => {
    const clock = sleepingClock();
    await expect(makePatience(10_000, clock).run(rejecting, () => false, never)).rejects.toThrow('away');
    expect(clock.now()).toBe(0);
  });
});

describe('makeNightBudget', () => {
  it('counts what left, and gives back what was set aside and not sent', () => {
    const budget = makeNightBudget(100);
    expect(budget.reserve(60)).toBe(true);
    expect(budget.reserve(60)).toBe(false);
    budget.settle(60, 10);
    expect(budget.reserve(90)).toBe(true);
    expect(budget.reserve(1)).toBe(false);
  });
});

describe('makeRegionTurns', () => {
  it('lets one fill of a region run at a time, and others beside it', async () => {
    const turns = makeRegionTurns();
    const giveFirst = await turns.take('a', never);
    const giveOther = await turns.take('b', never);
    let second = false;
    const taken = turns.take('a', never).then((give) => {
      second = true;
      return give;
    });
    await Promise.resolve();
    expect(second).toBe(false);
    giveFirst();
    (await taken)();
    giveOther();
  });

  it('passes over a waiting fill that is cancelled', async () => {
    const turns = makeRegionTurns();
    const give = await turns.take('a', never);
    const stop = new AbortController();
    const waiting = turns.take('a', stop.signal);
    const third = turns.take('a', never);
    stop.abort(new Error('cancelled'));
    await expect(waiting).rejects.toThrow('cancelled');
    give();
    (await third)();
  });
});

describe('stateOf and wordsFor', () => {
  const count = (files: number) => ({ files, bytes: files });
  const result = (pushed: number) => [
    {
      applianceId: 'e',
      planned: count(9),
      pushed: count(pushed),
      skipped: count(0),
      failed: count(0),
      evicted: count(0),
    },
  ];

  it('tells a whole fill from a partial, a cancelled and a failed one', () => {
    expect(stateOf([], result(1))).toBe('completed');
    expect(stateOf([{ reason: 'asset-deleted' }], result(0))).toBe('completed');
    expect(stateOf([{ reason: 'window-ended' }], result(0))).toBe('incomplete');
    expect(stateOf([{ reason: 'appliance-unreachable' }], result(1))).toBe('incomplete');
    expect(stateOf([{ reason: 'appliance-unreachable' }], result(0))).toBe('failed');
    expect(stateOf([{ reason: 'appliance-unreachable' }, { reason: 'cancelled' }], result(1))).toBe('cancelled');
  });

  it('says how many, why, and how to mend it', () => {
    expect(wordsFor([])).toBeNull();
    expect(wordsFor([{ reason: 'window-ended' }, { reason: 'window-ended' }, { reason: 'appliance-full' }])).toBe(
      '3 files were not pushed: 2 × window-ended (the next fill goes on; a longer window or a higher rate brings more); ' +
        '1 × appliance-full (raise the capacity of the appliances or free their disks).',
    );
  });
});
