import { describe, expect, it } from 'vitest';
import type { Clock } from '../../shared/ports/clock.ts';
import { makePatience } from './patience.ts';
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
    expect(wordsFor([{ reason: 'appliance-slow', heldBy: 'e2' }])).toContain('took 1 of them');
  });
});
