/** Sums of the back-test by class, model and day: all that choice, score and intervals need, whatever the number of assets. */
import { type CandidateScore, type SeriesClass, seriesClasses } from '../fill.ts';
import { binCount, binOf, widthOf } from './error-bins.ts';
import { aim, unknownWidth } from './interval.ts';
import type { Family } from './models/family.ts';

/** A choice needs so many days, and forecasts on them; an interval's width so many errors. */
const fewestDays = 7;
const fewestForecasts = 50;
const fewestErrors = 20;
/** Another model must be better than the fallback by so much, so that noise does not choose. */
const margin = 0.9;

const grown = seriesClasses.filter((name) => name !== 'new');

export interface Sums {
  forecasts: number;
  actual: number;
  believed: number;
  /** By model. */
  readonly expected: Float64Array;
  readonly error: Float64Array;
  /** Against what is believed of the demand, so that one abusive day chooses no model. */
  readonly believedError: Float64Array;
  readonly bins: readonly Float64Array[];
}

/** One forecast of the test and what came. */
export interface Tried {
  readonly expected: number;
  readonly actual: number;
  readonly believed: number;
  /** The asset's scale of error, for intervals. */
  readonly scale: number;
  /** How many assets this one stands for. */
  readonly weight: number;
}

export interface Choice {
  readonly model: number;
  readonly chosen: boolean;
}

export type Tally = ReturnType<typeof makeTally>;

/** @param from first day of the test; errors before it count for widths only. @param until the day after the last. */
export function makeTally({ models, fallback, isCandidate }: Family, from: number, until: number) {
  const empty = (): Sums => ({
    forecasts: 0,
    actual: 0,
    believed: 0,
    expected: new Float64Array(models.length),
    error: new Float64Array(models.length),
    believedError: new Float64Array(models.length),
    bins: models.map(() => new Float64Array(binCount)),
  });
  const days = new Map<SeriesClass, Sums[]>(
    seriesClasses.map((name) => [name, Array.from({ length: until - from + 1 }, empty)]),
  );
  const slot = (at: number): number => Math.max(0, at - from + 1);
  const before = (seriesClass: SeriesClass, at: number): readonly Sums[] =>
    days.get(seriesClass)?.slice(1, slot(at)) ?? [];
  const candidates = (seriesClass: SeriesClass): number[] =>
    models.flatMap((_, model) => (isCandidate(model, seriesClass) ? [model] : []));

  const total = (list: readonly Sums[], pick: (sums: Sums) => number): number =>
    list.reduce((sum, sums) => sum + pick(sums), 0);

  /**
   * WAPE plus the size of the bias: by absolute error alone, expecting nothing of rarely watched assets would win, and
   * nothing would be planned for what makes much of the demand.
   */
  const loss = (list: readonly Sums[], model: number): number => {
    const error = total(list, (sums) => sums.believedError[model] ?? 0);
    const bias = total(list, (sums) => (sums.expected[model] ?? 0) - sums.believed);
    return error + Math.abs(bias);
  };

  const isEnough = (own: readonly Sums[], list = own): boolean =>
    own.length >= fewestDays &&
    total(list, ({ forecasts }) => forecasts) >= fewestForecasts &&
    total(list, ({ believed }) => believed) > 0;

  const errorsBefore = (seriesClass: SeriesClass, model: number, at: number): Float64Array => {
    const merged = new Float64Array(binCount);
    for (const { bins } of days.get(seriesClass)?.slice(0, slot(at)) ?? []) {
      for (let bin = 0; bin < binCount; bin += 1) merged[bin] = (merged[bin] ?? 0) + (bins[model]?.[bin] ?? 0);
    }
    return merged;
  };

  return {
    at: (seriesClass: SeriesClass, at: number): Sums => days.get(seriesClass)?.[slot(at)] ?? empty(),

    add(sums: Sums, model: number, { expected, actual, believed, scale, weight }: Tried): void {
      const error = Math.abs(actual - expected);
      sums.expected[model] = (sums.expected[model] ?? 0) + weight * expected;
      sums.error[model] = (sums.error[model] ?? 0) + weight * error;
      sums.believedError[model] = (sums.believedError[model] ?? 0) + weight * Math.abs(believed - expected);
      const bins = sums.bins[model];
      const bin = binOf(error, scale);
      // What rounds to nothing is not in a forecast's document, so it has no interval there either.
      if (bins && expected >= 0.5) bins[bin] = (bins[bin] ?? 0) + weight;
    },

    /**
     * What would have been chosen on the evening before a day. A class of too few assets goes with all of the region's;
     * new titles are too unlike the others for that.
     */
    choose(seriesClass: SeriesClass, at: number): Choice {
      const own = before(seriesClass, at);
      const list = isEnough(own) || seriesClass === 'new' ? own : grown.flatMap((name) => before(name, at));
      if (!isEnough(own, list)) return { model: fallback, chosen: false };
      const usual = loss(list, fallback) * margin;
      let model = fallback;
      let least = usual;
      for (const candidate of candidates(seriesClass)) {
        const lost = loss(list, candidate);
        if (candidate === fallback || lost >= least) continue;
        model = candidate;
        least = lost;
      }
      return { model, chosen: true };
    },

    /** How many scales wide the interval of a day was, or is, to be. */
    width(seriesClass: SeriesClass, model: number, at: number): number {
      const own = errorsBefore(seriesClass, model, at);
      if (sumOf(own) >= fewestErrors) return widthOf(own, aim);
      const all = seriesClasses.map((name) => errorsBefore(name, model, at));
      const merged = own.map((_, bin) => all.reduce((sum, bins) => sum + (bins[bin] ?? 0), 0));
      return sumOf(merged) >= fewestErrors ? widthOf(merged, aim) : unknownWidth;
    },

    /** Every candidate over the whole test. */
    scores(seriesClass: SeriesClass): CandidateScore[] {
      const list = before(seriesClass, until);
      const actual = total(list, (sums) => sums.actual);
      return candidates(seriesClass).map((model) => {
        const share = (value: number): number | null => (actual > 0 ? Math.round((value / actual) * 1e6) / 1e6 : null);
        return {
          model: models[model]?.name ?? '',
          wape: share(total(list, ({ error }) => error[model] ?? 0)),
          bias: share(total(list, ({ expected }) => expected[model] ?? 0) - actual),
        };
      });
    },
  };
}

const sumOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);
