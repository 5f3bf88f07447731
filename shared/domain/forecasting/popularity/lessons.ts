/**
 * Forecasts that wait for their outcome: signs as they were, and how often the series had been asked for by then. After
 * the horizon the count's difference is the outcome, and the model learns from it; a lesson is kept for some days and
 * learnt again at night.
 */
import { type AdditiveModel, makePlacedSigns, placeSigns } from './additive-model.ts';
import type { RandomShare } from './random.ts';

/** Newer lessons take the place of the oldest: 4 MB at 16 signs. */
const mostLessons = 1 << 15;

export interface Lesson {
  readonly series: number;
  readonly timeS: number;
  readonly guessLog: number;
  readonly weight: number;
}

export interface Lessons {
  /** The row of signs for the next lesson, to be written before `add`. */
  readonly signs: Float64Array;
  readonly nextRow: () => number;
  add(lesson: Lesson, countBefore: number): void;
  /** Learns from every lesson whose horizon is over. @param countSince requests after a lesson, by its time and the count then. */
  settle(timeS: number, horizonS: number, countSince: (series: number, sinceS: number, before: number) => number): void;
  /** Learns once more from as many settled lessons as there are since a time, in random order. */
  revise(sinceS: number): void;
}

export function makeLessons(model: AdditiveModel, signCount: number, random: RandomShare): Lessons {
  const signs = new Float64Array(mostLessons * signCount);
  const series = new Uint32Array(mostLessons);
  const times = new Float64Array(mostLessons);
  const guesses = new Float64Array(mostLessons);
  const weights = new Float64Array(mostLessons);
  /** Requests before the lesson; once it is settled, requests within its horizon. */
  const counts = new Float64Array(mostLessons);
  let added = 0;
  let settled = 0;
  const placed = makePlacedSigns(signCount);
  const learn = (slot: number): void => {
    placeSigns(signs, slot * signCount, placed);
    model.learn(placed, guesses[slot] ?? 0, counts[slot] ?? 0, weights[slot] ?? 0);
  };
  return {
    signs,
    nextRow: () => (added % mostLessons) * signCount,
    add: (lesson, countBefore) => {
      const slot = added % mostLessons;
      series[slot] = lesson.series;
      times[slot] = lesson.timeS;
      guesses[slot] = lesson.guessLog;
      weights[slot] = lesson.weight;
      counts[slot] = countBefore;
      added += 1;
      // One that was overwritten before its time is lost.
      settled = Math.max(settled, added - mostLessons);
    },
    settle: (timeS, horizonS, countSince) => {
      for (; settled < added; settled += 1) {
        const slot = settled % mostLessons;
        const passedS = timeS - (times[slot] ?? 0);
        if (passedS < horizonS) break;
        // Settled a little late: as much more time as expected requests.
        guesses[slot] = (guesses[slot] ?? 0) + Math.log(passedS / horizonS);
        counts[slot] = countSince(series[slot] ?? 0, times[slot] ?? 0, counts[slot] ?? 0);
        learn(slot);
      }
    },
    revise: (sinceS) => {
      let first = settled;
      const oldest = Math.max(0, added - mostLessons);
      while (first > oldest && (times[(first - 1) % mostLessons] ?? 0) >= sinceS) first -= 1;
      const lessons = settled - first;
      for (let step = 0; step < lessons; step += 1) learn((first + Math.floor(random() * lessons)) % mostLessons);
    },
  };
}
