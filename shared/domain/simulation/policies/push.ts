/**
 * Nightly pushes: at each midnight (UTC) the whole set is replaced by the objects with the highest counts, ties by
 * first appearance in the region, until the first that does not fit. Nothing is pulled in between.
 */
import { hit, type Policy, type PolicyFactory, type PolicyInput, passed } from '../policy.ts';
import { dayS } from '../trace.ts';

const neverSeen = 0xffffffff;

function makePush(
  { capacityBytes, sizes, ledger, selection }: PolicyInput,
  scoresAt: (dayIndex: number) => Float64Array,
  count: (object: number) => void,
): Policy {
  let held = new Uint8Array(sizes.length);
  const appearance = new Uint32Array(sizes.length).fill(neverSeen);
  const { positions, trace } = selection;
  for (let place = positions.length - 1; place >= 0; place -= 1)
    appearance[trace.objects[positions[place] ?? 0] ?? 0] = place;
  return {
    request: (object) => {
      count(object);
      return held[object] === 1 ? hit : passed;
    },
    tick: {
      everyS: dayS,
      at: (timeS) => {
        const scores = scoresAt(timeS / dayS);
        const ranked = Uint32Array.from(scores.keys()).filter((object) => (scores[object] ?? 0) > 0);
        ranked.sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || (appearance[a] ?? 0) - (appearance[b] ?? 0));
        const next = new Uint8Array(sizes.length);
        let usedBytes = 0;
        for (const object of ranked) {
          usedBytes += sizes[object] ?? 0;
          if (usedBytes > capacityBytes) break;
          next[object] = 1;
        }
        for (let object = 0; object < held.length; object += 1) {
          if (held[object] === 1 && next[object] === 0) ledger.evict(object);
          if (held[object] === 0 && next[object] === 1) ledger.push(object);
        }
        held = next;
      },
    },
  };
}

/** Pushes what was asked for most over the last days. */
export const makePushPast =
  (days: number): PolicyFactory =>
  (input) => {
    const objects = input.sizes.length;
    let today = new Float64Array(objects);
    const past: Float64Array[] = [];
    return makePush(
      input,
      () => {
        past.push(today);
        if (past.length > days) past.shift();
        today = new Float64Array(objects);
        const sums = new Float64Array(objects);
        for (const counts of past)
          for (let object = 0; object < objects; object += 1)
            sums[object] = (sums[object] ?? 0) + (counts[object] ?? 0);
        return sums;
      },
      (object) => {
        today[object] = (today[object] ?? 0) + 1;
      },
    );
  };

/** Pushes what the coming day will ask for most: a bound, which nobody can do. */
export const makePushOracle: PolicyFactory = (input) => {
  const { positions, trace } = input.selection;
  let next = 0;
  return makePush(
    input,
    (day) => {
      const counts = new Float64Array(input.sizes.length);
      for (; next < positions.length; next += 1) {
        const position = positions[next] ?? 0;
        if ((trace.times[position] ?? 0) >= (day + 1) * dayS) break;
        const object = trace.objects[position] ?? 0;
        counts[object] = (counts[object] ?? 0) + 1;
      }
      return counts;
    },
    () => {},
  );
};
