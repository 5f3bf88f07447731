import { describe, expect, it } from 'vitest';
import { makeRandom } from '../../forecasting/popularity/random.ts';
import { policies } from '../policies.ts';
import { type Answer, hit } from '../policy.ts';
import { type ReplayResult, replay } from '../replay.ts';
import { dayS, selectRegion, type Trace } from '../trace.ts';

/** A Thursday, as every multiple of seven days since 1970 is. */
const startS = 20_006 * dayS;
const sizeBytes = 1_000;

interface Row {
  readonly timeS: number;
  readonly object: number;
}

function traceOf(rows: readonly Row[]): Trace {
  const sorted = [...rows].sort((a, b) => a.timeS - b.timeS);
  const objects = sorted.reduce((most, { object }) => Math.max(most, object), 0) + 1;
  return {
    times: Float64Array.from(sorted, ({ timeS }) => timeS),
    objects: Uint32Array.from(sorted, ({ object }) => object),
    regionOf: new Uint16Array(sorted.length),
    bytes: null,
    sizes: new Float64Array(objects).fill(sizeBytes),
    regions: [''],
  };
}

const random = makeRandom(5);
/** Requests at random times of a day for one of `objects`, the first of them most. */
const someOf = (day: number, count: number, from: number, objects: number): Row[] =>
  Array.from({ length: count }, () => ({
    timeS: startS + (day + random()) * dayS,
    object: from + Math.min(objects - 1, Math.floor(objects ** random()) - 1),
  }));

/** With answers: objects that were a hit when they were first asked for on the last day. */
function run(rows: readonly Row[], capacity: number, name: keyof typeof policies, warmupDays = 7) {
  const selection = selectRegion(traceOf(rows), null);
  const lastDayS = Math.floor((selection.trace.times.at(-1) ?? 0) / dayS) * dayS;
  const first = new Map<number, Answer>();
  const result: ReplayResult = replay(
    selection,
    (input) => {
      const policy = policies[name](input);
      return {
        ...policy,
        request: (object, timeS, position) => {
          const answer = policy.request(object, timeS, position);
          if (timeS >= lastDayS && !first.has(object)) first.set(object, answer);
          return answer;
        },
      };
    },
    { capacityBytes: capacity * sizeBytes, warmupDays },
  );
  return { ...result, first };
}

describe('nightfill in the simulation', () => {
  it('has what is watched every Saturday there before the first viewer comes, and wastes little for it', () => {
    // Three weeks and a Saturday: each day a catalogue that fills the disk many times over, on Saturdays three titles more.
    const catalogue = 60;
    const weekly = [0, 1, 2].map((at) => catalogue + at);
    const rows = Array.from({ length: 24 }, (_, day) => [
      ...someOf(day, 110, 0, catalogue),
      ...(day % 7 === 2 ? weekly.flatMap((title) => someOf(day, 30, title, 1)) : []),
    ]).flat();
    const there = (first: ReadonlyMap<number, Answer>) => weekly.filter((title) => first.get(title) === hit);
    const nightfill = run(rows, 9, 'nightfill');
    expect(there(nightfill.first)).toEqual(weekly);
    expect(there(run(rows, 9, 'lrfu').first)).toEqual([]);
    expect(nightfill.fillBytes).toBeGreaterThan(0);
    expect(nightfill.wastedFillBytes).toBeLessThanOrEqual(0.15 * nightfill.fillBytes);
  });

  it('leaves the disk to what viewers pull where half of each day’s demand is for titles unseen before', () => {
    const rows = Array.from({ length: 10 }, (_, day) => [
      ...someOf(day, 200, 0, 100),
      ...someOf(day, 200, 100 + day * 30, 30),
    ]).flat();
    const ratio = (name: keyof typeof policies) => run(rows, 15, name).byteHitRatio;
    expect(ratio('nightfill')).toBeGreaterThan(ratio('lru') - 0.01);
  });

  it('sees only the past: what comes later changes nothing before', () => {
    const rows = Array.from({ length: 9 }, (_, day) => someOf(day, 150, 0, 50)).flat();
    const later = someOf(9, 150, 0, 50);
    const [short, long] = [rows, [...rows, ...later]].map((some) => run(some, 10, 'nightfill', 0).days);
    expect(long?.slice(0, 9)).toEqual(short);
  });
});
