/**
 * Numbers of slices, for rules that work on numbers: of all that are held, and of those that are not but were asked for.
 *
 * A slice keeps its number for as long as it is known. Numbers of forgotten slices are given out again, so they stay
 * dense: no higher than the most slices that were known at one time.
 */
import { type Column, makeRoom } from '../../domain/room.ts';
import { type HeldSlice, nameOf } from './slice-index.ts';

export interface SliceName {
  readonly key: string;
  readonly index: number;
}

export interface SliceNumbers {
  /** Bytes of each numbered slice. */
  readonly sizes: Column;
  /** Known slices that are not held. */
  readonly absent: number;
  /** One above the highest number that was ever given. */
  readonly end: number;
  /** The slice's number, a new one if it was not known. A slice that is held has its number in itself. */
  of(name: SliceName, sizeBytes: number): number;
  /** Gives a slice that is held now its number. */
  hold(slice: HeldSlice): number;
  /** The slice is no longer held; its number stays. */
  leave(slice: HeldSlice): void;
  held(number: number): HeldSlice | null;
  /** Number of a slice that is known and not held, or -1. */
  find(name: SliceName): number;
  nameOf(number: number): SliceName | null;
  /** The number is free for another; nothing happens where the slice is held. */
  forget(number: number): void;
  /** As `hold`, for a slice that had a number when it was saved; others get none. */
  meet(slice: HeldSlice): void;
  /** All slices that are held have been met. Returns the numbers of those that no longer are, which are free now. */
  settle(): readonly number[];
  /** All of them, for a later run to begin with. */
  save(): SavedNumbers;
}

/**
 * By number. What is held is known again by the number of its file, so that neither writing nor reading has to handle a
 * million names; the others have a name. With neither, the number is free.
 */
export interface SavedNumbers {
  /** 0: not held. */
  readonly files: Float64Array;
  readonly names: readonly string[];
  readonly sizes: Float64Array;
}

export function makeSliceNumbers(saved: SavedNumbers | null = null): SliceNumbers {
  const room = makeRoom(1_024);
  const sizes = room.column((length) => new Float64Array(length));
  /** By number: the slice that is held, or the name of one that is not. */
  const known: (HeldSlice | string | undefined)[] = [];
  const byName = new Map<string, number>();
  /** Of slices that were held when it was saved, until they are met. */
  const byFile = new Map<number, number>();
  const free: number[] = [];

  function next(entry: HeldSlice | string, sizeBytes: number): number {
    const number = free.pop() ?? known.length;
    known[number] = entry;
    room.admit(number);
    sizes.cells[number] = sizeBytes;
    return number;
  }

  for (const [number, name] of saved?.names.entries() ?? []) {
    const fileId = saved?.files[number] ?? 0;
    known.push(name === '' ? undefined : name);
    if (fileId > 0) byFile.set(fileId, number);
    else if (name === '') free.push(number);
    else byName.set(name, number);
  }
  if (known.length > 0) room.admit(known.length - 1);
  sizes.cells.set(saved?.sizes ?? []);

  function meet(slice: HeldSlice): void {
    const number = byFile.get(slice.fileId);
    if (number === undefined) return;
    byFile.delete(slice.fileId);
    slice.number = number;
    known[number] = slice;
  }

  return {
    sizes,
    get absent() {
      return byName.size;
    },
    get end() {
      return known.length;
    },
    of(name, sizeBytes) {
      const text = textOf(name);
      const found = byName.get(text);
      if (found !== undefined) return found;
      const number = next(text, sizeBytes);
      byName.set(text, number);
      return number;
    },
    hold(slice) {
      if (slice.number >= 0) return slice.number;
      meet(slice);
      if (slice.number >= 0) return slice.number;
      const name = nameOf(slice);
      const found = byName.get(name);
      slice.number = found ?? next(slice, slice.sizeBytes);
      known[slice.number] = slice;
      byName.delete(name);
      return slice.number;
    },
    leave(slice) {
      if (known[slice.number] !== slice) return;
      const name = nameOf(slice);
      known[slice.number] = name;
      byName.set(name, slice.number);
      slice.number = -1;
    },
    held(number) {
      const entry = known[number];
      return typeof entry === 'object' ? entry : null;
    },
    meet,
    settle() {
      const left = [...byFile.values()];
      for (const number of left) free.push(number);
      byFile.clear();
      return left;
    },
    find: (name) => byName.get(textOf(name)) ?? -1,
    nameOf(number) {
      const entry = known[number];
      if (entry === undefined) return null;
      if (typeof entry === 'object') return { key: entry.object.key, index: entry.index };
      const cut = entry.lastIndexOf('#');
      return { key: entry.slice(0, cut), index: Number(entry.slice(cut + 1)) };
    },
    forget(number) {
      const entry = known[number];
      if (typeof entry !== 'string') return;
      byName.delete(entry);
      known[number] = undefined;
      free.push(number);
    },
    save() {
      const files = new Float64Array(known.length);
      const names = known.map((entry, number) => {
        if (typeof entry === 'object') files[number] = entry.fileId;
        return typeof entry === 'string' ? entry : '';
      });
      return { files, names, sizes: sizes.cells.subarray(0, known.length) };
    },
  };
}

const textOf = ({ key, index }: SliceName): string => `${key}#${index}`;
