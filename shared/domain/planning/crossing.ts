/**
 * What of a choice crosses into the region: of several copies of a file one, and none where an appliance keeps the file. The others
 * go from peer to peer, and cost the night nothing (decision 0054).
 *
 * A copy's share of the price of a byte of the night is split evenly among those that the file would have, since none of them
 * crosses for itself alone.
 */

import type { Lender } from './lending.ts';

/** The copies of one title's files; shared by the spots of a title that has several, or is lent. Lists are by the place of a file. */
export interface Copies {
  /** Copies that the choice brings, and that it keeps; what is lent is kept whatever is chosen. */
  readonly coming: Uint16Array;
  readonly kept: Uint16Array;
  /** Of the price of a byte of the night, what each missing copy bears. */
  readonly shares: Float64Array;
  readonly lender: Lender | null;
}

export const makeCopies = (
  files: number,
  isHeldSomewhere: (at: number) => boolean,
  copies: number,
  lender: Lender | null,
): Copies => ({
  coming: new Uint16Array(files),
  kept: lender ? Uint16Array.from(lender.held) : new Uint16Array(files),
  shares: Float64Array.from({ length: files }, (_, at) => (isHeldSomewhere(at) || lender?.held[at] ? 0 : 1 / copies)),
  lender,
});

/** What is to be known of a spot: lists by the place of a file, and `copies` null for a title's only spot. */
interface Place {
  readonly sizes: Float64Array;
  readonly copies: Copies | null;
}

interface Chosen extends Place {
  readonly held: Uint8Array;
  readonly planned: Uint8Array;
}

export const shareOf = ({ copies }: Pick<Place, 'copies'>, at: number): number => copies?.shares[at] ?? 1;

/** Bytes of the night that it would take to bring a file there now. */
export function crossingBytes({ sizes, copies }: Place, at: number): number {
  if (copies && ((copies.coming[at] ?? 0) > 0 || (copies.kept[at] ?? 0) > 0)) return 0;
  return sizes[at] ?? 0;
}

/** Whether a file crosses by the choice as it is, wherever it goes. */
export const isCrossing = ({ coming, kept }: Copies, at: number): boolean =>
  (coming[at] ?? 0) > 0 && (kept[at] ?? 0) === 0;

/** Takes a file into the choice, or out of it. Returns by how much the bytes of the night grow. */
export function mark(spot: Chosen, at: number, isPlanned: boolean): number {
  if ((spot.planned[at] === 1) === isPlanned) return 0;
  const { copies } = spot;
  const isHeld = spot.held[at] === 1;
  const sizeBytes = spot.sizes[at] ?? 0;
  const sign = isPlanned ? 1 : -1;
  spot.planned[at] = isPlanned ? 1 : 0;
  if (!copies) return isHeld ? 0 : sign * sizeBytes;
  const before = isCrossing(copies, at);
  const counts = isHeld ? copies.kept : copies.coming;
  counts[at] = (counts[at] ?? 0) + sign;
  return (Number(isCrossing(copies, at)) - Number(before)) * sizeBytes;
}
