import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyDay, scored } from '../../testing/scored-day.ts';
import type { FillReport } from '../fill.ts';
import { leavesOf } from './leaves.ts';
import { verifyReport } from './verify-report.ts';

describe('the score of any day', () => {
  it('puts every missed byte in one class, and no byte served in two causes', async () => {
    await fc.assert(
      fc.asyncProperty(anyDay, async (day) => {
        const { use, misses, servedBytes } = await scored(day);
        // What was fetched before anybody asked was served to nobody.
        expect(servedBytes).toBe(500);
        expect(use === undefined).toBe(day.service.length === 0);
        if (!use || !misses) return;
        const missed = day.service.filter(({ cause }) => !['filled', 'kept', 'pulled'].includes(cause));
        const bytes = missed.reduce((sum, row) => sum + row.bytes, 0);
        expect(misses.missedBytes).toBe(bytes);
        expect(Object.values(misses.classes).reduce((sum, one) => sum + one, 0)).toBe(bytes);
        expect(misses.avoidableBytes).toBeLessThanOrEqual(bytes + 1);
        expect(misses.refusedRequests).toBe(day.refused);
        const served = day.service.reduce((sum, row) => sum + row.bytes, 0);
        expect(Object.values(use.causes).reduce((sum, one) => sum + one, 0)).toBe(served);
        expect(use.appliances.reduce((sum, one) => sum + one.servedBytes, 0)).toBe(served);
        expect(use.usedBytes).toBeLessThanOrEqual(use.pushedBytes);
      }),
    );
  });

  it('finds no placement better than the clairvoyant one', async () => {
    await fc.assert(
      fc.asyncProperty(anyDay, async (day) => {
        const { regret } = await scored(day);
        if (!regret) throw new Error('no regret');
        for (const name of ['asHeld', 'forecast', 'persistence', 'mean7'] as const) {
          expect(regret[name]).toBeGreaterThanOrEqual(0);
          expect(regret[name]).toBeLessThanOrEqual(regret.clairvoyant + 1e-9);
        }
        expect(regret.clairvoyant).toBeLessThanOrEqual(1 + 1e-9);
      }),
    );
  });

  it('is found equal when it is computed again, and every number that was changed is found', async () => {
    await fc.assert(
      fc.asyncProperty(anyDay, fc.nat(), async (day, pick) => {
        const score = await scored(day);
        const report = JSON.parse(JSON.stringify({ ...day.report, score })) as FillReport;
        const stored = { plan: day.plan, fill: day.fill, score: await scored(day) };
        const honest = verifyReport(report, stored);
        expect(honest.checks.filter(({ verdict }) => verdict === 'different')).toEqual([]);
        expect(honest.notRecomputable).toBe(0);
        const fields = [...leavesOf(score)].filter(
          ([at, value]) => typeof value === 'number' && !at.includes('tariff'),
        );
        const [field = '', value] = fields[pick % fields.length] ?? [];
        const changed = { ...report, score: change(report.score, field, Number(value)) } as FillReport;
        const found = verifyReport(changed, stored).checks.filter(({ verdict }) => verdict === 'different');
        expect(found.map((check) => check.field)).toEqual([`score.${field}`]);
      }),
    );
  });
});

/** The document with one number raised. */
function change(of: unknown, field: string, value: number): unknown {
  const walk = (one: unknown, at: string): unknown => {
    if (at === field) return value + 1;
    if (typeof one !== 'object' || one === null) return one;
    const entries = Array.isArray(one) ? one.map((element, index) => [index, element] as const) : Object.entries(one);
    const mapped = entries.map(([name, element]) => [name, walk(element, join(at, name, element))] as const);
    return Array.isArray(one) ? mapped.map(([, element]) => element) : Object.fromEntries(mapped);
  };
  const join = (at: string, name: string | number, element: unknown): string => {
    const keys = ['applianceId', 'seriesClass', 'outcome', 'level'];
    const named =
      typeof name === 'number' && keys.map((key) => (element as Record<string, unknown>)?.[key]).find(Boolean);
    return [at, named || name].filter((part) => part !== '').join('.');
  };
  return walk(of, '');
}
