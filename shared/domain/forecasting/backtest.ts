/**
 * Rolling-origin back-test: on each of the last days, what every model would have said the evening before, against what
 * came. The blends' weights are learnt from it, and what each evening's own blend would have said is scored.
 *
 * Weekday factors and the age curve come from the days before the test only. An asset first seen on a test day counts as
 * a forecast of nothing: nobody could know it, and it was missed. Of a region of very many assets a sample is tested. All are
 * walked over twice, since weights need every asset's errors before any blend can be tried: keeping what the models said would take
 * more memory than saying it again takes time.
 */
import { type ForecastScore, type SeriesClass, seriesClasses } from '../fill.ts';
import { type AgeCurve, learnAgeCurve } from './age-curve.ts';
import { blendOf } from './blend-weights.ts';
import { countWithin } from './error-bins.ts';
import { firstDayOf, type History } from './history.ts';
import { makeErrorMeter } from './interval.ts';
import { daysOf } from './level.ts';
import { makeEnsemble } from './models/ensemble.ts';
import { makeFamily } from './models/family.ts';
import { sampleSeries } from './sample.ts';
import { type Bounds, boundsOf, classOf, isNew, volumeOf, volumesOf } from './series-class.ts';
import { makeTally, type Tally, type Weights } from './tally.ts';
import { type Step, walk } from './walk.ts';
import { weekdayFactors } from './weekday.ts';

const mostTestDays = 28;
const mostScoredDays = 14;
const fewestDays = 4;
/** The class of an asset that came during the test is told by its first days. */
const firstDays = 14;

export interface Backtest {
  readonly tally: Tally;
  /** For the day after the history. */
  readonly weights: ReadonlyMap<SeriesClass, Weights>;
  /** Null when there are fewer than four observed days, or nothing was watched on the scored days. */
  readonly score: ForecastScore | null;
}

export function backtest(history: History, elsewhere?: History): Backtest {
  const { axis } = history;
  const until = axis.dates.length;
  const from = until - Math.min(mostTestDays, Math.floor(until / 2));
  const factors = weekdayFactors(axis, from);
  const curve: AgeCurve = learnAgeCurve(history, factors, from, elsewhere);
  const family = makeFamily(curve);
  const { models } = family;
  const tally = makeTally(family, from, until);
  const volumes = volumesOf(history, from);
  const bounds = boundsOf(volumes);
  const days = daysOf(axis, factors);
  const expected = new Float64Array(models.length);

  /** Every asset of the sample on each of its days, with what the models expected of it but on its first. */
  const tryAll = (visit: (tried: Step, seriesClass: SeriesClass, weight: number) => void): void => {
    for (const [place, weight] of sampleSeries(volumes)) {
      const one = history.series(place);
      const usual = usualClass({ history, volumes, bounds, from }, place);
      const ensemble = makeEnsemble(models);
      walk(one, days, (step) => {
        if (!step.isFirst) ensemble.expect(step.day, expected);
        visit(step, isNew(axis, one, step.day.number) ? 'new' : usual, weight);
        ensemble.observe(step.day, step.believed);
      });
    }
  };

  tryAll(({ isFirst, at, believed }, seriesClass, weight) => {
    if (!isFirst && at >= from) tally.learn(tally.at(seriesClass, at), expected, { believed, weight });
  });
  const weightsOf = Array.from({ length: until - from + 1 }, (_, day) => tally.weightsFor(from + day));
  const ofEvening = (at: number) => weightsOf[Math.max(0, at - from)] ?? new Map<SeriesClass, Weights>();

  const unforeseen = new Float64Array(until);
  const persisted = new Float64Array(until);
  let meter = makeErrorMeter();
  let previous = 0;
  tryAll(({ isFirst, at, gapDays, bytes, believed }, seriesClass, weight) => {
    if (isFirst) {
      meter = makeErrorMeter();
      previous = 0;
      unforeseen[at] = (unforeseen[at] ?? 0) + weight * bytes;
    }
    persisted[at] = (persisted[at] ?? 0) + weight * Math.abs(previous - bytes);
    previous = bytes;
    if (isFirst) return;
    const blended = blendOf(ofEvening(at).get(seriesClass)?.weights ?? [], expected);
    const sums = tally.at(seriesClass, at);
    tally.add(sums, expected, blended, { actual: bytes, believed, scale: meter.scaleFor(blended), weight });
    meter.add(Math.abs(believed - blended), gapDays);
  });
  const scoredFrom = until - Math.min(mostScoredDays, Math.floor(until / 2));
  const blend = models.length;
  const score = until < fewestDays ? null : scoreOf({ tally, blend, from: scoredFrom, until, unforeseen, persisted });
  return { tally, weights: ofEvening(until), score };
}

interface Places {
  readonly history: History;
  readonly volumes: Float64Array;
  readonly bounds: Bounds;
  readonly from: number;
}

function usualClass({ history, volumes, bounds, from }: Places, place: number): SeriesClass {
  const one = history.series(place);
  const first = firstDayOf(one);
  const until = Math.min(history.axis.dates.length, first + firstDays);
  return classOf(first < from ? (volumes[place] ?? 0) : volumeOf(one, until), bounds);
}

interface Scored {
  readonly tally: Tally;
  /** Place of the blend among the sums by model. */
  readonly blend: number;
  readonly from: number;
  readonly until: number;
  readonly unforeseen: Float64Array;
  readonly persisted: Float64Array;
}

function scoreOf({ tally, blend, from, until, unforeseen, persisted }: Scored): ForecastScore | null {
  let error = 0;
  let persistenceError = 0;
  let expected = 0;
  let actual = 0;
  let inside = 0;
  let intervals = 0;
  for (let at = from; at < until; at += 1) {
    error += unforeseen[at] ?? 0;
    actual += unforeseen[at] ?? 0;
    persistenceError += persisted[at] ?? 0;
    for (const seriesClass of seriesClasses) {
      const sums = tally.at(seriesClass, at);
      error += sums.error[blend] ?? 0;
      expected += sums.expected[blend] ?? 0;
      actual += sums.actual;
      const counted = sums.bins.reduce((sum, count) => sum + count, 0);
      if (counted === 0) continue;
      inside += countWithin(sums.bins, tally.width(seriesClass, at));
      intervals += counted;
    }
  }
  if (actual === 0) return null;
  return {
    wape: round(error / actual),
    bias: round((expected - actual) / actual),
    intervalCoverage: intervals > 0 ? round(inside / intervals) : 0,
    backtestDays: until - from,
    persistenceWape: round(persistenceError / actual),
  };
}

const round = (value: number): number => Math.round(value * 1e6) / 1e6;
