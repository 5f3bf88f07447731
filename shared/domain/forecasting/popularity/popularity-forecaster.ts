/**
 * Expected requests of each of many series within the coming hours, from all requests so far: here, and elsewhere.
 *
 * Life: requests are told in the order of time (one by one, or as hourly counts), `advance` is called regularly, and the
 * forecaster learns from its own past forecasts as their hours end. 128 bytes a series, however long its past.
 * The same calls give the same numbers.
 */

import { makeRoom } from '../../room.ts';
import { makeAdditiveModel, makePlacedSigns, placeSigns } from './additive-model.ts';
import { makeDecayedCounts } from './decayed-counts.ts';
import { makeLessons } from './lessons.ts';
import { makeRandom } from './random.ts';
import { makeSignReader, type SignContext, signCount, signNames } from './signs.ts';

const dayS = 86_400;
/**
 * The forecast is the mean of three, which learn the coming hour, what lasts some hours, and what lasts till tomorrow: a
 * small disk lives from the first, a large one from the last.
 */
const learntHorizonsS: readonly number[] = [1, 4, 16].map((hours) => hours * 3_600);
/** How long past regional totals count when the regions' sizes are compared. */
const totalsAgeS = (3 * dayS) / Math.LN2;
const revisedDays = 6;
/** Requests a day below which a series teaches nothing about the ones that compete for space. */
const leastTaughtRate = 0.3 / dayS;
const typicalBytes = 1e6;
const mostWeight = 4;

export interface PopularityForecaster {
  /** Requests of this region. @param count how many at once, for a past known by the hour. */
  see(series: number, timeS: number, count?: number): void;
  /** Requests of any other region. */
  seeElsewhere(series: number, timeS: number, count?: number): void;
  /**
   * Natural logarithm of the requests expected within the horizon, if the region stays as busy as it is.
   *
   * Allocates nothing. What is ranked by this is ranked by bytes served per byte stored.
   */
  expectLog(series: number, timeS: number): number;
  /** A tenth of the work and a rougher number: to leave out early what is far from mattering. */
  guessLog(series: number, timeS: number): number;
  /** Takes the forecast that `expectLog` just made as one to learn from. @param sizeBytes the larger, the more it matters. */
  studyLast(sizeBytes: number): void;
  /** Learns from forecasts whose hours are over; to be called several times an hour. */
  advance(timeS: number): void;
  /** What each sign adds to the logarithm now; for people. */
  explain(series: number, timeS: number): readonly { readonly sign: string; readonly adds: number }[];
  /** Time of the last request anywhere, or -Infinity. */
  lastSeenS(series: number): number;
  /** Makes the number that of a series that was never seen. Lessons of the old one end with no further request. */
  forget(series: number): void;
  /** What a later run goes on with: the first `series`' counts, as they lie, and what was learnt, but no open lessons. */
  save(series: number): SavedForecaster;
  /** @throws RangeError when it was saved by another make; nothing has changed then. */
  restore(saved: SavedForecaster): void;
  readonly horizonS: number;
}

/** In an order of the forecaster's own. */
export interface SavedForecaster {
  readonly columns: readonly Float64Array[];
  readonly learnt: readonly Float64Array[];
}

export interface PopularityOptions {
  readonly horizonS: number;
  /** Series to have room for; more may come. */
  readonly series: number;
}

