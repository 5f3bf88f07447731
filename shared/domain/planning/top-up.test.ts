import { describe, expect, it } from 'vitest';
import { makeFillGate } from './fill-gate.ts';
import { chooseTopUp, swapFactor } from './top-up.ts';

const dayS = 86_400;

describe('a top-up', () => {
  const choose = (expected: readonly number[], options: { budgetBytes?: number; leastHeld?: number } = {}) => {
    const taken: number[] = [];
    chooseTopUp({
      candidates: expected.map((each, object) => ({ object, expectedLog: Math.log(each), sizeBytes: 10 })),
      budgetBytes: options.budgetBytes ?? 100,
      isTrusted: (expectedLog) => expectedLog > 0,
      leastHeldLog: () => Math.log(options.leastHeld ?? 1e-9),
      take: ({ object }) => taken.push(object) > 0,
    });
    return taken;
  };

  it('takes the most wanted first, and no more than the budget', () => {
    expect(choose([2, 8, 4], { budgetBytes: 25 })).toEqual([1, 2]);
  });

  it('leaves what is not clearly worth more than what would leave for it', () => {
    expect(choose([swapFactor * 2.1, swapFactor * 1.9], { leastHeld: 2 })).toEqual([0]);
  });

  it('leaves what experience does not trust', () => {
    expect(choose([0.9, 1.1])).toEqual([1]);
  });
});

describe('the gate', () => {
  const teach = (days: number, askedShare: number) => {
    const gate = makeFillGate();
    for (let day = 0; day < days; day += 1) {
      gate.settle(day * dayS);
      for (let object = 0; object < 50; object += 1) {
        gate.watch(object, day * dayS, Math.log(4), 1e6);
        if (object < 50 * askedShare) gate.asked(object);
      }
    }
    gate.settle(days * dayS);
    return gate;
  };

  it('is closed until it has seen enough', () => {
    expect(makeFillGate().isOpen(Math.log(50))).toBe(false);
  });

  it('opens for what was asked for often enough, and for no other expectation', () => {
    const gate = teach(6, 0.98);
    expect(gate.isOpen(Math.log(4))).toBe(true);
    expect(gate.isOpen(Math.log(1))).toBe(false);
  });

  it('stays closed where a fifth was never asked for', () => {
    expect(teach(20, 0.8).isOpen(Math.log(4))).toBe(false);
  });

  it('closes again when experience turns', () => {
    const gate = teach(6, 1);
    for (let day = 7; day < 12; day += 1) {
      for (let object = 0; object < 50; object += 1) gate.watch(object, day * dayS, Math.log(4), 1e6);
      gate.settle((day + 1) * dayS);
    }
    expect(gate.isOpen(Math.log(4))).toBe(false);
  });
});
