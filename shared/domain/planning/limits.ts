/** What a plan may use. The numbers are the planner's own; docs/decisions/0013 gives the reasons. */
import type { FillBudget } from '../fleet.ts';
import { remainingMs, type WindowSpan } from '../time/fill-window.ts';

/** Share of an appliance that stays free of planned objects, for what viewers pull, until the region's own log says more. */
export const pulledReserveShare = 0.1;

/** What must be there, and premieres, need room whatever an operator sets. */
export const mostPulledShare = 0.95;

/** What comes must be worth so much more than what it displaces: a swap costs night bytes and disk writes. */
export const swapFactor = 1.1;

/** An asset gets one copy for each such share of an appliance's fair part of the region's demand. */
export const demandShareOfCopy = 0.5;

/** What planned files may take of a disk. @param pulledShare share that is left for what viewers pull. */
export const usableBytes = (capacityBytes: number, pulledShare = pulledReserveShare): number =>
  Math.floor(capacityBytes * (1 - pulledShare));

/**
 * Bytes that a run may still bring into the region tonight.
 *
 * @param span the window the run keeps to, or null for one that an operator started outside of it.
 */
export function nightBudgetBytes(
  budget: FillBudget,
  spentBytes: number,
  span: WindowSpan | null,
  nowMs: number,
): number {
  const unspent = Math.max(0, budget.bytesPerNight - spentBytes);
  if (!span) return unspent;
  return Math.min(unspent, Math.floor((budget.rateBps / 8) * (remainingMs(span, nowMs) / 1_000)));
}

/** Copies of an asset: one, and more where its expected load is a large share of what an appliance should carry. */
export function copiesOf(expectedBytes: number, regionExpectedBytes: number, appliances: number): number {
  if (regionExpectedBytes <= 0 || appliances === 0) return Math.min(1, appliances);
  const fairBytes = regionExpectedBytes / appliances;
  return Math.min(appliances, Math.max(1, Math.ceil(expectedBytes / (fairBytes * demandShareOfCopy))));
}
