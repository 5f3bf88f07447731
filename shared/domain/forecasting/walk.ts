/** One asset's observed days in order, those without demand included, from its first to the day before `until`. */
import { firstDayOf, type Series } from './history.ts';
import type { Day } from './models/model.ts';

export interface Step {
  /** Place on the axis. */
  at: number;
  /** Calendar days since the observed day before; 1 on the first. */
  gapDays: number;
  day: Day;
  isFirst: boolean;
  bytes: number;
  believed: number;
}

/** @param visit is given one and the same object, changed from step to step: a region's past has many millions of them. */
export function walk(series: Series, days: readonly Day[], visit: (step: Readonly<Step>) => void): void {
  const first = firstDayOf(series);
  const begin = days[first];
  if (!begin) return;
  const step: Step = { at: first, gapDays: 1, day: begin, isFirst: true, bytes: 0, believed: 0 };
  let next = 0;
  for (let at = first; at < days.length; at += 1) {
    const day = days[at];
    if (!day) return;
    const isSeen = next < series.length && series.days[next] === at;
    step.gapDays = Math.max(1, day.number - step.day.number);
    step.at = at;
    step.day = day;
    step.isFirst = at === first;
    step.bytes = isSeen ? (series.bytes[next] ?? 0) : 0;
    step.believed = isSeen ? (series.believed[next] ?? 0) : 0;
    if (isSeen) next += 1;
    visit(step);
  }
}
