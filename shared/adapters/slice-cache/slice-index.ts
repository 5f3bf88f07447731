/** What is held, by key: objects, their slices, and the groups (assets) by which they are listed and deleted. */

export interface HeldSlice {
  readonly object: HeldObject;
  readonly index: number;
  readonly sizeBytes: number;
  readonly fileId: number;
  readonly crc: number;
  /** Under which its demand is counted (slice-numbers.ts); -1: none yet. */
  number: number;
  /** How often it was asked for and not weighed yet (pulled-slices.ts); a part of it counts as a part. */
  askedShare: number;
}

export interface HeldObject {
  readonly key: string;
  readonly slices: Map<number, HeldSlice>;
  heldBytes: number;
}

export interface SliceIndex {
  get(key: string, index: number): HeldSlice | null;
  object(key: string): HeldObject | null;
  add(key: string, index: number, facts: Pick<HeldSlice, 'sizeBytes' | 'fileId' | 'crc'>): HeldSlice;
  /** False when it was not (or no longer) the slice that is held. */
  remove(slice: HeldSlice): boolean;
  /** Objects of one key, or below a prefix that ends in `/`. */
  matching(keyOrPrefix: string): HeldObject[];
  objects(): Iterable<HeldObject>;
  /** In key order, behind `after`. Sorts one asset at a time, so that a page of a long list stays cheap. */
  inOrder(after?: string): Iterable<HeldObject>;
  readonly objectCount: number;
  readonly sliceCount: number;
}

export const nameOf = (slice: HeldSlice): string => `${slice.object.key}#${slice.index}`;

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** With its slash, so that groups sort as the keys below them do. */
const groupOf = (key: string): string => key.slice(0, key.indexOf('/') + 1);

export function makeSliceIndex(): SliceIndex {
  const objects = new Map<string, HeldObject>();
  const groups = new Map<string, Set<HeldObject>>();
  let sliceCount = 0;

  function objectFor(key: string): HeldObject {
    const found = objects.get(key);
    if (found) return found;
    const made: HeldObject = { key, slices: new Map(), heldBytes: 0 };
    objects.set(key, made);
    const group = groups.get(groupOf(key));
    if (group) group.add(made);
    else groups.set(groupOf(key), new Set([made]));
    return made;
  }

  function forget(object: HeldObject): void {
    objects.delete(object.key);
    const group = groups.get(groupOf(object.key));
    group?.delete(object);
    if (group?.size === 0) groups.delete(groupOf(object.key));
  }

  return {
    get: (key, index) => objects.get(key)?.slices.get(index) ?? null,
    object: (key) => objects.get(key) ?? null,

    add(key, index, facts) {
      const object = objectFor(key);
      const slice: HeldSlice = { object, index, ...facts, number: -1, askedShare: 0 };
      object.slices.set(index, slice);
      object.heldBytes += slice.sizeBytes;
      sliceCount += 1;
      return slice;
    },

    remove(slice) {
      const { object } = slice;
      if (object.slices.get(slice.index) !== slice) return false;
      object.slices.delete(slice.index);
      object.heldBytes -= slice.sizeBytes;
      sliceCount -= 1;
      if (object.slices.size === 0) forget(object);
      return true;
    },

    matching(keyOrPrefix) {
      if (!keyOrPrefix.endsWith('/')) {
        const object = objects.get(keyOrPrefix);
        return object ? [object] : [];
      }
      const group = groups.get(groupOf(keyOrPrefix)) ?? [];
      return [...group].filter(({ key }) => key.startsWith(keyOrPrefix));
    },

    objects: () => objects.values(),

    *inOrder(after = '') {
      for (const name of [...groups.keys()].sort(byText)) {
        if (name < groupOf(after)) continue;
        const group = groups.get(name) ?? [];
        yield* [...group].filter(({ key }) => key > after).sort((a, b) => byText(a.key, b.key));
      }
    },

    get objectCount() {
      return objects.size;
    },
    get sliceCount() {
      return sliceCount;
    },
  };
}
