/**
 * Rolling-origin back-test: on each of the last days, what every model would have said the evening before, against what
 * came. Models are chosen by it, and what the choice itself would have been on each evening is scored.
 *
 * Weekday factors and the age curve come from the days before the test only. An asset first seen on a test day counts as
 * a forecast of nothing: nobody could know it, and it was missed. Of a region of very many assets a sample is tested.
 */
import { type ForecastScore, type SeriesClass, seriesClasses } from '../fill.ts';
import { type AgeCurve, learnAgeCurve } from './age-curve.ts';
import { countWithin } from './error-bins.ts';
import { firstDayOf, type History } from './history.ts';
import { makeErrorMeter } from './interval.ts';
import { type Family, makeFamily } from './models/family.ts';
import { sampleSeries } from './sample.ts';
import { boundsOf, classOf, isNew, volumeOf, volumesOf } from './series-class.ts';
import { makeTally, type Tally } from './tally.ts';
import { daysOf, walk } from './walk.ts';
import { weekdayFactors } from './weekday.ts';

const mostTestDays = 28;
const mostScoredDays = 14;
const fewestDays = 4;
/** The class of an asset that came during the test is told by its first days. */
const firstDays = 14;

export interface Backtest {
  readonly tally: Tally;
  readonly family: Family;
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
  const tally = makeTally(family, from, until);
  const volumes = volumesOf(history, from);
  const bounds = boundsOf(volumes);
  const days = daysOf(axis, factors);
  const unforeseen = new Float64Array(until);
  const persisted = new Float64Array(until);

  for (const [place, weight] of sampleSeries(volumes)) {
    const one = history.series(place);
    const first = firstDayOf(one);
    const usual = classOf(
      first < from ? (volumes[place] ?? 0) : volumeOf(one, Math.min(until, first + firstDays)),
      bounds,
    );
    const tracks = family.models.map((model) => model.begin());
    const meters = family.models.map(makeErrorMeter);
    let previous = 0;
    walk(one, days, ({ at, gapDays, day, isFirst, bytes, believed }) => {
      persisted[at] = (persisted[at] ?? 0) + weight * Math.abs(previous - bytes);
      previous = bytes;
      if (isFirst) unforeseen[at] = (unforeseen[at] ?? 0) + weight * bytes;
      const seriesClass: SeriesClass = isNew(axis, one, day.number) ? 'new' : usual;
      const sums = isFirst ? null : tally.at(seriesClass, at);
      if (sums) {
        sums.forecasts += 1;
        sums.actual += weight * bytes;
        sums.believed += weight * believed;
      }
      for (let model = 0; model < tracks.length; model += 1) {
        const track = tracks[model];
        const meter = meters[model];
        if (sums && track && meter) {
          const expected = track.expect(day);
          tally.add(sums, model, { expected, actual: bytes, believed, scale: meter.scaleFor(expected), weight });
          meter.add(Math.abs(believed - expected), gapDays);
        }
        track?.observe(day, believed);
      }
    });
  }
  const scoredFrom = until - Math.min(mostScoredDays, Math.floor(until / 2));
  const score = until < fewestDays ? null : scoreOf({ tally, from: scoredFrom, until, unforeseen, persisted });
  return { tally, family, score };
}

interface Scored {
  readonly tally: Tally;
  readonly from: number;
  readonly until: number;
  readonly unforeseen: Float64Array;
  readonly persisted: Float64Array;
}

function scoreOf({ tally, from, until, unforeseen, persisted }: Scored): ForecastScore | null {
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
      const { model } = tally.choose(seriesClass, at);
      error += sums.error[model] ?? 0;
      expected += sums.expected[model] ?? 0;
      actual += sums.actual;
      const bins = sums.bins[model];
      const counted = bins?.reduce((sum, count) => sum + count, 0) ?? 0;
      if (!bins || counted === 0) continue;
      inside += countWithin(bins, tally.width(seriesClass, model, at));
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
