import { describe, expect, it } from 'vitest';
import { makeSlowWatch } from './slow-watch.ts';

/** Two appliances, one of which has ended; the other stores so many bytes in each of the next ten seconds. */
function watched(bytesASecond: number, endsAtMs: number | null) {
  let nowMs = 0;
  const clock = { now: () => nowMs, sleep: async () => undefined };
  const watch = makeSlowWatch({ clock, endsAtMs, rateBps: 8_000, afterMs: 5_000 });
  watch.began('fast');
  watch.began('slow');
  nowMs = 20_000;
  watch.ended('fast');
  const verdicts: boolean[] = [];
  for (let second = 0; second < 10; second += 1) {
    nowMs += 1_000;
    watch.stored('slow', bytesASecond, nowMs - 1_000);
    verdicts.push(watch.isTooSlow('slow', 50_000));
  }
  return verdicts;
}

describe('makeSlowWatch', () => {
  it('calls slow what takes less than half of a rate that is its own, and would not be done in time', () => {
    const verdicts = watched(300, 60_000);
    expect(verdicts.slice(0, 4)).toEqual([false, false, false, false]);
    expect(verdicts.at(-1)).toBe(true);
  });

  it('leaves alone what is fast enough, will be done in time, or has no window', () => {
    expect(watched(600, 60_000)).not.toContain(true);
    expect(watched(300, 600_000)).not.toContain(true);
    expect(watched(300, null)).not.toContain(true);
  });

  it('does not count what came while others shared the rate', () => {
    let nowMs = 0;
    const clock = { now: () => nowMs, sleep: async () => undefined };
    const watch = makeSlowWatch({ clock, endsAtMs: 60_000, rateBps: 8_000, afterMs: 5_000 });
    watch.began('fast');
    watch.began('slow');
    nowMs = 30_000;
    watch.ended('fast');
    nowMs = 36_000;
    watch.stored('slow', 10_000, 0);
    expect(watch.isTooSlow('slow', 50_000)).toBe(true);
  });
});
