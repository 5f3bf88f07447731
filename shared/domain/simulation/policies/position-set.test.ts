import fc from 'fast-check';
import { expect, it } from 'vitest';
import { makePositionSet } from './position-set.ts';

it('knows its largest member after any additions and removals', () => {
  const step = fc.record({ value: fc.nat({ max: 2_999 }), isRemoval: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const set = makePositionSet(3_000);
      const model = new Set<number>();
      for (const { value, isRemoval } of steps) {
        if (isRemoval) set.remove(value);
        else set.add(value);
        if (isRemoval) model.delete(value);
        else model.add(value);
        expect(set.largest()).toBe(Math.max(-1, ...model));
      }
    }),
  );
});
