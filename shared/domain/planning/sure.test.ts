import { describe, expect, it } from 'vitest';
import { appliance, inventoryOf, plan, reasonsOf, version } from '../../testing/plan-case.ts';
import { pinsOf } from './pins.ts';
import { isSure, lowShareOf } from './sure.ts';

const title = (id: string) => version(id, { v: [500_000, 500_000] });
const [held, other] = [title('held'), title('other')];
const junk = { key: 'pulled/v1/x.m4s', heldBytes: 8_800_000 };

describe('what a plan is sure of', () => {
  it('is asked for nine times in ten at the low end of its forecast, and does not show yet', () => {
    const asset = { expectedBytes: 400, lowBytes: 300 };
    expect(lowShareOf({ ...asset, rises: true })).toBe(0.75);
    expect(lowShareOf(asset)).toBe(0);
    expect(isSure(4, 0.75)).toBe(true);
    expect(isSure(3, 0.75)).toBe(false);
  });

  const full = (demand: number, mustHave?: ReadonlySet<string>) =>
    plan({
      demand: { held: 1e6, other: demand },
      versions: [held, other],
      appliances: [{ appliance: appliance('e1', 1e7), inventory: [...inventoryOf(held), junk] }],
      ...(mustHave ? { mustHave } : {}),
    });

  it('takes the place of what viewers pulled on a full disk; what is not sure does not, and the plan says so', () => {
    expect(full(1e7).appliances[0]?.fetch.length).toBeGreaterThan(0);
    const unsure = full(1e6);
    expect(unsure).toMatchObject({ fetchFiles: 0 });
    expect(unsure.appliances[0]?.evict).toEqual([]);
    expect(reasonsOf(unsure)).toMatchObject({ 'other:not-sure': '6' });
    expect(full(0, new Set(['other'])).appliances[0]?.fetch.map(({ reason }) => reason)).toContain('must-have');
  });

  it('comes where there is room all the same: it costs nobody a place', () => {
    const p = plan({
      demand: { other: 1 },
      versions: [other],
      appliances: [{ appliance: appliance('e1', 1e7), inventory: [] }],
    });
    expect(p.fetchFiles).toBe(6);
  });

  it('is pinned, and so is what the night brings and what must be there; the rest of what is kept stays by its value', () => {
    const [part] = full(1e7).appliances;
    const pins = part ? pinsOf(part) : null;
    expect(pins?.pinned.every((key) => key.startsWith('other/'))).toBe(true);
    expect(pins?.unpinned).toHaveLength(6);
    const [must] = full(0, new Set(['held'])).appliances;
    expect(must && pinsOf(must).unpinned).toEqual([]);
  });
});
