/**
 * One forecaster for several caches that see the same requests, as when one past is replayed on disks that are shared out
 * differently: each of them tells and asks as if it had a forecaster of its own, and gets the same numbers, for the work of one.
 *
 * All must be told the same, in step: the first reader of each request, and of each `advance`, before the others. What they tell is
 * counted once, as the first one tells it, and what was worked out for one is kept for the others until anything changes.
 */
import type { PopularityForecaster } from './popularity-forecaster.ts';

export function shareForecaster(forecaster: PopularityForecaster, readers: number): PopularityForecaster[] {
  const expected = makeMemory(forecaster.expectLog);
  const guessed = makeMemory(forecaster.guessLog);
  const changing =
    <Told extends unknown[]>(tell: (...told: Told) => void) =>
    (...told: Told): void => {
      tell(...told);
      expected.clear();
      guessed.clear();
    };
  const first: PopularityForecaster = {
    ...forecaster,
    see: changing(forecaster.see),
    seeElsewhere: changing(forecaster.seeElsewhere),
    advance: changing(forecaster.advance),
    forget: changing(forecaster.forget),
    restore: changing(forecaster.restore),
    // Worked out anew each time: `studyLast` is about what was worked out last.
    expectLog: expected.renew,
    guessLog: guessed.read,
  };
  const nothing = (): void => undefined;
  const other: PopularityForecaster = {
    ...first,
    see: nothing,
    seeElsewhere: nothing,
    studyLast: nothing,
    advance: nothing,
    forget: nothing,
    restore: nothing,
    expectLog: expected.read,
  };
  return Array.from({ length: readers }, (_, reader) => (reader === 0 ? first : other));
}

type WorkOut = (series: number, timeS: number) => number;

/** What was worked out for each series, at one time and until `clear`. */
function makeMemory(workOut: WorkOut): { readonly read: WorkOut; readonly renew: WorkOut; clear(): void } {
  let values = new Float64Array(0);
  /** When each was worked out, in clearings. */
  let ages = new Float64Array(0);
  let age = 1;
  let atS = Number.NaN;
  const turnTo = (timeS: number): void => {
    if (timeS !== atS) age += 1;
    atS = timeS;
  };
  const renew: WorkOut = (series, timeS) => {
    turnTo(timeS);
    if (series >= values.length) {
      const [oldValues, oldAges] = [values, ages];
      values = new Float64Array(Math.max(series + 1, values.length * 2));
      ages = new Float64Array(values.length);
      values.set(oldValues);
      ages.set(oldAges);
    }
    const value = workOut(series, timeS);
    values[series] = value;
    ages[series] = age;
    return value;
  };
  return {
    renew,
    read: (series, timeS) => {
      turnTo(timeS);
      return ages[series] === age ? (values[series] ?? 0) : renew(series, timeS);
    },
    clear: () => {
      age += 1;
    },
  };
}
