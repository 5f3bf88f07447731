/**
 * Forecast of one region's day: for each asset by its class's blend of models, with an 80% interval and the scores
 * that the blend was made by; titles without a past here by other regions and by their series. Pure; time and memory grow
 * with the number of assets times the observed days.
 */
import { type AssetForecast, type Forecast, type ModelChoice, type SeriesClass, seriesClasses } from '../fill.ts';
import { dayNumber } from '../time/local-time.ts';
import { learnAgeCurve } from './age-curve.ts';
import { backtest } from './backtest.ts';
import { blendOf } from './blend-weights.ts';
import { type ColdStart, coldStarts, type Title } from './cold-start.ts';
import type { DemandTable } from './demand-table.ts';
import { firstDayOf, type History, readHistory, type Series } from './history.ts';
import { intervalOf, makeErrorMeter } from './interval.ts';
import { daysOf } from './level.ts';
import { makeEnsemble } from './models/ensemble.ts';
import { makeFamily } from './models/family.ts';
import type { Day, Model } from './models/model.ts';
import { decayOver } from './models/weighted-mean.ts';
import { boundsOf, classOf, isNew, volumesOf } from './series-class.ts';
import { blendName } from './tally.ts';
import { walk } from './walk.ts';
import { weekdayFactors } from './weekday.ts';

/** Of the blends as a whole; each asset names its own. Changes whenever the same history would give other numbers. */
export const modelName = 'blend-by-class/3';

/**
 * A rise that today does not show: at the low end of the interval so many times what the last day brought. The same factor as for
 * top-ups (docs/decisions/0051): less is within what forecasts near the margin are wrong by.
 */
const leastRise = 3;

export interface ForecastInput {
  readonly regionId: string;
  /** The day to forecast, on the region's calendar. */
  readonly date: string;
  /** On the region's calendar. Rows of `date` and later are left out. */
  readonly history: DemandTable;
  /** The same of other regions, for titles that have no past here and for how demand goes with age. */
  readonly elsewhere?: { readonly regions: number; readonly history: DemandTable };
  /** What is published, for titles that nobody anywhere has watched yet. */
  readonly titles?: readonly Title[];
  /** ISO 8601, UTC. */
  readonly madeAt: string;
}

export function forecastRegion(input: ForecastInput): Forecast {
  const { regionId, date, madeAt } = input;
  const history = readHistory(input.history, date);
  const elsewhere =
    input.elsewhere && input.elsewhere.regions > 0 ? readHistory(input.elsewhere.history, date) : undefined;
  const { known, choices, score } = forecastKnown(history, date, elsewhere);
  const cold = coldStarts({
    history,
    elsewhere,
    otherRegions: input.elsewhere?.regions ?? 0,
    titles: input.titles ?? [],
    date,
    known,
  });
  const assets = [...known, ...cold.map(withoutPast)]
    // What has faded to less than one byte a day is no demand any more.
    .filter(({ expectedBytes, expectedViews }) => expectedBytes > 0 || expectedViews > 0)
    .sort((a, b) => b.expectedBytes - a.expectedBytes || (a.assetId < b.assetId ? -1 : 1));
  return {
    schema: 1,
    regionId,
    date,
    model: modelName,
    madeAt,
    historyUntil: history.axis.dates.at(-1) ?? null,
    historyDays: history.axis.dates.length,
    expectedViews: roundViews(assets.reduce((sum, { expectedViews }) => sum + expectedViews, 0)),
    expectedBytes: assets.reduce((sum, { expectedBytes }) => sum + expectedBytes, 0),
    score,
    choices,
    assets,
  };
}

