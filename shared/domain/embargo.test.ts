import { describe, expect, it } from 'vitest';
import { playableFromMs } from './embargo.ts';

const at = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

describe('playableFromMs', () => {
  it('is midnight of the premiere on the region’s clock, an instant everywhere, or nothing', () => {
    const premiereDate = '2026-12-24';
    expect(at(playableFromMs({ premiereDate }, 'Asia/Tokyo'))).toBe('2026-12-23T15:00:00.000Z');
    expect(at(playableFromMs({ premiereDate }, 'America/New_York'))).toBe('2026-12-24T05:00:00.000Z');
    const premieresAt = '2026-12-24T20:15:00.000Z';
    expect(at(playableFromMs({ premiereDate, premieresAt }, 'Asia/Tokyo'))).toBe(premieresAt);
    expect(playableFromMs({ premiereDate: null }, 'Asia/Tokyo')).toBeNull();
  });

  it('begins a day whose midnight does not exist at its first instant', () => {
    expect(at(playableFromMs({ premiereDate: '2026-09-06' }, 'America/Santiago'))).toBe('2026-09-06T04:00:00.000Z');
  });
});
