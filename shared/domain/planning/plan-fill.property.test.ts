import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { appliance, audienceOf, type Case, inventoryOf, keysOf, plan, version } from '../../testing/plan-case.ts';
import { rankAppliances } from '../routing/rendezvous.ts';
import { copiesOf, usableBytes } from './limits.ts';
import { copiesInPlan } from './plan-fill.ts';

const caseArbitrary: fc.Arbitrary<Case> = fc
  .record({
    sizes: fc.array(fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 6 }), { maxLength: 8 }),
    demand: fc.array(fc.nat(1e6), { minLength: 8, maxLength: 8 }),
    capacities: fc.array(fc.integer({ min: 1, max: 200_000 }), { maxLength: 4 }),
    heldShare: fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }),
    junkBytes: fc.nat(50_000),
    bytesPerNight: fc.nat(300_000),
    spentBytes: fc.nat(100_000),
    curve: fc.option(fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { minLength: 20, maxLength: 20 })),
  })
  .map(({ sizes, demand, capacities, heldShare, junkBytes, bytesPerNight, spentBytes, curve }) => {
    const versions = sizes.map((list, index) => version(`a${index}`, { v: list }));
    return {
      versions,
      demand: Object.fromEntries(sizes.map((_, index) => [`a${index}`, demand[index] ?? 0])),
      appliances: capacities.map((capacityBytes, index) => {
        let stored = junkBytes;
        const inventory = [{ key: 'junk/v1/x.m4s', heldBytes: junkBytes }];
        const wanted = versions.flatMap(inventoryOf).filter((_, at) => heldShare[(at + index) % 7]);
        for (const object of wanted) {
          if (stored + object.heldBytes > capacityBytes) continue;
          inventory.push(object);
          stored += object.heldBytes;
        }
        return { appliance: appliance(`e${index}`, capacityBytes), inventory };
      }),
      budget: { bytesPerNight },
      spentBytes,
      ...(curve?.some((one) => one > 0.01) ? { audience: audienceOf(curve) } : {}),
    };
  });

describe('planFill, for any input', () => {
  it('keeps every hard limit and contradicts itself nowhere', () => {
    fc.assert(
      fc.property(caseArbitrary, (c) => {
        const p = plan(c);
        const kept = new Set(p.appliances.flatMap(({ keep, lend }) => [...keysOf(keep), ...keysOf(lend)]));
        const across = new Map(
          p.appliances.flatMap(({ fetch }) =>
            fetch.filter(({ key }) => !kept.has(key)).map(({ key, sizeBytes }) => [key, sizeBytes]),
          ),
        );
        const acrossBytes = [...across.values()].reduce((sum, size) => sum + size, 0);
        expect(p.crossingBytes).toBe(acrossBytes);
        expect(acrossBytes).toBeLessThanOrEqual(Math.max(0, (c.budget?.bytesPerNight ?? 0) - (c.spentBytes ?? 0)));
        for (const one of p.appliances) {
          const inventory = new Map(
            c.appliances
              .find(({ appliance: a }) => a.id === one.applianceId)
              ?.inventory.map((o) => [o.key, o.heldBytes]),
          );
          const stored = [...inventory.values()].reduce((sum, bytes) => sum + bytes, 0);
          const bytes = (files: readonly { readonly sizeBytes: number }[]) =>
            files.reduce((sum, f) => sum + f.sizeBytes, 0);
          expect(bytes(one.keep) + bytes(one.fetch)).toBeLessThanOrEqual(usableBytes(one.capacityBytes));
          if (stored <= one.capacityBytes) {
            const partly = one.fetch.reduce((sum, f) => sum + (inventory.get(f.key) ?? 0), 0);
            expect(stored + bytes(one.fetch) - partly - bytes(one.evict)).toBeLessThanOrEqual(one.capacityBytes);
          }
          expect(bytes(one.keep) + bytes(one.fetch) + bytes(one.lend)).toBeLessThanOrEqual(one.capacityBytes);
          const others = new Set(p.appliances.filter((other) => other !== one).flatMap(({ fetch }) => keysOf(fetch)));
          for (const { key, sizeBytes } of one.lend) {
            expect(inventory.get(key)).toBe(sizeBytes);
            expect(others.has(key)).toBe(true);
          }
          const mentioned = [...keysOf(one.fetch), ...keysOf(one.keep), ...keysOf(one.evict), ...keysOf(one.lend)];
          expect(new Set(mentioned).size).toBe(mentioned.length);
          expect(one.keep.every((f) => inventory.get(f.key) === f.sizeBytes)).toBe(true);
          expect(one.evict.every(({ key }) => inventory.has(key))).toBe(true);
          const cheapest = Math.min(...one.fetch.map(({ value }) => value));
          const dearest = Math.max(...one.evict.map(({ value }) => value));
          if (one.fetch.length > 0 && one.evict.length > 0) expect(dearest).toBeLessThanOrEqual(cheapest);
          const manifests = new Set(
            [...keysOf(one.keep), ...keysOf(one.fetch)]
              .filter((key) => key.endsWith('/asset.json'))
              .map((key) => key.split('/')[0]),
          );
          for (const { assetId } of one.fetch) expect(manifests.has(assetId)).toBe(true);
        }
        expect(p.plannedCoverage).toBeGreaterThanOrEqual(0);
        expect(p.plannedCoverage).toBeLessThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
  });

  it('brings what crosses to every place that is to have it, where disks are large: further copies cost the night nothing', () => {
    fc.assert(
      fc.property(caseArbitrary, (c) => {
        const large = c.appliances.map((one) => ({ appliance: appliance(one.appliance.id, 1e9), inventory: [] }));
        const p = plan({ ...c, appliances: large });
        const held = new Map(
          p.appliances.map((one) => [one.applianceId, new Set(keysOf([...one.keep, ...one.fetch]))]),
        );
        for (const [assetId, count] of copiesInPlan(p)) {
          const wanted = copiesOf(c.demand[assetId] ?? 0, p.expectedBytes, large.length);
          const spots = rankAppliances(
            assetId,
            large.map((one) => one.appliance),
          ).slice(0, wanted);
          expect(count).toBeLessThanOrEqual(wanted);
          for (const files of held.values())
            for (const key of files)
              if (key.startsWith(`${assetId}/`)) for (const { id } of spots) expect(held.get(id)?.has(key)).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('accounts for every expected byte: planned, or left out with a reason', () => {
    fc.assert(
      fc.property(caseArbitrary, (c) => {
        const p = plan(c);
        const planned = p.appliances
          .flatMap((a) => [...a.keep, ...a.fetch])
          .reduce((sum, f) => sum + f.expectedBytes, 0);
        const rejected = p.rejected.reduce((sum, r) => sum + r.expectedBytes, 0);
        expect(Math.abs(planned + rejected - p.expectedBytes)).toBeLessThanOrEqual(1 + p.rejected.length);
      }),
    );
  });

  it('is the same whatever the order of its inputs', () => {
    fc.assert(
      fc.property(caseArbitrary, (c) => {
        const turned = { ...c, versions: [...c.versions].reverse(), appliances: [...c.appliances].reverse() };
        expect(plan(turned)).toEqual(plan(c));
      }),
      { numRuns: 50 },
    );
  });
});
