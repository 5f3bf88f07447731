import { type ManifestFile, type SliceSpec, slicesOf } from '../../../shared/domain/manifest.ts';
import type { Version } from '../manifest-shape.ts';

export interface NextSlice {
  readonly path: string;
  readonly slice: SliceSpec;
  /** The file is this one slice. */
  readonly whole: boolean;
}

/** The row of files that a player reads one after the other, and a file's number in it; null for all other files. */
export interface Row {
  readonly rendition: string;
  readonly files: readonly ManifestFile[];
  readonly at: number;
}

const rows = new WeakMap<Version, ReadonlyMap<ManifestFile, Row>>();

export function rowOf(version: Version, file: ManifestFile): Row | null {
  let known = rows.get(version);
  if (!known) {
    known = makeRows(version);
    rows.set(version, known);
  }
  return known.get(file) ?? null;
}

function makeRows({ files }: Version): ReadonlyMap<ManifestFile, Row> {
  const byRendition = new Map<string, ManifestFile[]>();
  for (const file of files.values()) {
    if (file.rendition === null || (file.role !== 'segment' && file.role !== 'media')) continue;
    const row = byRendition.get(file.rendition) ?? [];
    byRendition.set(file.rendition, row);
    row.push(file);
  }
  const made = new Map<ManifestFile, Row>();
  for (const [rendition, row] of byRendition) {
    row.sort((a, b) => (a.index ?? 0) - (b.index ?? 0));
    for (const [at, file] of row.entries()) made.set(file, { rendition, files: row, at });
  }
  return made;
}

/** What follows a slice, in its file and then in the next ones. */
export function nextSlices({ files, at }: Row, sliceIndex: number, count: number): readonly NextSlice[] {
  const found: NextSlice[] = [];
  for (let number = at; number < files.length && found.length < count; number += 1) {
    const file = files[number];
    if (!file || file.sizeBytes === 0) continue;
    const slices = slicesOf(file);
    const whole = slices.length === 1;
    const from = number === at ? sliceIndex + 1 : 0;
    for (const slice of slices.slice(from, from + count - found.length)) found.push({ path: file.path, slice, whole });
  }
  return found;
}
