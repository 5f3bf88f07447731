/**
 * Titles that this region has no past of.
 *
 * `pooled-regions/1`: demand elsewhere, scaled by this region's share of the others' demand for the titles that both
 * watch, and by how often a title that others watch does come here: what such titles brought on their first days of the
 * last two weeks, over what share alone would have said, apart for titles new elsewhere and for older ones.
 *
 * `pooled-series/1`: a title that nobody has watched, of a series watched here, on the first days after its premiere:
 * what the latest titles of the series brought on their first day.
 *
 * Both are guesses, so they are held down: a title to 5% and all together to 25% of what the region's known titles are
 * expected to bring. A region without any past is taken as the mean of the others.
 */
import type { AssetForecast } from '../fill.ts';
import { dayNumber } from '../time/local-time.ts';
import { firstDayOf, type History, type Series } from './history.ts';
import { daysOf } from './level.ts';
import { weightedMean } from './models/weighted-mean.ts';
import { walk } from './walk.ts';

const mostOfOne = 0.05;
const mostOfAll = 0.25;
/** A forecast names no more than so many of them: the rest brings next to nothing each. */
const mostTitles = 1_000;
const learnDays = 14;
/** A title that others watch for no longer than this is new to them. */
const freshDays = 3;
const premiereDays = 2;
const latestOfSeries = 5;
/** Of fewer the least says little. */
const fewestForLow = 3;

export interface Title {
  readonly assetId: string;
  readonly series: string | null;
  /** The day it is first shown: its premiere, else its publication; `YYYY-MM-DD`. */
  readonly since: string | null;
}

export interface ColdStart {
  readonly assetId: string;
  readonly expectedBytes: number;
  /** The least that the series' latest titles brought; 0 where that is known of few, or of none. */
  readonly lowBytes: number;
  readonly expectedViews: number;
  readonly model: 'pooled-regions/1' | 'pooled-series/1';
}

export interface ColdStartInput {
  readonly history: History;
  readonly elsewhere: History | undefined;
  readonly otherRegions: number;
  readonly titles: readonly Title[];
  readonly date: string;
  readonly known: readonly AssetForecast[];
}

export function coldStarts(input: ColdStartInput): ColdStart[] {
  const pooled = input.elsewhere ? byRegions(input, input.elsewhere) : [];
  const all = [...pooled, ...bySeries(input, new Set(pooled.map(({ assetId }) => assetId)))]
    .filter(({ expectedBytes }) => expectedBytes >= 1)
    .sort((a, b) => b.expectedBytes - a.expectedBytes || (a.assetId < b.assetId ? -1 : 1))
    .slice(0, mostTitles);
  const expected = input.known.reduce((sum, { expectedBytes }) => sum + expectedBytes, 0);
  if (input.history.size === 0) return all;
  const held = all.map((one) => scaled(one, Math.min(1, (mostOfOne * expected) / one.expectedBytes)));
  const total = held.reduce((sum, { expectedBytes }) => sum + expectedBytes, 0);
  const factor = total > 0 ? Math.min(1, (mostOfAll * expected) / total) : 1;
  return held.map((one) => scaled(one, factor));
}

const scaled = (one: ColdStart, factor: number): ColdStart => ({
  ...one,
  expectedBytes: one.expectedBytes * factor,
  lowBytes: one.lowBytes * factor,
  expectedViews: one.expectedViews * factor,
});

interface Arrivals {
  came: number;
  said: number;
}