export function makePopularityForecaster({ horizonS, series: initial }: PopularityOptions): PopularityForecaster {
  const room = makeRoom(initial);
  const own = makeDecayedCounts(room);
  const elsewhere = makeDecayedCounts(room);
  const firstSeen = room.column((length) => new Float64Array(length).fill(Number.POSITIVE_INFINITY));
  const counts = room.column((length) => new Float64Array(length));
  const reader = makeSignReader({ own, elsewhere });
  const learners = learntHorizonsS.map((learntS, index) => {
    const model = makeAdditiveModel(signCount);
    return { learntS, model, lessons: makeLessons(model, signCount, makeRandom(index + 1)) };
  });
  const signs = new Float64Array(signCount);
  const placed = makePlacedSigns(signCount);
  /** Requests here and elsewhere, decayed, and when that was. */
  const totals = new Float64Array(2);
  let totalsS = Number.NaN;
  let startS = Number.NaN;
  let revisedDay = Number.NaN;
  const context: SignContext = { timeS: 0, observedS: 0, sizeRatio: 1, firstSeenS: firstSeen.cells };
  const last = { series: 0, timeS: 0, guessLog: 0 };
  /** What was forgotten since, was not asked for any more. */
  const countSince = (series: number, sinceS: number, before: number): number =>
    (firstSeen.cells[series] ?? 0) > sinceS ? 0 : (counts.cells[series] ?? 0) - before;

  const note = (series: number, timeS: number, place: 0 | 1, count: number): void => {
    room.admit(series);
    if (Number.isNaN(startS)) {
      startS = timeS;
      totalsS = timeS;
    }
    if (timeS > totalsS) {
      const kept = Math.exp((totalsS - timeS) / totalsAgeS);
      totals[0] = (totals[0] ?? 0) * kept;
      totals[1] = (totals[1] ?? 0) * kept;
      totalsS = timeS;
    }
    totals[place] = (totals[place] ?? 0) + count;
    if ((firstSeen.cells[series] ?? timeS) > timeS) firstSeen.cells[series] = timeS;
  };
  const at = (timeS: number): SignContext => {
    context.timeS = timeS;
    context.observedS = Number.isNaN(startS) ? 0 : timeS - startS;
    context.sizeRatio = ((totals[0] ?? 0) + 1) / ((totals[1] ?? 0) + 1);
    context.firstSeenS = firstSeen.cells;
    return context;
  };
  const expectLog = (series: number, timeS: number): number => {
    room.admit(series);
    const guessLog = Math.log(reader.read(series, at(timeS), signs, 0) * horizonS);
    last.series = series;
    last.timeS = timeS;
    last.guessLog = guessLog;
    placeSigns(signs, 0, placed);
    let adjustment = 0;
    for (const { model } of learners) adjustment += model.adjust(placed);
    return guessLog + adjustment / learners.length;
  };
  return {
    horizonS,
    see: (series, timeS, count = 1) => {
      note(series, timeS, 0, count);
      own.add(series, timeS, count);
      counts.cells[series] = (counts.cells[series] ?? 0) + count;
    },
    seeElsewhere: (series, timeS, count = 1) => {
      note(series, timeS, 1, count);
      elsewhere.add(series, timeS, count);
    },
    expectLog,
    guessLog: (series, timeS) => {
      room.admit(series);
      return Math.log(reader.usualRate(series, at(timeS)) * horizonS);
    },
    studyLast: (sizeBytes) => {
      if (last.guessLog < Math.log(leastTaughtRate * horizonS)) return;
      const weight = Math.min(mostWeight, sizeBytes / typicalBytes + 0.1);
      for (const { lessons, learntS } of learners) {
        lessons.signs.set(signs, lessons.nextRow());
        const guessLog = last.guessLog + Math.log(learntS / horizonS);
        lessons.add({ ...last, guessLog, weight }, counts.cells[last.series] ?? 0);
      }
    },
    advance: (timeS) => {
      const day = Math.floor(timeS / dayS);
      for (const { lessons, learntS } of learners) {
        lessons.settle(timeS, learntS, countSince);
        if (day !== revisedDay && !Number.isNaN(revisedDay)) lessons.revise(timeS - revisedDays * dayS);
      }
      revisedDay = day;
    },
    explain: (series, timeS) => {
      expectLog(series, timeS);
      const parts = learners.map(({ model }) => model.explain(placed));
      return signNames.map((sign, index) => ({
        sign,
        adds: parts.reduce((sum, adds) => sum + (adds[index] ?? 0), 0) / parts.length,
      }));
    },
    lastSeenS: (series) => Math.max(own.lastS(series), elsewhere.lastS(series)),
    forget: (series) => {
      if (series >= room.size()) return;
      own.clear(series);
      elsewhere.clear(series);
      firstSeen.cells[series] = Number.POSITIVE_INFINITY;
      counts.cells[series] = 0;
    },
    save: (series) => ({
      columns: room.save(series),
      learnt: [
        Float64Array.of(...totals, totalsS, startS, revisedDay),
        ...learners.flatMap(({ model }) => model.learnt.map((each) => each.slice())),
      ],
    }),
    restore: (saved) => {
      const [facts, ...learnt] = saved.learnt;
      const own = learners.flatMap(({ model }) => model.learnt);
      if (
        facts?.length !== 5 ||
        learnt.length !== own.length ||
        learnt.some((each, at) => each.length !== own[at]?.length)
      )
        throw new RangeError('what was learnt is of another make');
      room.restore(saved.columns);
      for (const [at, each] of own.entries()) each.set(learnt[at] ?? each);
      totals.set(facts.subarray(0, 2));
      [totalsS, startS, revisedDay] = [facts[2] ?? Number.NaN, facts[3] ?? Number.NaN, facts[4] ?? Number.NaN];
    },
  };
}
