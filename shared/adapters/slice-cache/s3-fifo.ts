/**
 * S3-FIFO (Yang et al., SOSP 2023): three queues, no reordering on a hit.
 *
 * New entries wait in a small queue of a tenth of the bytes; what is asked for again there moves to the main queue, the
 * rest, above all the many that are asked for once, leaves quickly and is remembered by name only. A remembered name
 * that comes back goes straight to the main queue, whose entries are passed over as often as they were hit.
 */

/** What is queued. The queue keeps its own facts of an entry aside, so an entry may be any object. */
export interface Sized {
  readonly sizeBytes: number;
}

export interface EvictionQueue<T extends Sized> {
  readonly sizeBytes: number;
  readonly count: number;
  /** Queues an entry; one that is queued already stays where it is. */
  add(entry: T): void;
  /** Notes a hit. */
  touch(entry: T): void;
  /** Takes an entry out for another reason than space; nothing is remembered of it. */
  remove(entry: T): void;
  /** Takes out the entry that is worth least, or returns null when there is none. */
  evict(): T | null;
}

interface Node<T> {
  readonly entry: T;
  list: List<T>;
  hits: number;
  older: Node<T> | null;
  newer: Node<T> | null;
}

interface List<T> {
  oldest: Node<T> | null;
  newest: Node<T> | null;
  sizeBytes: number;
}

const smallShare = 0.1;
const maxHits = 3;

export interface S3FifoOptions<T> {
  /** Name under which an evicted entry is remembered. */
  readonly nameOf: (entry: T) => string;
  /** Names remembered at most. */
  readonly maxGhosts: number;
}

export function makeS3Fifo<T extends Sized>({ nameOf, maxGhosts }: S3FifoOptions<T>): EvictionQueue<T> {
  const nodes = new Map<T, Node<T>>();
  const small: List<T> = { oldest: null, newest: null, sizeBytes: 0 };
  const main: List<T> = { oldest: null, newest: null, sizeBytes: 0 };
  const ghosts = makeGhosts(maxGhosts);

  function push(node: Node<T>, list: List<T>): void {
    node.list = list;
    node.older = list.newest;
    node.newer = null;
    if (list.newest) list.newest.newer = node;
    else list.oldest = node;
    list.newest = node;
    list.sizeBytes += node.entry.sizeBytes;
  }

  function unlink(node: Node<T>): void {
    const { list, older, newer } = node;
    if (older) older.newer = newer;
    else list.oldest = newer;
    if (newer) newer.older = older;
    else list.newest = older;
    list.sizeBytes -= node.entry.sizeBytes;
  }

  function take(node: Node<T>): T {
    unlink(node);
    nodes.delete(node.entry);
    return node.entry;
  }

  return {
    get sizeBytes() {
      return small.sizeBytes + main.sizeBytes;
    },
    get count() {
      return nodes.size;
    },
    add(entry) {
      if (nodes.has(entry)) return;
      const list = ghosts.takeOut(nameOf(entry)) ? main : small;
      const node: Node<T> = { entry, list, hits: 0, older: null, newer: null };
      nodes.set(entry, node);
      push(node, list);
    },
    touch(entry) {
      const node = nodes.get(entry);
      if (node && node.hits < maxHits) node.hits += 1;
    },
    remove(entry) {
      const node = nodes.get(entry);
      if (node) take(node);
    },
    evict() {
      for (;;) {
        const fromSmall = small.oldest && (!main.oldest || small.sizeBytes > smallShare * this.sizeBytes);
        const node = fromSmall ? small.oldest : main.oldest;
        if (!node) return null;
        if (node.hits === 0) {
          if (fromSmall) ghosts.add(nameOf(node.entry));
          return take(node);
        }
        unlink(node);
        node.hits = fromSmall ? 0 : node.hits - 1;
        push(node, main);
      }
    },
  };
}

/** The last names that were added, in a ring so that forgetting the oldest costs nothing. */
function makeGhosts(max: number) {
  const names = new Set<string>();
  const ring: string[] = [];
  let next = 0;
  return {
    add(name: string): void {
      if (max === 0 || names.has(name)) return;
      const forgotten = ring[next];
      if (forgotten !== undefined) names.delete(forgotten);
      ring[next] = name;
      names.add(name);
      next = (next + 1) % max;
    },
    takeOut: (name: string): boolean => names.delete(name),
  };
}
