/**
 * What a whole region watches in a day, expected the evening before.
 *
 * The mean of two: damped smoothing, and the last days with the weekday taken out, which follow at once when everything falls or
 * rises together.
 */
import type { Axis } from './history.ts';
import { dampedEts } from './models/damped-ets.ts';
import type { Day } from './models/model.ts';

/** How far a day moves what follows. */
const gain = 0.7;

/** The observed days for models; with `coming`, as the last one, the day to forecast. */
export function daysOf(axis: Axis, factors: readonly number[], coming?: number): Day[] {
  const smooth = dampedEts.begin();
  let following = 0;
  const numbers = coming === undefined ? axis.dayNumbers : [...axis.dayNumbers, coming];
  return numbers.map((number, at) => {
    const weekday = ((number % 7) + 7) % 7;
    const factor = factors[weekday] ?? 1;
    const level = axis.totals[at] ?? 0;
    const before = { number, weekday, factor, level, expectedLevel: 0 };
    const expectedLevel = at > 0 ? (smooth.expect(before) + following * factor) / 2 : 0;
    smooth.observe(before, level);
    following = at > 0 ? following + gain * (level / factor - following) : level / factor;
    return { ...before, expectedLevel };
  });
}
