/**
 * Decides from experience which pushes are worth their bytes: of the objects that could have been pushed at a time, how
 * many were then asked for within a day, by how many requests were expected of them.
 *
 * The experience is made on everything that could have been pushed, pushed or not, so that the gate also learns when
 * it is closed. It opens for an expectation only if those before it were asked for often enough, with a margin for
 * how few they were.
 */
export interface FillGate {
  /** Notes that an object was not held and so much was expected of it. */
  watch(object: number, timeS: number, expectedLog: number, sizeBytes: number): void;
  /** Somebody asked for an object. */
  asked(object: number): void;
  /** Draws conclusions about what was watched for a day. */
  settle(timeS: number): void;
  /** Whether such a push will, by experience, be asked for. */
  isOpen(expectedLog: number): boolean;
  /** The number will be that of another object: nobody asked for this one any more. */
  forget(object: number): void;
  /** Its experience, to be written over by an earlier one's. */
  readonly learnt: readonly Float64Array[];
  /** What the gate knows, for people. */
  experience(): readonly { readonly fromExpectedLog: number; readonly askedShare: number; readonly watched: number }[];
}

const dayS = 86_400;
/** Steps of half a doubling from 1/4 of an expected request up to 64. */
const stepsPerDoubling = 2;
const lowestDoubling = -2;
const steps = 16;
/** Share of what is pushed that must be asked for. */
const wantedShare = 0.92;
/** As if so much had been watched before, and asked for only every second time. */
const priorWatched = 24;
const priorAsked = 12;
/** Each day the experience before it counts so much. */
const keptADay = 0.9;

export function makeFillGate(): FillGate {
  const watched = new Float64Array(steps);
  const asked = new Float64Array(steps);
  const open = new Map<number, { readonly sinceS: number; readonly step: number; readonly weight: number }>();
  let agedDay = Number.NaN;
  const stepOf = (expectedLog: number): number =>
    Math.max(-1, Math.min(steps - 1, Math.floor((expectedLog / Math.LN2 - lowestDoubling) * stepsPerDoubling)));
  const conclude = (step: number, weight: number, wasAsked: boolean): void => {
    watched[step] = (watched[step] ?? 0) + weight;
    if (wasAsked) asked[step] = (asked[step] ?? 0) + weight;
  };
  /** A step is judged with all that is expected more of: the higher, the surer. */
  const shareFrom = (step: number): number => {
    const all = (watched[step] ?? 0) + priorWatched;
    return ((asked[step] ?? 0) + priorAsked) / all;
  };
  return {
    learnt: [watched, asked],
    forget: (object) => {
      const found = open.get(object);
      if (found && open.delete(object)) conclude(found.step, found.weight, false);
    },
    watch: (object, timeS, expectedLog, sizeBytes) => {
      const step = stepOf(expectedLog);
      // Bytes count, but no object for more than a few others.
      if (step >= 0 && !open.has(object))
        open.set(object, { sinceS: timeS, step, weight: Math.min(4, sizeBytes / 1e6 + 0.1) });
    },
    asked: (object) => {
      const found = open.get(object);
      if (!found) return;
      open.delete(object);
      conclude(found.step, found.weight, true);
    },
    settle: (timeS) => {
      const day = Math.floor(timeS / dayS);
      if (day !== agedDay && !Number.isNaN(agedDay))
        for (let step = 0; step < steps; step += 1) {
          watched[step] = (watched[step] ?? 0) * keptADay;
          asked[step] = (asked[step] ?? 0) * keptADay;
        }
      agedDay = day;
      for (const [object, { sinceS, step, weight }] of open) {
        if (timeS - sinceS < dayS) break;
        open.delete(object);
        conclude(step, weight, false);
      }
    },
    isOpen: (expectedLog) => {
      const step = stepOf(expectedLog);
      return step >= 0 && shareFrom(step) >= wantedShare;
    },
    experience: () =>
      Array.from({ length: steps }, (_, step) => ({
        fromExpectedLog: (step / stepsPerDoubling + lowestDoubling) * Math.LN2,
        askedShare: shareFrom(step),
        watched: watched[step] ?? 0,
      })),
  };
}
