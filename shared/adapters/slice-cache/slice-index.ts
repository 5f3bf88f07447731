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
  /** In the order of their indices; nearly always one, which as a map of its own would take three times the memory. */
  slices: HeldSlice[];
  heldBytes: number;
}

export interface SliceIndex {
  get(key: string, index: number): HeldSlice | null;
  object(key: string): HeldObject | null;
  /** In place of the slice of that index, where there is one. */
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
  readonly heldBytes: number;
}

export const nameOf = (slice: HeldSlice): string => `${slice.object.key}#${slice.index}`;

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** With its slash, so that groups sort as the keys below them do. */
const groupOf = (key: string): string => key.slice(0, key.indexOf('/') + 1);

/** Where the slice of that index is, or would be. */
function placeOf(slices: readonly HeldSlice[], index: number): number {
  let [from, to] = [0, slices.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((slices[middle]?.index ?? 0) < index) from = middle + 1;
    else to = middle;
  }
  return from;
}

function find({ slices }: HeldObject, index: number): HeldSlice | null {
  const found = slices[placeOf(slices, index)];
  return found?.index === index ? found : null;
}

export function makeSliceIndex(): SliceIndex {
  const objects = new Map<string, HeldObject>();
  const groups = new Map<string, Set<HeldObject>>();
  let sliceCount = 0;
  let heldBytes = 0;
  /** Keys of an asset mostly come one after the other. */
  let last = { name: '/', group: new Set<HeldObject>() };

  function enter(object: HeldObject): void {
    objects.set(object.key, object);
    if (!object.key.startsWith(last.name)) last = groupFor(groupOf(object.key));
    last.group.add(object);
  }

  function groupFor(name: string): { name: string; group: Set<HeldObject> } {
    const group = groups.get(name) ?? new Set();
    groups.set(name, group);
    return { name, group };
  }

  function forget(object: HeldObject): void {
    objects.delete(object.key);
    const group = groups.get(groupOf(object.key));
    group?.delete(object);
    if (group?.size !== 0) return;
    groups.delete(groupOf(object.key));
    last = { name: '/', group: new Set() };
  }

  return {
    get: (key, index) => {
      const object = objects.get(key);
      return object ? find(object, index) : null;
    },
    object: (key) => objects.get(key) ?? null,

    add(key, index, { sizeBytes, fileId, crc }) {
      const known = objects.get(key);
      const object: HeldObject = known ?? { key, slices: [], heldBytes: 0 };
      const slice: HeldSlice = { object, index, sizeBytes, fileId, crc, number: -1, askedShare: 0 };
      object.heldBytes += sizeBytes;
      heldBytes += sizeBytes;
      if (!known) {
        // An array that is made with its element has room for that one only.
        object.slices = [slice];
        sliceCount += 1;
        enter(object);
        return slice;
      }
      const place = placeOf(object.slices, index);
      const before = object.slices[place];
      const isReplaced = before?.index === index;
      object.slices.splice(place, isReplaced ? 1 : 0, slice);
      if (!isReplaced) sliceCount += 1;
      else {
        object.heldBytes -= before.sizeBytes;
        heldBytes -= before.sizeBytes;
      }
      return slice;
    },

    remove(slice) {
      const { object } = slice;
      if (find(object, slice.index) !== slice) return false;
      object.slices.splice(placeOf(object.slices, slice.index), 1);
      object.heldBytes -= slice.sizeBytes;
      heldBytes -= slice.sizeBytes;
      sliceCount -= 1;
      if (object.slices.length === 0) forget(object);
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
    get heldBytes() {
      return heldBytes;
    },
  };
}
