import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeValuedCache } from './valued-cache.ts';

describe('the cache by values', () => {
  it('takes what is worth more than all that must leave, and nothing else', () => {
    const evicted: number[] = [];
    const cache = makeValuedCache({
      capacityBytes: 10,
      sizes: { cells: Float64Array.of(4, 4, 8, 2) },
      onEvict: (object) => evicted.push(object),
    });
    expect(cache.offer(0, 1)).toBe(true);
    expect(cache.offer(1, 5)).toBe(true);
    // Object 2 needs the room of both, and 1 is worth more: nothing leaves.
    expect(cache.offer(2, 3)).toBe(false);
    expect(evicted).toEqual([]);
    expect(cache.offer(3, 2)).toBe(true);
    expect(cache.offer(2, 6)).toBe(true);
    expect(evicted.sort()).toEqual([0, 1]);
    expect(cache.has(3)).toBe(true);
  });

  it('never holds too much, never lets go of what is pinned, and only of what is worth less', () => {
    const step = fc.record({
      object: fc.nat({ max: 9 }),
      value: fc.double({ min: -5, max: 5, noNaN: true }),
      action: fc.constantFrom('offer', 'offer', 'revalue', 'pin', 'unpin'),
    });
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 10, maxLength: 10 });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 150 }),
        sizes,
        fc.integer({ min: 1, max: 25 }),
        (steps, list, capacity) => {
          const held = new Map<number, number>();
          const pinned = new Set<number>();
          let coming = Number.POSITIVE_INFINITY;
          const cache = makeValuedCache({
            capacityBytes: capacity,
            sizes: { cells: Float64Array.from(list) },
            onEvict: (object) => {
              expect(pinned.has(object)).toBe(false);
              expect(held.get(object)).toBeLessThanOrEqual(coming);
              expect(held.delete(object)).toBe(true);
            },
          });
          for (const { object, value, action } of steps) {
            if (action === 'offer' && !held.has(object)) {
              coming = value;
              if (cache.offer(object, value)) held.set(object, value);
            } else if (action === 'revalue' && held.has(object)) {
              cache.revalue(object, value);
              held.set(object, value);
            } else if (action === 'pin' && held.has(object)) {
              cache.pin(object);
              pinned.add(object);
            } else if (action === 'unpin') {
              cache.unpin(object);
              pinned.delete(object);
            }
            for (let each = 0; each < 10; each += 1) expect(cache.has(each)).toBe(held.has(each));
            const bytes = [...held.keys()].reduce((sum, each) => sum + (list[each] ?? 0), 0);
            expect(cache.usedBytes()).toBe(bytes);
            expect(bytes).toBeLessThanOrEqual(capacity);
          }
        },
      ),
    );
  });
});
