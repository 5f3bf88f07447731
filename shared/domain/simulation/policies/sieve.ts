/** SIEVE (Zhang et al., NSDI 2024): a queue, a visited bit, and a hand that moves from old to new. */
import { makeLists, none } from '../lists.ts';
import { hit, type PolicyFactory, passed, stored } from '../policy.ts';

export const makeSieve: PolicyFactory = ({ capacityBytes, sizes, ledger }) => {
  const queue = makeLists(1, sizes.length);
  const held = new Uint8Array(sizes.length);
  const visited = new Uint8Array(sizes.length);
  const used = new Float64Array(1);
  let hand = none;

  const evictOne = (): number => {
    let victim = hand === none ? queue.back(0) : hand;
    while (visited[victim] === 1) {
      visited[victim] = 0;
      const newer = queue.newer(victim);
      victim = newer === none ? queue.back(0) : newer;
    }
    hand = queue.newer(victim);
    queue.remove(0, victim);
    held[victim] = 0;
    ledger.evict(victim);
    return sizes[victim] ?? 0;
  };
  return {
    request: (object) => {
      if (held[object] === 1) {
        visited[object] = 1;
        return hit;
      }
      const size = sizes[object] ?? 0;
      if (size > capacityBytes) return passed;
      let usedBytes = (used[0] ?? 0) + size;
      while (usedBytes > capacityBytes) usedBytes -= evictOne();
      used[0] = usedBytes;
      queue.pushFront(0, object);
      held[object] = 1;
      visited[object] = 0;
      return stored;
    },
  };
};