function forecastKnown(history: History, date: string, elsewhere: History | undefined) {
  const { axis } = history;
  const until = axis.dates.length;
  const { tally, weights, score } = backtest(history, elsewhere);
  const factors = weekdayFactors(axis);
  const number = dayNumber(date);
  const days = daysOf(axis, factors, number);
  const target = days.pop();
  const { models } = makeFamily(learnAgeCurve(history, factors, until, elsewhere));
  const volumes = volumesOf(history, until);
  const bounds = boundsOf(volumes);
  const counts = new Map(seriesClasses.map((name) => [name, 0]));
  const blends = new Map(
    seriesClasses.map((name): [SeriesClass, Blend] => {
      const { weights: all = [], chosen = false } = weights.get(name) ?? {};
      const members = models.flatMap((model, at) => ((all[at] ?? 0) > 0 ? [{ model, weight: all[at] ?? 0 }] : []));
      return [name, { name: `${blendName} ${name}`, members, chosen, width: tally.width(name, until) }];
    }),
  );
  const known: AssetForecast[] = [];
  for (let place = 0; place < history.size && target; place += 1) {
    const one = history.series(place);
    const seriesClass = isNew(axis, one, number) ? 'new' : classOf(volumes[place] ?? 0, bounds);
    const blend = blends.get(seriesClass);
    if (!blend) continue;
    counts.set(seriesClass, (counts.get(seriesClass) ?? 0) + 1);
    known.push(forecastOne(one, blend, days, target));
  }
  const choices = seriesClasses.flatMap((name): ModelChoice[] => {
    const blend = blends.get(name);
    const assets = counts.get(name) ?? 0;
    const candidates = tally.scores(name);
    if (!blend || (assets === 0 && candidates.every(({ wape }) => wape === null))) return [];
    const members = blend.members.map(({ model, weight }) => ({ model: model.name, weight }));
    return [{ seriesClass: name, assets, model: blend.name, weights: members, chosen: blend.chosen, candidates }];
  });
  return { known, choices, score };
}

interface Blend {
  readonly name: string;
  /** Those with any weight. */
  readonly members: readonly { readonly model: Model; readonly weight: number }[];
  readonly chosen: boolean;
  readonly width: number;
}

function forecastOne(one: Series, { name, members, width }: Blend, days: readonly Day[], target: Day): AssetForecast {
  const ensemble = makeEnsemble(members.map(({ model }) => model));
  const weights = members.map(({ weight }) => weight);
  const said = new Float64Array(members.length);
  const meter = makeErrorMeter();
  walk(one, days, ({ day, gapDays, isFirst, believed }) => {
    if (!isFirst) {
      ensemble.expect(day, said);
      meter.add(Math.abs(believed - blendOf(weights, said)), gapDays);
    }
    ensemble.observe(day, believed);
  });
  ensemble.expect(target, said);
  const expected = blendOf(weights, said);
  const { low, high } = intervalOf(expected, meter.scaleFor(expected), width);
  const lastBytes = one.days[one.length - 1] === days.length - 1 ? (one.bytes[one.length - 1] ?? 0) : 0;
  return {
    assetId: one.assetId,
    expectedViews: roundViews(expected * viewsAByte(one, days) || viewsOnly(one, days)),
    expectedBytes: Math.round(expected),
    lowBytes: Math.round(low),
    highBytes: Math.round(high),
    observedDays: one.length,
    model: name,
    ...(low >= 1 && low > leastRise * lastBytes ? { rises: true } : {}),
  };
}

/** How views go with bytes: what was seen lately counts more. */
function viewsAByte(one: Series, days: readonly Day[]): number {
  let views = 0;
  let bytes = 0;
  let last = 0;
  for (let at = 0; at < one.length; at += 1) {
    const number = days[one.days[at] ?? 0]?.number ?? 0;
    const decay = at > 0 ? decayOver(number - last) : 1;
    views = views * decay + (one.views[at] ?? 0);
    bytes = bytes * decay + (one.bytes[at] ?? 0);
    last = number;
  }
  return bytes > 0 ? views / bytes : 0;
}

/** An asset of which only views are known has a mean of them. */
function viewsOnly(one: Series, days: readonly Day[]): number {
  let views = 0;
  for (let at = 0; at < one.length; at += 1) {
    if ((one.bytes[at] ?? 0) > 0) return 0;
    views += one.views[at] ?? 0;
  }
  return views / Math.max(1, days.length - firstDayOf(one));
}

const withoutPast = ({ assetId, expectedBytes, lowBytes, expectedViews, model }: ColdStart): AssetForecast => ({
  assetId,
  expectedBytes: Math.round(expectedBytes),
  expectedViews: roundViews(expectedViews),
  lowBytes: Math.round(lowBytes),
  highBytes: Math.round(expectedBytes * 3),
  observedDays: 0,
  model,
  ...(lowBytes >= 1 ? { rises: true } : {}),
});

const roundViews = (views: number): number => Math.round(views * 1_000) / 1_000;
