/** Sums of the back-test by class and day: all that weights, score and intervals need, whatever the number of assets. */
import { type CandidateScore, type SeriesClass, seriesClasses } from '../fill.ts';
import { addProducts, blendWeights, type ErrorProducts, noProducts } from './blend-weights.ts';
import { binCount, binOf, widthOf } from './error-bins.ts';
import { aim, unknownWidth } from './interval.ts';
import type { Family } from './models/family.ts';

/** From so many days and forecasts on a class is said to have weights of its own; an interval's width needs so many errors. */
const fewestDays = 7;
const fewestForecasts = 50;
const fewestErrors = 20;
const mostShare = 0.95;
/** Errors of a large asset count less than their squares, of one that brings next to nothing no more than as many bytes. */
const smallBytes = 1_000;
/** What is this many times more than all models expect counts as that: one odd day says little of the others. */
const mostSurprise = 5;

const grown = seriesClasses.filter((name) => name !== 'new');

export const blendName = 'blend/2';

export interface Sums {
  actual: number;
  /** By model, the blend last. */
  readonly expected: Float64Array;
  readonly error: Float64Array;
  /** Errors of the blend, in the assets' own scales. */
  readonly bins: Float64Array;
  readonly learnt: ErrorProducts;
}

/** One forecast of the test and what came. */
export interface Tried {
  readonly actual: number;
  readonly believed: number;
  /** The asset's scale of error, for intervals. */
  readonly scale: number;
  /** How many assets this one stands for. */
  readonly weight: number;
}

export interface Weights {
  /** By model. */
  readonly weights: readonly number[];
  /** False while the class has too short a past to weigh models by: the usual weights count for most of it. */
  readonly chosen: boolean;
}

export type Tally = ReturnType<typeof makeTally>;

