import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeRateLimit } from './rate-limit.ts';

describe('a rate limit', () => {
  it('lets its burst and its rate through, whenever they come, and never more', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 200 }), { minLength: 1, maxLength: 400 }), (gapsMs) => {
        const limit = makeRateLimit(10, 2);
        let nowMs = 1_000;
        let taken = 0;
        for (const gap of gapsMs) {
          nowMs += gap;
          if (limit.take('a', nowMs)) taken += 1;
          expect(taken).toBeLessThanOrEqual(10 * 2 + ((nowMs - 1_000) / 1_000) * 10 + 2);
        }
      }),
    );
    const limit = makeRateLimit(10, 2);
    for (let i = 0; i < 100; i += 1) expect(limit.take('a', 1_000 + i * 100)).toBe(true);
  });

  it('knows names apart, and none at all when it is off', () => {
    const limit = makeRateLimit(1, 1);
    while (limit.take('a', 0));
    expect(limit.take('b', 0)).toBe(true);
    const off = makeRateLimit(0, 1);
    for (let i = 0; i < 1_000; i += 1) expect(off.take('a', 0)).toBe(true);
  });
});
