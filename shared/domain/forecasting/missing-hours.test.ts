import { describe, expect, it } from 'vitest';
import type { DemandRow } from '../demand.ts';
import { addDays, dayNumber } from '../time/local-time.ts';
import { addLocalDays } from './daily-demand.ts';
import { makeDemandTable } from './demand-table.ts';
import { forecastRegion } from './forecast-region.ts';

const start = '2026-10-05';
const days = 42;
const end = addDays(start, days);

/** Thirty titles, busy from 18 to 22 UTC and quiet by night; `isLost` drops hours. */
function log(isLost: (day: number, hour: number) => boolean, titles = 30): DemandRow[] {
  const rows: DemandRow[] = [];
  for (let day = 0; day < days; day += 1)
    for (let hour = 6; hour < 24; hour += 1)
      for (let title = 0; title < titles; title += 1) {
        if (isLost(day, hour)) continue;
        const bytes = (hour >= 18 && hour < 23 ? 5_000 : 1_000) * (1 + title);
        rows.push({ regionId: 'r', assetId: `a${title}`, day: addDays(start, day), hour, views: 1, bytes });
      }
  return rows;
}

async function expected(rows: readonly DemandRow[], timeZone = 'UTC') {
  const history = makeDemandTable();
  await addLocalDays(history, rows, { timeZone, from: start, to: addDays(end, -1) });
  const { expectedBytes, historyDays } = forecastRegion({ regionId: 'r', date: end, history, madeAt: '' });
  return { bytes: expectedBytes, historyDays, reported: history.reported };
}

describe('missing hours', () => {
  it('do not look like falling demand', async () => {
    const whole = await expected(log(() => false));
    const holes = await expected(log((day, hour) => day >= days - 2 && hour >= 19 && hour < 21));
    expect(holes.historyDays).toBe(whole.historyDays);
    expect(holes.bytes / whole.bytes).toBeCloseTo(1, 2);
  });

  it('make a day count as missing when most of it is', async () => {
    const whole = await expected(log(() => false));
    const cut = await expected(log((day, hour) => day === days - 1 && hour >= 12));
    expect(cut.historyDays).toBe(whole.historyDays - 1);
    expect(cut.bytes / whole.bytes).toBeCloseTo(1, 2);
  });

  it('are nothing unusual by night, on a day of 25 hours, or where little is watched', async () => {
    // In Berlin the log begins two hours into its first day, which is said; 25 October has 25 hours there.
    const { reported } = await expected(
      log(() => false),
      'Europe/Berlin',
    );
    expect([...reported.keys()]).toEqual([dayNumber(start)]);
    const little = log((day, hour) => (day * 7 + hour) % 5 === 0, 1);
    expect((await expected(little)).reported.size).toBe(0);
  });
});