/** @param from first day of the test; errors before it count for widths only. @param until the day after the last. */
export function makeTally({ models, usual, isCandidate }: Family, from: number, until: number) {
  const blend = models.length;
  const empty = (): Sums => ({
    actual: 0,
    expected: new Float64Array(blend + 1),
    error: new Float64Array(blend + 1),
    bins: new Float64Array(binCount),
    learnt: noProducts(models.length),
  });
  const days = new Map<SeriesClass, Sums[]>(
    seriesClasses.map((name) => [name, Array.from({ length: until - from + 1 }, empty)]),
  );
  const errors = new Float64Array(models.length);
  const slot = (at: number): number => Math.max(0, at - from + 1);
  const before = (seriesClass: SeriesClass, at: number): readonly Sums[] =>
    days.get(seriesClass)?.slice(1, slot(at)) ?? [];
  const learntBefore = (seriesClass: SeriesClass, at: number): ErrorProducts => {
    const sum = noProducts(models.length);
    for (const { learnt } of before(seriesClass, at)) addProducts(sum, learnt);
    return sum;
  };
  const total = (list: readonly Sums[], pick: (sums: Sums) => number): number =>
    list.reduce((sum, sums) => sum + pick(sums), 0);
  const binsBefore = (names: readonly SeriesClass[], at: number): Float64Array => {
    const merged = new Float64Array(binCount);
    for (const name of names) {
      for (const { bins } of days.get(name)?.slice(0, slot(at)) ?? []) {
        for (let bin = 0; bin < binCount; bin += 1) merged[bin] = (merged[bin] ?? 0) + (bins[bin] ?? 0);
      }
    }
    return merged;
  };

  return {
    at: (seriesClass: SeriesClass, at: number): Sums => days.get(seriesClass)?.[slot(at)] ?? empty(),

    /** What one forecast says about the models' errors. The blend's own wait until weights are known: `add`. */
    learn({ learnt }: Sums, expected: Float64Array, { believed, weight }: Pick<Tried, 'believed' | 'weight'>): void {
      let sum = 0;
      for (let model = 0; model < models.length; model += 1) sum += expected[model] ?? 0;
      const mean = sum / models.length + smallBytes;
      const seen = Math.min(believed, mostSurprise * mean);
      for (let model = 0; model < models.length; model += 1) errors[model] = (expected[model] ?? 0) - seen;
      const share = weight / mean;
      for (let one = 0, cell = 0; one < models.length; one += 1) {
        const error = share * (errors[one] ?? 0);
        for (let other = 0; other < models.length; other += 1, cell += 1)
          learnt.products[cell] = (learnt.products[cell] ?? 0) + error * (errors[other] ?? 0);
      }
      learnt.days = 1;
      learnt.forecasts += 1;
    },

    add(sums: Sums, expected: Float64Array, blended: number, { actual, believed, scale, weight }: Tried): void {
      sums.actual += weight * actual;
      for (let model = 0; model <= blend; model += 1) {
        const said = model === blend ? blended : (expected[model] ?? 0);
        sums.expected[model] = (sums.expected[model] ?? 0) + weight * said;
        sums.error[model] = (sums.error[model] ?? 0) + weight * Math.abs(actual - said);
      }
      const bin = binOf(Math.abs(believed - blended), scale);
      // What rounds to nothing is not in a forecast's document, so it has no interval there either.
      if (blended >= 0.5) sums.bins[bin] = (sums.bins[bin] ?? 0) + weight;
    },

    /**
     * The weights as they would have been on the evening before a day. A class's are drawn to those of the region, and those to the
     * usual ones; new titles are too unlike the others for that.
     */
    weightsFor(at: number): ReadonlyMap<SeriesClass, Weights> {
      const all = noProducts(models.length);
      const learnt = new Map(seriesClasses.map((name) => [name, learntBefore(name, at)]));
      for (const name of grown) {
        const own = learnt.get(name);
        if (own) addProducts(all, { ...own, days: 0 });
      }
      all.days = Math.max(0, ...grown.map((name) => learnt.get(name)?.days ?? 0));
      const ofRegion = blendWeights(all, usual.get('torso') ?? [], (model) => isCandidate(model, 'torso'));
      return new Map(
        seriesClasses.map((name): [SeriesClass, Weights] => {
          const own = learnt.get(name) ?? noProducts(models.length);
          const towards = name === 'new' ? (usual.get(name) ?? []) : ofRegion;
          const weights = blendWeights(own, towards, (model) => isCandidate(model, name));
          return [name, { weights, chosen: own.days >= fewestDays && own.forecasts >= fewestForecasts }];
        }),
      );
    },

    /**
     * How many scales wide the interval of a day was, or is, to be: what held four in five so far, and a little more while that was few
     * days, since what is unusual about a day is so for all assets (as many days as there are errors in split conformal prediction).
     */
    width(seriesClass: SeriesClass, at: number): number {
      const share = Math.min(mostShare, aim * (1 + 1 / Math.max(1, at - 1)));
      const own = binsBefore([seriesClass], at);
      if (sumOf(own) >= fewestErrors) return widthOf(own, share);
      const merged = binsBefore(seriesClasses, at);
      return sumOf(merged) >= fewestErrors ? widthOf(merged, share) : unknownWidth;
    },

    /** Every model and their blend over the whole test, each evening's weights as they were then. */
    scores(seriesClass: SeriesClass): CandidateScore[] {
      const list = before(seriesClass, until);
      const actual = total(list, (sums) => sums.actual);
      const share = (value: number): number | null => (actual > 0 ? Math.round((value / actual) * 1e6) / 1e6 : null);
      return [...models.map(({ name }) => name), blendName].flatMap((model, place): CandidateScore[] => {
        if (place < blend && !isCandidate(place, seriesClass)) return [];
        return [
          {
            model,
            wape: share(total(list, ({ error }) => error[place] ?? 0)),
            bias: share(total(list, ({ expected }) => expected[place] ?? 0) - actual),
          },
        ];
      });
    },
  };
}

const sumOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);
