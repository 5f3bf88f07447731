import { describe, expect, it } from 'vitest';
import type { Fill } from '../../../shared/domain/fill.ts';
import { newFill } from '../../../shared/domain/new-fill.ts';
import { makeCopiesOf } from './copies.ts';

const fill: Fill = {
  ...newFill({
    regionId: 'berlin',
    date: '2026-11-21',
    run: 1,
    start: 'window',
    createdAt: '2026-11-20T14:00:00.000Z',
  }),
  state: 'completed',
  copies: { film: 2 },
};

describe('the copies of a plan', () => {
  it('are as last known, or one, while the object store is away', async () => {
    let nowMs = 1_000;
    let away = true;
    const warnings: unknown[] = [];
    const copiesOf = makeCopiesOf({
      documents: {
        listFills: async () => {
          if (away) throw new Error('the store is away');
          return [fill];
        },
      },
      clock: { now: () => nowMs },
      logger: { warn: (...words: unknown[]) => warnings.push(words) },
    });
    expect(await copiesOf('berlin', 'film')).toBe(1);
    expect(warnings).toHaveLength(1);

    away = false;
    nowMs += 60_000;
    expect(await copiesOf('berlin', 'film')).toBe(2);

    away = true;
    nowMs += 60_000;
    expect(await copiesOf('berlin', 'film')).toBe(2);
    expect(await copiesOf('berlin', 'other')).toBe(1);
  });
});
