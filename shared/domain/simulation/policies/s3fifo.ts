/**
 * S3-FIFO (Yang et al., SOSP 2023): a small queue that filters, a main queue that gives second chances, and a ghost
 * queue of what the small one let go, as many bytes long as the main one.
 */
import { makeLists } from '../lists.ts';
import { hit, type PolicyFactory, passed, stored } from '../policy.ts';

const smallShare = 0.1;
/** Requests during the stay in the small queue that move an object to the main one. */
const promoteAt = 2;
const mostCounted = 3;

const absent = 0;
const inSmall = 1;
const inMain = 2;
const inGhost = 3;

export const makeS3Fifo: PolicyFactory = ({ capacityBytes, sizes, ledger }) => {
  const queues = makeLists(4, sizes.length);
  const where = new Uint8Array(sizes.length);
  const counts = new Uint8Array(sizes.length);
  const used = new Float64Array(4);
  const smallBytes = capacityBytes * smallShare;
  const ghostBytes = capacityBytes - smallBytes;

  const enter = (queue: number, object: number): void => {
    queues.pushFront(queue, object);
    where[object] = queue;
    used[queue] = (used[queue] ?? 0) + (sizes[object] ?? 0);
  };
  const leave = (queue: number, object: number): void => {
    queues.remove(queue, object);
    where[object] = absent;
    used[queue] = (used[queue] ?? 0) - (sizes[object] ?? 0);
  };
  const makeRoom = (): void => {
    const isSmallFull = (used[inSmall] ?? 0) > smallBytes || (used[inMain] ?? 0) === 0;
    const queue = isSmallFull ? inSmall : inMain;
    const object = queues.back(queue);
    const count = counts[object] ?? 0;
    leave(queue, object);
    if (queue === inSmall && count >= promoteAt) {
      counts[object] = 0;
      enter(inMain, object);
    } else if (queue === inMain && count > 0) {
      counts[object] = count - 1;
      enter(inMain, object);
    } else {
      ledger.evict(object);
      if (queue === inMain) return;
      enter(inGhost, object);
      while ((used[inGhost] ?? 0) > ghostBytes) leave(inGhost, queues.back(inGhost));
    }
  };
  return {
    request: (object) => {
      const place = where[object] ?? absent;
      if (place === inSmall || place === inMain) {
        const count = counts[object] ?? 0;
        if (count < mostCounted) counts[object] = count + 1;
        return hit;
      }
      const size = sizes[object] ?? 0;
      if (size > capacityBytes) return passed;
      if (place === inGhost) leave(inGhost, object);
      while ((used[inSmall] ?? 0) + (used[inMain] ?? 0) + size > capacityBytes) makeRoom();
      counts[object] = 0;
      enter(place === inGhost ? inMain : inSmall, object);
      return stored;
    },
  };
};