function byRegions({ history, known, otherRegions, date }: ColdStartInput, elsewhere: History): ColdStart[] {
  const number = dayNumber(date);
  const days = daysOf(elsewhere.axis, []);
  const expectedHere = new Map(known.map(({ assetId, expectedBytes }) => [assetId, expectedBytes]));
  const observedHere = new Set(history.axis.dayNumbers.slice(-learnDays));
  const arrivals = { fresh: { came: 0, said: 0 }, old: { came: 0, said: 0 } };
  const unknown: Unknown[] = [];
  let ours = 0;
  let theirs = 0;
  for (let place = 0; place < elsewhere.size; place += 1) {
    const one = elsewhere.series(place);
    const placeHere = history.placeOf(one.assetId);
    const series = placeHere === undefined ? null : history.series(placeHere);
    const firstHere = series ? firstNumber(history, series) : Number.POSITIVE_INFINITY;
    const firstThere = firstNumber(elsewhere, one);
    const track = weightedMean.begin();
    walk(one, days, ({ day, isFirst, believed }) => {
      if (!isFirst && day.number <= firstHere && observedHere.has(day.number)) {
        const arrival: Arrivals = day.number - firstThere <= freshDays ? arrivals.fresh : arrivals.old;
        arrival.said += track.expect(day);
        if (day.number === firstHere) arrival.came += series?.believed[0] ?? 0;
      }
      track.observe(day, believed);
    });
    const level = track.expect({ number, weekday: 0, factor: 1, level: 0, expectedLevel: 0 });
    if (series) {
      ours += expectedHere.get(one.assetId) ?? 0;
      theirs += level;
    } else {
      const bytes = sumOf(one.bytes, one.length);
      const viewsAByte = bytes > 0 ? sumOf(one.views, one.length) / bytes : 0;
      unknown.push({ assetId: one.assetId, viewsAByte, level, isFresh: number - firstThere <= freshDays });
    }
  }
  const isBlank = history.size === 0;
  const share = isBlank ? 1 / Math.max(1, otherRegions) : theirs > 0 ? ours / theirs : 0;
  /** Drawn towards "comes as its share says" as if one usual title more had come. */
  const usual = ours / Math.max(1, history.size);
  const factorOf = ({ came, said }: Arrivals): number =>
    isBlank ? 1 : Math.min(1, (came + usual) / Math.max(1e-9, said * share + usual));
  return unknown.map(({ assetId, viewsAByte, level, isFresh }) => {
    const expectedBytes = level * share * factorOf(isFresh ? arrivals.fresh : arrivals.old);
    return {
      assetId,
      expectedBytes,
      lowBytes: 0,
      expectedViews: expectedBytes * viewsAByte,
      model: 'pooled-regions/1',
    };
  });
}

/** A title that only others have watched. */
interface Unknown {
  readonly assetId: string;
  readonly viewsAByte: number;
  /** Bytes a day there. */
  readonly level: number;
  readonly isFresh: boolean;
}

const firstNumber = ({ axis }: History, series: Series): number =>
  axis.dayNumbers[firstDayOf(series)] ?? Number.POSITIVE_INFINITY;

function sumOf(values: Float64Array, length: number): number {
  let sum = 0;
  for (let at = 0; at < length; at += 1) sum += values[at] ?? 0;
  return sum;
}

/** What a title of a series brought on its first day. */
interface Premiere {
  readonly day: number;
  readonly bytes: number;
  readonly views: number;
}

function bySeries({ history, titles, date }: ColdStartInput, done: ReadonlySet<string>): ColdStart[] {
  const number = dayNumber(date);
  const ofSeries = new Map<string, Premiere[]>();
  const isKnown = (assetId: string): boolean => history.placeOf(assetId) !== undefined;
  for (const { assetId, series } of titles) {
    const place = series === null ? undefined : history.placeOf(assetId);
    if (series === null || place === undefined) continue;
    const { days, believed, views } = history.series(place);
    const premiere = { day: days[0] ?? 0, bytes: believed[0] ?? 0, views: views[0] ?? 0 };
    const premieres = ofSeries.get(series);
    if (premieres) premieres.push(premiere);
    else ofSeries.set(series, [premiere]);
  }
  return titles.flatMap(({ assetId, series, since }): ColdStart[] => {
    if (series === null || since === null || isKnown(assetId) || done.has(assetId)) return [];
    const age = number - dayNumber(since);
    const latest = (ofSeries.get(series) ?? []).toSorted((a, b) => b.day - a.day).slice(0, latestOfSeries);
    if (age < 0 || age > premiereDays || latest.length === 0) return [];
    const mean = (pick: (premiere: Premiere) => number): number =>
      latest.reduce((sum, premiere) => sum + pick(premiere), 0) / latest.length;
    return [
      {
        assetId,
        expectedBytes: mean(({ bytes }) => bytes),
        lowBytes: latest.length >= fewestForLow ? Math.min(...latest.map(({ bytes }) => bytes)) : 0,
        expectedViews: mean(({ views }) => views),
        model: 'pooled-series/1',
      },
    ];
  });
}
