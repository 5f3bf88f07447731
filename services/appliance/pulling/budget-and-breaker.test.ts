import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWorthFinishing } from './abandonment.ts';
import { type BreakerState, makeBreaker, type Ticket } from './breaker.ts';
import { makeDelays } from './delays.ts';
import { makeShareBudget } from './share-budget.ts';

const runs = { numRuns: 200 };

describe('a budget of extra requests', () => {
  it('never gives more than its share of what was asked, whenever one looks', () => {
    const steps = fc.array(
      fc.record({ waitMs: fc.integer({ min: 0, max: 900 }), asked: fc.nat(20), wanted: fc.nat(10) }),
      { maxLength: 120 },
    );
    fc.assert(
      fc.property(steps, fc.constantFrom(0.05, 0.1, 0.2), fc.nat(4), (list, share, least) => {
        let nowMs = 50_000;
        const budget = makeShareBudget({ share, least, windowMs: 10_000, now: () => nowMs });
        const asked: number[] = [];
        const taken: number[] = [];
        for (const step of list) {
          nowMs += step.waitMs;
          for (let i = 0; i < step.asked; i += 1) {
            asked.push(nowMs);
            budget.asked();
          }
          for (let i = 0; i < step.wanted; i += 1) if (budget.take()) taken.push(nowMs);
          const within = (list: readonly number[], ms: number) => list.filter((atMs) => atMs > nowMs - ms).length;
          expect(within(taken, 9_000)).toBeLessThanOrEqual(Math.max(least, share * within(asked, 10_000)));
        }
      }),
      runs,
    );
  });

  it('gives the least again after a window, and after the clock was set back', () => {
    let nowMs = 1e6;
    const budget = makeShareBudget({ share: 0.1, least: 2, windowMs: 10_000, now: () => nowMs });
    const takeAll = () => [budget.take(), budget.take(), budget.take()];
    expect(takeAll()).toEqual([true, true, false]);
    nowMs += 10_001;
    expect(takeAll()).toEqual([true, true, false]);
    nowMs -= 3_600_000;
    expect(takeAll()).toEqual([true, true, false]);
  });
});

describe('a circuit breaker', () => {
  const rules = { windowMs: 10_000, leastRequests: 4, failureShare: 0.5, restMs: 1_000, maxRestMs: 8_000 };
  const setUp = () => {
    let nowMs = 1e6;
    const states: BreakerState[] = [];
    const breaker = makeBreaker({ ...rules, now: () => nowMs, onChange: (state) => states.push(state) });
    return {
      breaker,
      states,
      wait: (ms: number) => {
        nowMs += ms;
      },
    };
  };
  const failAll = (breaker: ReturnType<typeof makeBreaker>, count: number) => {
    for (let i = 0; i < count; i += 1) breaker.enter()?.failed();
  };

  it('opens after a share of failures, lets one try after its rest, and closes when that succeeds', () => {
    const { breaker, states, wait } = setUp();
    failAll(breaker, 3);
    expect(breaker.state).toBe('closed');
    failAll(breaker, 1);
    expect([breaker.state, breaker.enter(), breaker.restsForMs]).toEqual(['open', null, 1_000]);
    wait(1_000);
    const probe = breaker.enter();
    expect([probe === null, breaker.enter()]).toEqual([false, null]);
    probe?.succeeded();
    expect(breaker.state).toBe('closed');
    expect(states).toEqual(['open', 'half-open', 'closed']);
  });

  it('rests twice as long each time that one fails, up to a limit, and tries again where nobody waited', () => {
    const { breaker, wait } = setUp();
    failAll(breaker, 4);
    for (const restMs of [1_000, 2_000, 4_000, 8_000, 8_000]) {
      expect(breaker.restsForMs).toBe(restMs);
      wait(restMs);
      breaker.enter()?.cancelled();
      breaker.enter()?.failed();
    }
  });

  it('does not rest for an hour because the clock was set back by one', () => {
    const { breaker, wait } = setUp();
    failAll(breaker, 4);
    wait(-3_600_000);
    expect(breaker.enter()).not.toBeNull();
  });

  it('whatever comes: one try at a time when half-open, none when open, and no late answer changes anything', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 4_000 }) }),
      fc.record({ kind: fc.constant('enter' as const) }),
      fc.record({
        kind: fc.constant('end' as const),
        which: fc.nat(50),
        how: fc.constantFrom('succeeded' as const, 'failed' as const, 'cancelled' as const),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { breaker, states, wait } = setUp();
        const open: { readonly ticket: Ticket; readonly era: number }[] = [];
        for (const one of steps) {
          const before = breaker.state;
          if (one.kind === 'wait') wait(one.ms);
          else if (one.kind === 'enter') {
            const rested = breaker.restsForMs === 0;
            const ticket = breaker.enter();
            if (before === 'open' && !rested) expect(ticket).toBeNull();
            if (before === 'closed') expect(ticket).not.toBeNull();
            if (ticket) open.push({ ticket, era: states.length });
          } else {
            const [ended] = open.splice(one.which % Math.max(1, open.length), 1);
            const isLate = ended && ended.era !== states.length;
            ended?.ticket[one.how]();
            if (isLate) expect(breaker.state).toBe(before);
          }
          const trying = open.filter(({ era }) => era === states.length).length;
          if (breaker.state === 'half-open') expect(trying).toBeLessThanOrEqual(1);
          if (breaker.state === 'open') expect(breaker.restsForMs).toBeLessThanOrEqual(rules.maxRestMs);
        }
      }),
      runs,
    );
  });
});

describe('what is known of delays', () => {
  it('is nothing at first, and then a value that most of the latest stayed below', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 10_000 }), { maxLength: 300 }), (times) => {
        const delays = makeDelays();
        for (const ms of times) delays.record(ms);
        const p95 = delays.p95Ms();
        const latest = times.slice(-64);
        if (latest.length < 16) {
          expect(p95).toBeNull();
          return;
        }
        const limit = p95 ?? -1;
        expect(latest).toContain(limit);
        expect(latest.filter((ms) => ms <= limit).length).toBeGreaterThanOrEqual(latest.length * 0.95);
        expect(latest.filter((ms) => ms < limit).length).toBeLessThan(latest.length * 0.95);
      }),
      runs,
    );
  });
});

describe('a pull that all have left', () => {
  it('never throws half of a slice away, and never fetches a whole one for a single viewer', () => {
    const progress = fc
      .record({ sizeBytes: fc.integer({ min: 1, max: 4 << 20 }), share: fc.double({ min: 0, max: 1, noNaN: true }) })
      .map(({ sizeBytes, share }) => ({ sizeBytes, arrivedBytes: Math.floor(sizeBytes * share) }));
    fc.assert(
      fc.property(progress, fc.nat(60_000), fc.integer({ min: 1, max: 3 }), (one, arrivingMs, askers) => {
        const goesOn = isWorthFinishing({ ...one, arrivingMs, askers });
        if (askers > 1 || one.arrivedBytes * 2 >= one.sizeBytes) expect(goesOn).toBe(true);
        else if (one.arrivedBytes === 0) expect(goesOn).toBe(false);
        else {
          const leftMs = ((one.sizeBytes - one.arrivedBytes) / one.arrivedBytes) * Math.max(1, arrivingMs);
          if (Math.abs(leftMs - 1_000) > 1) expect(goesOn).toBe(leftMs < 1_000);
        }
      }),
      runs,
    );
  });
});
