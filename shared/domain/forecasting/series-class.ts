/** Which class an asset belongs to on a day: models are chosen for classes, since one asset's past says too little. */
import type { SeriesClass } from '../fill.ts';
import { unseenBeforeDays } from './age-curve.ts';
import type { Axis, History, Series } from './history.ts';

const newForDays = 14;
const volumeDays = 14;
const headShare = 0.5;
const torsoShare = 0.9;

/** Bytes a day from which on an asset belongs to the class. */
export interface Bounds {
  readonly head: number;
  readonly torso: number;
}

/** Mean believed demand over the fourteen observed days before `until`, or since the asset's first. */
export function volumeOf({ observations }: Series, until: number): number {
  const first = observations[0]?.day ?? until;
  const from = Math.max(first, until - volumeDays);
  if (from >= until) return 0;
  let sum = 0;
  for (let at = observations.length - 1; at >= 0; at -= 1) {
    const { day, believed } = observations[at] ?? { day: -1, believed: 0 };
    if (day < from) break;
    if (day < until) sum += believed;
  }
  return sum / (until - from);
}

/** The bounds that part the assets' demand of the days before `until` into 50%, 40% and 10%. */
export function boundsOf({ series }: History, until: number): Bounds {
  const volumes = Float64Array.from(series, (one) => volumeOf(one, until)).sort();
  let total = 0;
  for (const volume of volumes) total += volume;
  let sum = 0;
  let head = Number.POSITIVE_INFINITY;
  let torso = Number.POSITIVE_INFINITY;
  for (let at = volumes.length - 1; at >= 0 && sum < torsoShare * total; at -= 1) {
    const volume = volumes[at] ?? 0;
    if (sum < headShare * total) head = volume;
    torso = volume;
    sum += volume;
  }
  return { head, torso };
}

/** True on the days on which a title is new: in a region that was watched before it came. */
export function isNew({ observations }: Series, { dayNumbers }: Axis, dayNumber: number): boolean {
  const first = dayNumbers[observations[0]?.day ?? 0] ?? dayNumber;
  return first - (dayNumbers[0] ?? first) >= unseenBeforeDays && dayNumber - first < newForDays;
}

export const classOf = (volume: number, bounds: Bounds): SeriesClass =>
  volume >= bounds.head ? 'head' : volume >= bounds.torso ? 'torso' : 'tail';
