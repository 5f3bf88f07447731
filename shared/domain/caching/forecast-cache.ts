/**
 * The content of one region's disk under the product's own rules: pulled objects stay by their forecast value, and at
 * midnight and in small hourly top-ups the planner pushes what is worth more than what would leave.
 *
 * Pure, and fed by events, so that a replay and an appliance in service run the same code. It decides only; the caller
 * moves the bytes, and is told by `onPush` and `onEvict`. Life: every request of all regions is told in the order of time,
 * and `advance` is called every `advanceEveryS`. Sees only the past. Objects are numbers, counted from 0; the number of an
 * object that was forgotten may be given to another.
 */
import {
  makePopularityForecaster,
  type PopularityForecaster,
  type SavedForecaster,
} from '../forecasting/popularity/popularity-forecaster.ts';
import { makeRandom } from '../forecasting/popularity/random.ts';
import { makeFillGate } from '../planning/fill-gate.ts';
import { chooseTopUp, type TopUpCandidate } from '../planning/top-up.ts';
import type { Column } from '../room.ts';
import { makeValuedCache } from './valued-cache.ts';

const hourS = 3_600;
const dayS = 24 * hourS;

export const advanceEveryS = 600;
/** What is forecast is the demand of the next so many seconds. */
export const horizonS = 4 * hourS;
/** Share of the requests, and of the objects each hour, that the forecaster learns from. */
const studiedRequests = 0.1;
const studiedObjects = 0.05;
/** Not asked for anywhere so long: no candidate any more. */
const forgottenS = 3 * dayS;
/** A pushed object is kept until it is asked for, and no longer than this. */
const pinnedS = dayS;
/** Shares of the capacity that may be pushed at a time. */
const nightShare = 0.3;
const hourShare = 0.05;
/** Candidates whose first guess is so far below the least held value are not looked at more closely. */
const guessMargin = 1;
/** While a cache is not so full, what is pushed costs nobody a place, if only it is expected to be asked for at all. */
const fullShare = 0.95;
const leastPushedLog = Math.log(0.1);
/** Objects looked at in one step of `advance`: a fraction of a millisecond. */
const objectsAStep = 256;

export interface ForecastCache {
  /** A viewer of this region asks. True: held. @param count how many ask at once; 0.25 is a quarter of the object. */
  ask(object: number, timeS: number, count?: number): boolean;
  /** The object was pulled. True: it is to be kept, and counts as held from now on. */
  offer(object: number, timeS: number): boolean;
  /** Viewers of other regions ask. */
  observe(object: number, timeS: number, count?: number): void;
  /**
   * Renews the values, and decides on pushes if an hour (UTC) has begun since the last call. Works as the steps are taken,
   * each a fraction of a millisecond; between them anything but `advance` may be called.
   */
  advance(timeS: number): Iterator<void>;
  has(object: number): boolean;
  /** Counts in what is there already; what then is too much leaves with `setCapacity`. */
  adopt(object: number, timeS: number): void;
  /** The object left for another reason than its value, or did not come; nothing is told of it. */
  release(object: number): void;
  /** Makes the number free for another object. */
  forget(object: number): void;
  /** Lets the least valuable go until the rest fits, and what was pushed last of all. */
  setCapacity(bytes: number): void;
  /** Time of the last request anywhere, or -Infinity. */
  lastSeenS(object: number): number;
  readonly usedBytes: () => number;
  readonly capacityBytes: () => number;
  /** Why an object is worth what it is: what each sign adds to the logarithm of its expected requests. */
  explain(object: number, timeS: number): readonly { readonly sign: string; readonly adds: number }[];
  /** Copies what a later run goes on with: the first `objects`' counts and what was learnt, not what is held. */
  save(objects: number): SavedForecaster;
  /** @throws RangeError when it was saved by another make; nothing has changed then. */
  restore(saved: SavedForecaster): void;
}

export interface ForecastCacheOptions {
  readonly capacityBytes: number;
  /** Bytes of each object, known when it is first asked for and the same until it is forgotten. */
  readonly sizes: Column;
  readonly onPush: (object: number) => void;
  readonly onEvict: (object: number) => void;
  /** False for what another keeps; without it everything may be pushed. */
  readonly mayPush?: (object: number) => boolean;
  /** Bytes that may be pushed now, besides the shares of the capacity that are the rule. */
  readonly pushBudgetBytes?: () => number;
  /** Shared with other caches (`shared-forecaster.ts`); without it the cache has its own. */
  readonly forecaster?: PopularityForecaster;
}

/** As a cache makes it for itself. @param objects to have room for; more may come. */
export const makeCacheForecaster = (objects: number): PopularityForecaster =>
  makePopularityForecaster({ horizonS, series: objects });

