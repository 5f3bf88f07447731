/** Which class an asset belongs to on a day: models are chosen for classes, since one asset's past says too little. */
import type { SeriesClass } from '../fill.ts';
import { unseenBeforeDays } from './age-curve.ts';
import { type Axis, firstDayOf, type History, type Series } from './history.ts';

/** Until it has lived through each weekday three times: before, the slow models still have its first days in mind. */
const newForDays = 21;
const volumeDays = 14;
const headShare = 0.5;
const torsoShare = 0.9;

/** Bytes a day from which on an asset belongs to the class. */
export interface Bounds {
  readonly head: number;
  readonly torso: number;
}

/** Mean believed demand over the fourteen observed days before `until`, or since the asset's first. */
export function volumeOf({ length, days, believed }: Series, until: number): number {
  const since = Math.max(days[0] ?? until, until - volumeDays);
  if (since >= until) return 0;
  let sum = 0;
  for (let at = length - 1; at >= 0; at -= 1) {
    const day = days[at] ?? 0;
    if (day < since) break;
    if (day < until) sum += believed[at] ?? 0;
  }
  return sum / (until - since);
}

/** Of every asset, by its place. */
export function volumesOf(history: History, until: number): Float64Array {
  const volumes = new Float64Array(history.size);
  for (let place = 0; place < history.size; place += 1) volumes[place] = volumeOf(history.series(place), until);
  return volumes;
}

/** The bounds that part the assets' demand into 50%, 40% and 10%. */
export function boundsOf(volumesByPlace: Float64Array): Bounds {
  const volumes = volumesByPlace.toSorted();
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
export function isNew({ dayNumbers }: Axis, series: Series, dayNumber: number): boolean {
  const first = dayNumbers[firstDayOf(series)] ?? dayNumber;
  return first - (dayNumbers[0] ?? first) >= unseenBeforeDays && dayNumber - first < newForDays;
}

export const classOf = (volume: number, bounds: Bounds): SeriesClass =>
  volume >= bounds.head ? 'head' : volume >= bounds.torso ? 'torso' : 'tail';
