/**
 * The signs a popularity forecast is made from. All are in doublings of "seen" against "expected from the usual rate",
 * softened so that silence of the rarely watched says little; so one model fits series of any popularity.
 */

import { farthest } from './additive-model.ts';
import { type DecayedCounts, meanAgesS, scales } from './decayed-counts.ts';

const hourS = 3_600;
const dayS = 24 * hourS;

/** In this order in the model; `seen-here` and `seen-elsewhere` once for each time scale. */
export const signNames: readonly string[] = [
  ...Array.from({ length: scales }, (_, scale) => `seen-here-${scale}`),
  ...Array.from({ length: scales }, (_, scale) => `seen-elsewhere-${scale}`),
  'silence-here',
  'silence-elsewhere',
  'age',
  'usual-rate',
];
export const signCount = signNames.length;

/** How much of the usual rate comes from each time scale here: mostly the last day. */
const rateShares = [0, 0, 0.15, 0.6, 0.25, 0] as const;
const dayScale = 3;
/** A request elsewhere says so much of one here, beyond the regions' difference in size. */
const elsewhereShare = 0.08;
const leastRate = 1e-8;
/** Half a request more on both sides: what softens the doublings. */
const softening = 0.5;

export interface SignInput {
  readonly own: DecayedCounts;
  readonly elsewhere: DecayedCounts;
}

export interface SignReader {
  /** Requests a second from the past alone; the cheap first guess. */
  usualRate(series: number, context: SignContext): number;
  /** Writes the signs to `into` at `at`, and returns the usual rate. */
  read(series: number, context: SignContext, into: Float64Array, at: number): number;
}

/** What is the same for all series at one time; kept by the caller, and changed in place. */
export interface SignContext {
  timeS: number;
  /** Since the first request seen anywhere. */
  observedS: number;
  /** Requests here for each one elsewhere. */
  sizeRatio: number;
  firstSeenS: Float64Array;
}

export function makeSignReader({ own, elsewhere }: SignInput): SignReader {
  const here = new Float64Array(scales);
  const there = new Float64Array(scales);

  /**
   * Mean ages of the counts: while little time was observed, a long scale has not filled up yet. They change so slowly
   * that they are worked out once a minute.
   */
  const agesS = new Float64Array(scales);
  let agesMinute = Number.NaN;
  const bringAgesUpToDate = (observedS: number): void => {
    const minute = Math.floor(observedS / 60);
    if (minute === agesMinute) return;
    agesMinute = minute;
    for (let scale = 0; scale < scales; scale += 1) {
      const ageS = meanAgesS[scale] ?? 1;
      agesS[scale] = ageS * (1 - Math.exp(-(minute * 60 + hourS) / ageS));
    }
  };
  /** From `here` and `there`, of which only the scales with a share need be up to date. */
  const rateOf = (sizeRatio: number): number => {
    let rate = leastRate + (elsewhereShare * sizeRatio * (there[dayScale] ?? 0)) / (agesS[dayScale] ?? 1);
    for (let scale = 0; scale < scales; scale += 1) {
      const share = rateShares[scale] ?? 0;
      if (share > 0) rate += (share * (here[scale] ?? 0)) / (agesS[scale] ?? 1);
    }
    return rate;
  };
  return {
    usualRate: (series, { timeS, observedS, sizeRatio }) => {
      bringAgesUpToDate(observedS);
      for (let scale = 0; scale < scales; scale += 1)
        if ((rateShares[scale] ?? 0) > 0) here[scale] = own.readOne(series, timeS, scale);
      there[dayScale] = elsewhere.readOne(series, timeS, dayScale);
      return rateOf(sizeRatio);
    },
    read: (series, { timeS, observedS, sizeRatio, firstSeenS }, into, at) => {
      bringAgesUpToDate(observedS);
      own.read(series, timeS, here);
      elsewhere.read(series, timeS, there);
      const rate = rateOf(sizeRatio);
      const rateThere = rate / sizeRatio;
      for (let scale = 0; scale < scales; scale += 1) {
        const ageS = agesS[scale] ?? 1;
        into[at + scale] = doublings((here[scale] ?? 0) + softening, rate * ageS + softening);
        into[at + scales + scale] = doublings((there[scale] ?? 0) + softening, rateThere * ageS + softening);
      }
      const next = at + 2 * scales;
      into[next] = silence(rate, timeS - own.lastS(series));
      into[next + 1] = silence((there[dayScale] ?? 0) / (meanAgesS[dayScale] ?? 1), timeS - elsewhere.lastS(series));
      into[next + 2] = clip(0.8 * Math.log2(Math.max(0, timeS - (firstSeenS[series] ?? timeS)) / dayS + 0.06));
      into[next + 3] = clip(0.6 * (Math.log2(rate * dayS) - 2));
      return rate;
    },
  };
}

const clip = (sign: number): number => Math.max(-farthest, Math.min(farthest, sign));
const doublings = (seen: number, expected: number): number => clip(Math.log2(seen / expected));
/** Requests missed by now, had the rate gone on; what was never seen has been silent for ever. */
const silence = (rate: number, silentS: number): number =>
  silentS === Number.POSITIVE_INFINITY ? farthest : clip(Math.log2(rate * silentS + 0.06));
