/**
 * Copies that cost the night nothing, once it is decided what crosses: the search at the margin looks at some files of some spots,
 * and what it brings across may be wanted on other shelves with room. The choice only gets better by them.
 */
import type { Block, Spot } from './candidates.ts';
import { crossingBytes, mark } from './crossing.ts';
import type { Shelf } from './search.ts';

export function addFreeCopies(order: readonly Block[], shelves: ReadonlyMap<string, Shelf>): void {
  const leftHeld = new Map<Shelf, number>();
  for (const { spot, held, files, rank } of order) {
    const shelf = shelves.get(spot.applianceId);
    if (shelf && held && files.some((at) => !spot.planned[at]))
      leftHeld.set(shelf, Math.max(leftHeld.get(shelf) ?? 0, rank));
  }
  for (const { spot, held, files, rank } of order) {
    const shelf = shelves.get(spot.applianceId);
    if (!shelf || held || spot.copies === null || shelf.squeezed || rank < (leftHeld.get(shelf) ?? 0)) continue;
    const isFree = (at: number): boolean => !spot.planned[at] && crossingBytes(spot, at) === 0;
    const base = spot.missingBase.filter((at) => !spot.planned[at]);
    if (!base.every(isFree)) continue;
    const media = files.filter((at) => at >= spot.baseCount && isFree(at));
    for (const at of media) {
      const needed = [...spot.missingBase.filter((place) => !spot.planned[place]), at];
      if (shelf.usedBytes + sumOf(spot, needed) <= shelf.usableBytes) addAll(spot, needed, shelf);
    }
  }
}

const sumOf = ({ sizes }: Spot, files: readonly number[]): number =>
  files.reduce((sum, at) => sum + (sizes[at] ?? 0), 0);

function addAll(spot: Spot, files: readonly number[], shelf: Shelf): void {
  for (const at of files) mark(spot, at, true);
  shelf.usedBytes += sumOf(spot, files);
}
