/**
 * W-TinyLFU (Einziger et al., ACM ToS 2017), as Caffeine builds it: a window of 1%, a main part of which 80% is
 * protected, and admission by a count-min sketch of 4-bit counters that are halved as they age.
 *
 * By bytes: a candidate must be asked for more often than each of the objects that would have to leave for it.
 */
import { makeLists, none } from '../lists.ts';
import { hit, type PolicyFactory, passed, stored } from '../policy.ts';
import { makeFrequencySketch } from './frequency-sketch.ts';

const windowShare = 0.01;
const protectedShare = 0.8;

const absent = 0;
const inWindow = 1;
const inProbation = 2;
const inProtected = 3;

export const makeWTinyLfu: PolicyFactory = ({ capacityBytes, sizes, ledger }) => {
  const lists = makeLists(4, sizes.length);
  const where = new Uint8Array(sizes.length);
  const used = new Float64Array(4);
  const windowBytes = capacityBytes * windowShare;
  const mainBytes = capacityBytes - windowBytes;
  const protectedBytes = mainBytes * protectedShare;
  let entries = 0;
  const sketch = makeFrequencySketch(sizes.length);

  const enter = (list: number, object: number): void => {
    lists.pushFront(list, object);
    where[object] = list;
    entries += 1;
    used[list] = (used[list] ?? 0) + (sizes[object] ?? 0);
  };
  const leave = (list: number, object: number): void => {
    lists.remove(list, object);
    where[object] = absent;
    entries -= 1;
    used[list] = (used[list] ?? 0) - (sizes[object] ?? 0);
  };
  const usedMain = (): number => (used[inProbation] ?? 0) + (used[inProtected] ?? 0);
  const victim = (): number => {
    const oldest = lists.back(inProbation);
    return oldest === none ? lists.back(inProtected) : oldest;
  };
  const drop = (object: number): void => {
    leave(where[object] ?? absent, object);
    ledger.evict(object);
  };
  /** The oldest of the window tries for a place in the main part. */
  const settleWindow = (): void => {
    const candidate = lists.back(inWindow);
    leave(inWindow, candidate);
    const size = sizes[candidate] ?? 0;
    const frequency = sketch.estimate(candidate);
    while (usedMain() + size > mainBytes) {
      const loser = victim();
      if (size > mainBytes || loser === none || sketch.estimate(loser) >= frequency) {
        ledger.evict(candidate);
        return;
      }
      drop(loser);
    }
    enter(inProbation, candidate);
  };
  return {
    request: (object) => {
      sketch.add(object, entries);
      const place = where[object] ?? absent;
      if (place !== absent) {
        leave(place, object);
        enter(place === inWindow ? inWindow : inProtected, object);
        while ((used[inProtected] ?? 0) > protectedBytes) {
          const demoted = lists.back(inProtected);
          leave(inProtected, demoted);
          enter(inProbation, demoted);
        }
        return hit;
      }
      if ((sizes[object] ?? 0) > capacityBytes) return passed;
      enter(inWindow, object);
      while ((used[inWindow] ?? 0) > windowBytes) settleWindow();
      return where[object] === absent ? passed : stored;
    },
  };
};
