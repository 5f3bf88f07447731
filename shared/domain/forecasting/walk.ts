/** One asset's observed days in order, those without demand included, from its first to the day before `until`. */
import type { Axis, Series } from './history.ts';
import type { Day } from './models/model.ts';

export interface Step {
  /** Place on the axis. */
  readonly at: number;
  /** Calendar days since the observed day before; 1 on the first. */
  readonly gapDays: number;
  readonly day: Day;
  readonly isFirst: boolean;
  readonly bytes: number;
  readonly believed: number;
}

export const daysOf = (axis: Axis, factors: readonly number[]): Day[] =>
  axis.dayNumbers.map((number, at) => {
    const weekday = axis.weekdays[at] ?? 0;
    return { number, weekday, factor: factors[weekday] ?? 1 };
  });

export function walk({ observations }: Series, days: readonly Day[], visit: (step: Step) => void): void {
  const first = observations[0]?.day ?? days.length;
  let next = 0;
  let before = days[first]?.number ?? 0;
  for (let at = first; at < days.length; at += 1) {
    const day = days[at];
    if (!day) return;
    const seen = observations[next]?.day === at ? observations[next] : undefined;
    if (seen) next += 1;
    visit({
      at,
      gapDays: Math.max(1, day.number - before),
      day,
      isFirst: at === first,
      bytes: seen?.bytes ?? 0,
      believed: seen?.believed ?? 0,
    });
    before = day.number;
  }
}