export function makeForecastCache(options: ForecastCacheOptions): ForecastCache {
  const { sizes, onPush, onEvict, mayPush = () => true, pushBudgetBytes = () => Number.POSITIVE_INFINITY } = options;
  const { forecaster = makeCacheForecaster(sizes.cells.length) } = options;
  const gate = makeFillGate();
  const random = makeRandom(2);
  const held = new Set<number>();
  const pinnedUntilS = new Map<number, number>();
  const cache = makeValuedCache({
    capacityBytes: options.capacityBytes,
    sizes,
    onEvict: (object) => {
      held.delete(object);
      onEvict(object);
    },
  });
  /** Objects asked for lately, anywhere. */
  const recent = new Set<number>();
  const sizeOf = (object: number): number => sizes.cells[object] ?? 0;
  let advancedS = Number.NaN;
  /** The expectation that `ask` worked out for what is not held: the offer mostly follows at once. */
  const asked = { object: -1, timeS: 0, expectedLog: 0 };

  const take = (object: number, expectedLog: number): boolean => {
    if (!cache.offer(object, expectedLog)) return false;
    held.add(object);
    return true;
  };
  const unpin = (object: number): void => {
    if (pinnedUntilS.delete(object)) cache.unpin(object);
  };
  const release = (object: number): void => {
    held.delete(object);
    pinnedUntilS.delete(object);
    cache.release(object);
  };
  const expect = (object: number, timeS: number, isStudied: boolean): number => {
    const expectedLog = forecaster.expectLog(object, timeS);
    if (isStudied) forecaster.studyLast(sizeOf(object));
    return expectedLog;
  };
  /** Through all that was asked for lately: some of it teaches the forecaster, and what is not held may be pushed. */
  function* survey(timeS: number): Generator<void, TopUpCandidate[]> {
    const candidates: TopUpCandidate[] = [];
    const isFull = cache.usedBytes() > fullShare * cache.capacityBytes();
    const leastGuessLog = isFull ? cache.leastValue() - guessMargin : leastPushedLog;
    let looked = 0;
    for (const object of recent) {
      looked += 1;
      if (looked % objectsAStep === 0) yield;
      if (timeS - forecaster.lastSeenS(object) > forgottenS) {
        recent.delete(object);
        continue;
      }
      const isStudied = random() < studiedObjects;
      const isPossible = !cache.has(object) && sizeOf(object) <= cache.capacityBytes();
      const isCandidate = isPossible && forecaster.guessLog(object, timeS) > leastGuessLog && mayPush(object);
      if (!isStudied && !isCandidate) continue;
      const expectedLog = expect(object, timeS, isStudied);
      if (isCandidate) candidates.push({ object, expectedLog, sizeBytes: sizeOf(object) });
    }
    return candidates;
  }
  function* topUp(timeS: number, share: number): Generator<void> {
    gate.settle(timeS);
    const candidates = yield* survey(timeS);
    chooseTopUp({
      candidates,
      budgetBytes: Math.min(cache.capacityBytes() * share, pushBudgetBytes()),
      isTrusted: gate.isOpen,
      leastHeldLog: (sizeBytes) =>
        cache.usedBytes() + sizeBytes <= fullShare * cache.capacityBytes()
          ? Number.NEGATIVE_INFINITY
          : cache.leastValue(),
      take: ({ object, expectedLog }) => {
        if (cache.has(object) || !take(object, expectedLog)) return false;
        cache.pin(object);
        pinnedUntilS.set(object, timeS + pinnedS);
        onPush(object);
        return true;
      },
    });
    for (const { object, expectedLog, sizeBytes } of candidates) gate.watch(object, timeS, expectedLog, sizeBytes);
  }
  function* advance(timeS: number): Generator<void> {
    const hasBegun = (spanS: number): boolean => Math.floor(timeS / spanS) > Math.floor(advancedS / spanS);
    const share = hasBegun(dayS) ? nightShare : hasBegun(hourS) ? hourShare : 0;
    advancedS = timeS;
    forecaster.advance(timeS);
    for (const [object, untilS] of pinnedUntilS) if (untilS <= timeS) unpin(object);
    let looked = 0;
    for (const object of held) {
      cache.revalue(object, forecaster.expectLog(object, timeS));
      looked += 1;
      if (looked % objectsAStep === 0) yield;
    }
    if (share > 0) yield* topUp(timeS, share);
  }
  return {
    ask: (object, timeS, count = 1) => {
      recent.add(object);
      gate.asked(object);
      forecaster.see(object, timeS, count);
      const expectedLog = expect(object, timeS, random() < studiedRequests * count);
      if (!cache.has(object)) {
        asked.object = object;
        asked.timeS = timeS;
        asked.expectedLog = expectedLog;
        return false;
      }
      unpin(object);
      cache.revalue(object, expectedLog);
      return true;
    },
    offer: (object, timeS) => {
      if (cache.has(object)) return true;
      const isFresh = asked.object === object && asked.timeS === timeS;
      return take(object, isFresh ? asked.expectedLog : forecaster.expectLog(object, timeS));
    },
    observe: (object, timeS, count = 1) => {
      recent.add(object);
      forecaster.seeElsewhere(object, timeS, count);
    },
    advance,
    has: cache.has,
    adopt: (object, timeS) => {
      cache.hold(object, forecaster.guessLog(object, timeS));
      held.add(object);
    },
    release,
    forget: (object) => {
      release(object);
      recent.delete(object);
      gate.forget(object);
      forecaster.forget(object);
      asked.object = -1;
    },
    setCapacity: (bytes) => {
      cache.setCapacity(bytes);
      if (cache.usedBytes() <= bytes) return;
      // Only pushed objects are left, and they are too much.
      for (const object of pinnedUntilS.keys()) unpin(object);
      cache.setCapacity(bytes);
    },
    lastSeenS: forecaster.lastSeenS,
    usedBytes: cache.usedBytes,
    capacityBytes: cache.capacityBytes,
    explain: forecaster.explain,
    save: (objects) => {
      const { columns, learnt } = forecaster.save(objects);
      return { columns, learnt: [...learnt, ...gate.learnt.map((each) => each.slice())] };
    },
    restore: ({ columns, learnt }) => {
      const own = learnt.slice(-gate.learnt.length);
      if (own.some((each, at) => each.length !== gate.learnt[at]?.length))
        throw new RangeError('the experience is of another make');
      forecaster.restore({ columns, learnt: learnt.slice(0, -gate.learnt.length) });
      for (const [at, each] of gate.learnt.entries()) each.set(own[at] ?? each);
      for (let object = 0; object < sizes.cells.length; object += 1)
        if (forecaster.lastSeenS(object) > Number.NEGATIVE_INFINITY) recent.add(object);
    },
  };
}
