/**
 * The content of one region's disk under the product's own rules: pulled objects stay by their forecast value, and at
 * midnight and in small hourly top-ups the planner pushes what is worth more than what would leave.
 *
 * Pure, and fed by events, so that a replay and a region in service run the same code. It decides only; the caller moves
 * the bytes, and is told by `onPush` and `onEvict`. Life: every request of all regions is told in the order of time, and
 * `advance` is called every `advanceEveryS`. Sees only the past.
 */
import { makePopularityForecaster } from '../forecasting/popularity/popularity-forecaster.ts';
import { makeRandom } from '../forecasting/popularity/random.ts';
import { makeFillGate } from '../planning/fill-gate.ts';
import { chooseTopUp, type TopUpCandidate } from '../planning/top-up.ts';
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

export interface ForecastCache {
  /** A viewer of this region asks. `hit`: held. `stored`: it was pulled and is to be kept. `passed`: pulled and not kept. */
  request(object: number, timeS: number): 'hit' | 'stored' | 'passed';
  /** A viewer of another region asks. */
  observe(object: number, timeS: number): void;
  /** @param timeS a multiple of `advanceEveryS`. */
  advance(timeS: number): void;
  has(object: number): boolean;
  /** Why an object is worth what it is: what each sign adds to the logarithm of its expected requests. */
  explain(object: number, timeS: number): readonly { readonly sign: string; readonly adds: number }[];
}

export interface ForecastCacheOptions {
  readonly capacityBytes: number;
  /** Bytes of each object, known when it is first asked for. */
  readonly sizes: Float64Array;
  readonly onPush: (object: number) => void;
  readonly onEvict: (object: number) => void;
}

export function makeForecastCache({ capacityBytes, sizes, onPush, onEvict }: ForecastCacheOptions): ForecastCache {
  const forecaster = makePopularityForecaster({ horizonS, series: sizes.length });
  const gate = makeFillGate();
  const random = makeRandom(2);
  const held = new Set<number>();
  const pinnedUntilS = new Map<number, number>();
  const cache = makeValuedCache({
    capacityBytes,
    sizes,
    onEvict: (object) => {
      held.delete(object);
      onEvict(object);
    },
  });
  /** Objects asked for lately, anywhere. */
  const recent = new Set<number>();
  const sizeOf = (object: number): number => sizes[object] ?? 0;

  const take = (object: number, expectedLog: number): boolean => {
    if (!cache.offer(object, expectedLog)) return false;
    held.add(object);
    return true;
  };
  const unpin = (object: number): void => {
    if (pinnedUntilS.delete(object)) cache.unpin(object);
  };
  const expect = (object: number, timeS: number, isStudied: boolean): number => {
    const expectedLog = forecaster.expectLog(object, timeS);
    if (isStudied) forecaster.studyLast(sizeOf(object));
    return expectedLog;
  };
  /** Through all that was asked for lately: some of it teaches the forecaster, and what is not held may be pushed. */
  const survey = (timeS: number): TopUpCandidate[] => {
    const candidates: TopUpCandidate[] = [];
    const leastGuessLog = cache.leastValue() - guessMargin;
    for (const object of recent) {
      if (timeS - forecaster.lastSeenS(object) > forgottenS) {
        recent.delete(object);
        continue;
      }
      const isStudied = random() < studiedObjects;
      const isPossible = !cache.has(object) && sizeOf(object) <= capacityBytes;
      const isCandidate = isPossible && forecaster.guessLog(object, timeS) > leastGuessLog;
      if (!isStudied && !isCandidate) continue;
      const expectedLog = expect(object, timeS, isStudied);
      if (isCandidate) candidates.push({ object, expectedLog, sizeBytes: sizeOf(object) });
    }
    return candidates;
  };
  const topUp = (timeS: number): void => {
    gate.settle(timeS);
    const candidates = survey(timeS);
    chooseTopUp({
      candidates,
      budgetBytes: capacityBytes * (timeS % dayS === 0 ? nightShare : hourShare),
      isTrusted: gate.isOpen,
      leastHeldLog: cache.leastValue,
      take: ({ object, expectedLog }) => {
        if (!take(object, expectedLog)) return false;
        onPush(object);
        cache.pin(object);
        pinnedUntilS.set(object, timeS + pinnedS);
        return true;
      },
    });
    for (const { object, expectedLog, sizeBytes } of candidates) gate.watch(object, timeS, expectedLog, sizeBytes);
  };
  return {
    request: (object, timeS) => {
      recent.add(object);
      gate.asked(object);
      forecaster.see(object, timeS);
      const expectedLog = expect(object, timeS, random() < studiedRequests);
      if (!cache.has(object)) return take(object, expectedLog) ? 'stored' : 'passed';
      unpin(object);
      cache.revalue(object, expectedLog);
      return 'hit';
    },
    observe: (object, timeS) => {
      recent.add(object);
      forecaster.seeElsewhere(object, timeS);
    },
    advance: (timeS) => {
      forecaster.advance(timeS);
      for (const [object, untilS] of pinnedUntilS) if (untilS <= timeS) unpin(object);
      for (const object of held) cache.revalue(object, forecaster.expectLog(object, timeS));
      if (timeS % hourS === 0) topUp(timeS);
    },
    has: cache.has,
    explain: forecaster.explain,
  };
}
