/**
 * Which titles' manifests have to be read for a plan. A million titles are published and a disk holds some thousands: a title is
 * judged by its size and forecast first, by the best value that any file of it could have.
 *
 * The plan is made of the titles that could matter and says down to which value it looked (`settledAbove`). If none of the others
 * could reach it, it is the plan that all manifests would have given; else more are read and it is made again.
 */
import type { AssetForecast, Forecast } from '../fill.ts';
import { expectedOf } from './expected.ts';
import { peakRatio } from './file-values.ts';
import type { PlannableAppliance } from './held.ts';
import { copiesOf, usableBytes } from './limits.ts';

/** What the catalogue says of a published title. */
export interface TitleOutline {
  readonly assetId: string;
  /** Of all files of the published version; null where it is not known. */
  readonly sizeBytes: number | null;
}

export interface ShortlistInput<T extends TitleOutline> {
  readonly titles: readonly T[];
  readonly forecast: Forecast;
  readonly appliances: readonly PlannableAppliance[];
  readonly mustHave?: ReadonlySet<string>;
  /** Of a night: more than this does not come. */
  readonly budgetBytes?: number;
  /** Titles that are read at least, if there are so many. */
  readonly fewest?: number;
}

export interface Shortlist<T extends TitleOutline> {
  /**
   * The next titles to read: at first those that some appliance holds, that an operator wants or that are to have several copies, and all that could have a file as good as
   * the mean title with which the disks, or the night, would be full; then as many again. Empty when there are no more.
   */
  next(): readonly T[];
  /** What was not given out, if none of it could have a file of that value; else null: more have to be read. */
  rest(settledAbove: number): readonly T[] | null;
}

/** Few are cheaper read than judged. */
const usuallyFewest = 200;
/** The value at which disk or night are full is guessed from the means of titles; it is missed by so much, or less. */
const margin = 0.9;

export function makeShortlist<T extends TitleOutline>({
  titles,
  forecast,
  appliances,
  mustHave,
  budgetBytes = Number.POSITIVE_INFINITY,
  fewest = usuallyFewest,
}: ShortlistInput<T>): Shortlist<T> {
  const audience = forecast.audience ?? null;
  const copiesFor = ({ expectedBytes }: AssetForecast): number =>
    copiesOf(expectedBytes, forecast.expectedBytes, appliances.length);
  const best = (title: TitleOutline, asset: AssetForecast): number => {
    const copies = copiesFor(asset);
    if (title.sizeBytes === null || title.sizeBytes <= 0 || copies === 0) return Number.POSITIVE_INFINITY;
    // A little more than it is, since sums of many files are rounded.
    return (asset.expectedBytes / copies / title.sizeBytes) * peakRatio(title.assetId, audience) * (1 + 1e-6);
  };
  const held = new Set<string>();
  for (const { inventory } of appliances) for (const { key } of inventory) held.add(key.slice(0, key.indexOf('/')));

  const unwanted: T[] = [];
  const here: T[] = [];
  /** The others: places in `titles`, by falling best value. */
  const places = new Uint32Array(titles.length);
  const values = new Float64Array(titles.length);
  let count = 0;
  for (const [place, title] of titles.entries()) {
    const asset = expectedOf(forecast, title.assetId);
    if (mustHave?.has(title.assetId)) here.push(title);
    else if (!asset || asset.expectedBytes <= 0 || appliances.length === 0) unwanted.push(title);
    // What is to have several copies bears only a part of the night's price: there are few such titles.
    else if (held.has(title.assetId) || copiesFor(asset) > 1) here.push(title);
    else {
      places[count] = place;
      values[place] = best(title, asset);
      count += 1;
    }
  }
  const worthOf = (place: number | undefined): number => (place === undefined ? 0 : (values[place] ?? 0));
  const nameOf = (place: number): string => titles[place]?.assetId ?? '';
  // Two without a known size are both infinite: equal, though their difference is no number.
  const ranked = places.subarray(0, count).sort((a, b) => worthOf(b) - worthOf(a) || (nameOf(a) < nameOf(b) ? -1 : 1));
  const titlesAt = (from: number, until?: number): T[] =>
    Array.from(ranked.subarray(from, until)).flatMap((place) => titles[place] ?? []);

  const roomBytes = appliances.reduce((sum, { appliance }) => sum + usableBytes(appliance.capacityBytes), 0);
  let [filled, mean] = [0, 0];
  for (const place of ranked) {
    mean = worthOf(place) / peakRatio(nameOf(place), audience);
    filled += titles[place]?.sizeBytes ?? 0;
    if (filled > Math.min(roomBytes, budgetBytes)) break;
  }
  let given = 0;
  let first = true;

  return {
    next() {
      const from = given;
      const atLeast = Math.max(fewest, 2 * from);
      while (given < count && (given < atLeast || worthOf(ranked[given]) >= mean * margin)) given += 1;
      const taken = titlesAt(from, given);
      const parts = first ? [...here, ...taken] : taken;
      first = false;
      return parts;
    },
    rest(settledAbove) {
      if (given < count && worthOf(ranked[given]) >= settledAbove) return null;
      return unwanted.concat(titlesAt(given));
    },
  };
}
