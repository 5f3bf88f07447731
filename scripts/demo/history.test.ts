import { describe, expect, it } from 'vitest';
import { demandHistoryCsv, demoHistory } from './history.ts';
import { outcomeOf } from './player.ts';

describe('demandHistoryCsv', () => {
  const nowMs = Date.parse('2026-11-20T15:00:00Z');
  const rows = demandHistoryCsv('asset-1', 1_000, nowMs)
    .trim()
    .split('\n')
    .map((line) => line.split(','));

  it('covers the 28 days before today in every demo region, and never today', () => {
    expect(rows[0]).toEqual(['day', 'region', 'asset', 'views', 'bytes']);
    for (const { regionId } of demoHistory) {
      const days = rows.filter(([, region]) => region === regionId).map(([day]) => day);
      expect(days).toHaveLength(28);
      expect(days[0]).toBe('2026-10-23');
      expect(days.at(-1)).toBe('2026-11-19');
    }
  });

  it('is the same each time it is made', () => {
    expect(demandHistoryCsv('asset-1', 1_000, nowMs)).toBe(`${rows.map((row) => row.join(',')).join('\n')}\n`);
  });
});

describe('outcomeOf', () => {
  it('reads the outcome of the cache nearest to the client', () => {
    expect(
      outcomeOf('nightfill-shield-1; hit; detail=hit-disk, nightfill-berlin-1; fwd=miss; detail=pull-shield'),
    ).toBe('pull-shield');
    expect(outcomeOf('nightfill-berlin-1; hit; detail="hit-memory"')).toBe('hit-memory');
    expect(outcomeOf(null)).toBe('unknown');
  });
});
