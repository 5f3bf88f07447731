import fc from 'fast-check';
import { expect, it } from 'vitest';
import { makeObjectHeap } from './object-heap.ts';

it('always knows the least of what it holds', () => {
  const step = fc.record({ object: fc.nat({ max: 15 }), key: fc.nat({ max: 50 }), isRemoval: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = makeObjectHeap(16);
      const model = new Map<number, number>();
      for (const { object, key, isRemoval } of steps) {
        if (isRemoval) {
          heap.remove(object);
          model.delete(object);
        } else {
          heap.set(object, key);
          model.set(object, key);
        }
        expect(heap.size()).toBe(model.size);
        expect(heap.has(object)).toBe(model.has(object));
        if (model.size > 0) expect(model.get(heap.least())).toBe(Math.min(...model.values()));
        else expect(heap.least()).toBe(-1);
      }
    }),
  );
});
