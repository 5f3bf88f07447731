import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hash53, hashUnit } from './hash.ts';
import { firstAppliance, rankAppliances, rendezvousScore } from './rendezvous.ts';

const edges = (weights: readonly number[]) => weights.map((weight, index) => ({ id: `edge-${index}`, weight }));
const keys = (count: number): string[] => Array.from({ length: count }, (_, index) => `asset-${index}`);
const winner = (key: string, appliances: ReturnType<typeof edges>): string =>
  rankAppliances(key, appliances)[0]?.id ?? '';

describe('hash53', () => {
  it('never changes', () => {
    expect([hash53(''), hash53('a'), hash53('asset-1\u0000edge-1')]).toEqual([
      3338908027751811, 7929297801672961, 7907248532480058,
    ]);
  });

  it('stays inside its range and spreads evenly', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const hash = hash53(text);
        expect(Number.isSafeInteger(hash) && hash >= 0).toBe(true);
        expect(hashUnit(text)).toBeGreaterThan(0);
        expect(hashUnit(text)).toBeLessThan(1);
      }),
    );
    const buckets = new Array<number>(64).fill(0);
    for (const key of keys(64_000)) {
      const bucket = Math.floor(hashUnit(key) * 64);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    const chiSquared = buckets.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chiSquared).toBeLessThan(115); // 63 degrees of freedom, p ≈ 0.0001
  });
});

describe('rankAppliances', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 8 });

  it('names every appliance once, in an order that does not depend on the order given', () => {
    fc.assert(
      fc.property(fc.string(), weights, (key, list) => {
        const ranked = rankAppliances(key, edges(list));
        expect(ranked.map(({ id }) => id).sort()).toEqual(
          edges(list)
            .map(({ id }) => id)
            .sort(),
        );
        expect(rankAppliances(key, edges(list).reverse())).toEqual(ranked);
        expect(firstAppliance(key, edges(list))).toEqual(ranked[0]);
        expect(firstAppliance(key, edges(list.map(() => 0)).reverse())?.id).toBe('edge-0');
      }),
    );
  });

  it('moves only the keys of an appliance that leaves, each to its second choice', () => {
    fc.assert(
      fc.property(fc.string(), weights, fc.nat(), (key, list, pick) => {
        const all = edges(list);
        const gone = all[pick % all.length];
        const before = rankAppliances(key, all);
        const after = rankAppliances(
          key,
          all.filter((appliance) => appliance !== gone),
        );
        expect(after).toEqual(before.filter((appliance) => appliance !== gone));
      }),
    );
  });

  it('moves keys only towards an appliance whose weight grows', () => {
    fc.assert(
      fc.property(fc.string(), weights, fc.nat(), (key, list, pick) => {
        const index = pick % list.length;
        const heavier = edges(list.map((weight, at) => (at === index ? weight * 2 : weight)));
        const before = winner(key, edges(list));
        const after = winner(key, heavier);
        expect(after === before || after === `edge-${index}`).toBe(true);
      }),
    );
  });

  it('moves about one key in n when one of n equal appliances comes or leaves', () => {
    const sample = keys(20_000);
    for (const count of [2, 4, 10]) {
      const all = edges(new Array<number>(count).fill(1));
      const fewer = all.slice(0, -1);
      const moved = sample.filter((key) => winner(key, all) !== winner(key, fewer)).length / sample.length;
      expect(moved).toBeLessThan(1 / count + 0.012);
      expect(moved).toBeGreaterThan(1 / count - 0.012);
    }
  });

  it('gives each appliance its share by weight', () => {
    const list = [1, 2, 5, 0.5];
    const total = list.reduce((sum, weight) => sum + weight, 0);
    const sample = keys(20_000);
    const wins = new Map<string, number>();
    for (const key of sample) wins.set(winner(key, edges(list)), (wins.get(winner(key, edges(list))) ?? 0) + 1);
    for (const [index, weight] of list.entries()) {
      expect((wins.get(`edge-${index}`) ?? 0) / sample.length).toBeCloseTo(weight / total, 1.8);
    }
  });

  it('puts a weight that is not above zero last', () => {
    expect(rendezvousScore('a', { id: 'x', weight: 0 })).toBe(Number.NEGATIVE_INFINITY);
    expect(rankAppliances('a', edges([0, 1])).at(-1)?.id).toBe('edge-0');
  });
});
