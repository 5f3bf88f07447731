import { beforeEach, describe, expect, it } from 'vitest';
import type { InventoryEntry } from '../../shared/ports/segment-cache.ts';
import { type PlanUses, parsePlanUses } from './plan-uses.ts';
import { openProvenance, type PlanMemory, type Provenance, parsePlanMemory } from './provenance.ts';

const hourMs = 3_600_000;
const file = (name: string, version = 'v1'): string => `a/${version}/${name}`;
const slice = (index = 0) => ({ index, sizeBytes: 100 });

describe('provenance', () => {
  let nowMs = 0;
  let disk: PlanMemory | null = null;
  let uses: PlanUses | null = null;
  let held: Set<string>;
  let one: Provenance;

  const open = (inventory: readonly InventoryEntry[] = [], maxSlices = 1_000) =>
    openProvenance({
      clock: { now: () => nowMs, sleep: async () => {} },
      file: {
        read: async () => parsePlanMemory(JSON.parse(JSON.stringify(disk))),
        write: async (value) => {
          disk = value;
        },
      },
      uses: {
        read: async () => parsePlanUses(JSON.parse(JSON.stringify(uses))),
        write: async (value) => {
          uses = value;
        },
      },
      inventory,
      has: (key, index) => held.has(`${key}#${index}`),
      maxSlices,
    });
  const entry = (key: string, slices = 1): InventoryEntry => ({ key, slices, heldBytes: 100, pinned: false });

  beforeEach(async () => {
    nowMs = Date.parse('2026-11-21T02:00:00Z');
    disk = null;
    uses = null;
    held = new Set();
    one = await open();
  });

  it('tells what a fill brought from what was kept and what viewers pulled', async () => {
    await one.planned([file('new'), file('old')], new Set([file('old')]));
    one.stored(file('new'), 0);
    expect(one.hit(file('new'), slice()).cause).toBe('filled');
    expect(one.hit(file('old'), slice()).cause).toBe('kept');
    expect(one.hit(file('other'), slice())).toEqual({ cause: 'pulled', firstUseBytes: 0 });
  });

  it('counts each planned slice once as used, until the next night', async () => {
    await one.planned([file('x')], new Set());
    expect(one.hit(file('x'), slice(0)).firstUseBytes).toBe(100);
    expect(one.hit(file('x'), slice(0)).firstUseBytes).toBe(0);
    expect(one.hit(file('x'), slice(3)).firstUseBytes).toBe(100);
    expect(one.hit(file('x'), slice(3)).firstUseBytes).toBe(0);
    nowMs += 24 * hourMs;
    await one.planned([file('x')], new Set([file('x')]));
    expect(one.hit(file('x'), slice(0))).toEqual({ cause: 'kept', firstUseBytes: 100 });
  });

  it('keeps to what it said when a fill is taken up again, and after a restart', async () => {
    await one.planned([file('x'), file('y')], new Set());
    one.stored(file('x'), 0);
    one.hit(file('x'), slice());
    nowMs += hourMs;
    await one.planned([file('x'), file('y')], new Set([file('x')]));
    expect(one.hit(file('x'), slice())).toEqual({ cause: 'filled', firstUseBytes: 0 });
    held.add(`${file('x')}#0`);
    const again = await open([entry(file('x'))]);
    expect(again.hit(file('x'), slice()).cause).toBe('filled');
    expect(again.miss(file('y'), 0)).toBe('late');
  });

  it('counts nothing as used twice, also over a restart, but of a new plan', async () => {
    await one.planned([file('x'), file('y'), file('kept')], new Set([file('kept')]));
    for (const [name, index] of [
      ['x', 0],
      ['y', 2],
      ['kept', 0],
    ] as const)
      one.hit(file(name), slice(index));
    await one.keepUses();
    one.hit(file('y'), slice(0));
    const again = await open();
    expect(again.hit(file('x'), slice()).firstUseBytes).toBe(0);
    expect(again.hit(file('kept'), slice())).toEqual({ cause: 'kept', firstUseBytes: 0 });
    expect([2, 3].map((index) => again.hit(file('y'), slice(index)).firstUseBytes)).toEqual([0, 100]);
    // Used after they were last kept: counted again.
    expect(again.hit(file('y'), slice(0)).firstUseBytes).toBe(100);
    nowMs += 24 * hourMs;
    await again.planned([file('y'), file('x')], new Set([file('x'), file('y')]));
    const next = await open();
    expect(next.hit(file('x'), slice()).firstUseBytes).toBe(100);
  });

  it('says why something was not here', async () => {
    await one.planned([file('late'), file('lost')], new Set());
    one.stored(file('lost'), 0);
    one.stored(file('was'), 0);
    one.stored(file('gone'), 0);
    one.stored(file('gone'), 1);
    one.purged(file('gone'));
    expect(one.miss(file('late'), 0)).toBe('late');
    expect(one.miss(file('lost'), 0)).toBe('lost');
    expect(one.miss(file('was'), 0)).toBe('evicted');
    expect(one.miss(file('gone'), 1)).toBe('purged');
    expect(one.miss(file('never'), 0)).toBe('unseen');
  });

  it('calls misses of a version that replaced another so for a day', async () => {
    one.stored(file('x', 'v1'), 0);
    nowMs += hourMs;
    expect(one.miss(file('y', 'v1'), 0)).toBe('unseen');
    expect(one.miss(file('x', 'v2'), 0)).toBe('replaced');
    nowMs += 23 * hourMs;
    expect(one.miss(file('z', 'v2'), 0)).toBe('replaced');
    nowMs += hourMs;
    expect(one.miss(file('z', 'v2'), 0)).toBe('unseen');
  });

  it('knows after a restart what was here, also where only some slices are', async () => {
    held = new Set([`${file('x')}#0`, `${file('big')}#2`, `${file('big')}#5`]);
    const again = await open([entry(file('x')), entry(file('big'), 2)]);
    expect(again.miss(file('x'), 0)).toBe('evicted');
    expect([0, 2, 5].map((index) => again.miss(file('big'), index))).toEqual(['unseen', 'evicted', 'evicted']);
  });

  it('is bounded: what was here longest ago is forgotten first', async () => {
    const small = await open([], 2);
    for (const name of ['p', 'q', 'r']) small.stored(file(name), 0);
    expect(['p', 'q', 'r'].map((name) => small.miss(file(name), 0))).toEqual(['unseen', 'evicted', 'evicted']);
  });
});
