/**
 * Placements on paper, to compare what was held with what could have been: asset by asset, in the same bytes.
 *
 * Sizes come from the frozen plan, which names every published version: what it chose of an asset and what it left out
 * are together one copy for each place that it considered.
 */
import type { FillPlan, Forecast, HeldFiles } from '../fill.ts';
import { copiesOf } from '../planning/limits.ts';
import { chain } from '../planning/lines.ts';
import type { RegretScore } from '../score.ts';
import { heldKeys } from './held-files.ts';

/** Share of each asset that a placement holds, 0 … 1. */
export type Placement = ReadonlyMap<string, number>;

interface PlannedSize {
  readonly sizeBytes: number;
  readonly copies: number;
}

export function plannedSizes(plan: FillPlan, forecast: Forecast | null): Map<string, PlannedSize> {
  const totals = new Map<string, number>();
  const add = (assetId: string, bytes: number): void => {
    totals.set(assetId, (totals.get(assetId) ?? 0) + bytes);
  };
  for (const { keep, fetch } of plan.appliances)
    for (const file of chain(keep, fetch)) add(file.assetId, file.sizeBytes);
  for (const { assetId, sizeBytes } of plan.rejected) add(assetId, sizeBytes);
  const expected = new Map(forecast?.assets.map(({ assetId, expectedBytes }) => [assetId, expectedBytes]));
  return new Map(
    [...totals].map(([assetId, bytes]) => {
      const demand = expected.get(assetId) ?? 0;
      const copies = demand > 0 ? copiesOf(demand, plan.expectedBytes, plan.appliances.length) : 1;
      return [assetId, { sizeBytes: bytes / Math.max(1, copies), copies: Math.max(1, copies) }];
    }),
  );
}

/** What lay where it was planned when the fill ended. A copy carries its part of the asset's demand. */
export function placementHeld(
  plan: FillPlan,
  held: readonly HeldFiles[],
  sizes: ReadonlyMap<string, PlannedSize>,
): { readonly shares: Placement; readonly bytes: number } {
  const keys = heldKeys(plan, held);
  const heldBytes = new Map<string, number>();
  let bytes = 0;
  for (const { applianceId, keep, fetch } of plan.appliances) {
    for (const { key, assetId, sizeBytes } of chain(keep, fetch)) {
      if (!keys.get(applianceId)?.has(key)) continue;
      heldBytes.set(assetId, (heldBytes.get(assetId) ?? 0) + sizeBytes);
      bytes += sizeBytes;
    }
  }
  const shares = new Map<string, number>();
  for (const [assetId, held] of heldBytes) {
    const size = sizes.get(assetId);
    if (size && size.sizeBytes > 0) shares.set(assetId, Math.min(1, held / (size.sizeBytes * size.copies)));
  }
  return { shares, bytes };
}

/**
 * The best placement of one copy each by what is expected of a byte; the last asset in part, which makes it the best there
 * is for its expectation (the fractional knapsack).
 */
export function placementFor(
  expected: ReadonlyMap<string, number>,
  sizes: ReadonlyMap<string, PlannedSize>,
  budgetBytes: number,
): Placement {
  const ranked = [...expected]
    .map(([assetId, bytes]) => ({ assetId, bytes, sizeBytes: sizes.get(assetId)?.sizeBytes ?? 0 }))
    .filter(({ bytes, sizeBytes }) => bytes > 0 && sizeBytes > 0)
    .sort((a, b) => b.bytes / b.sizeBytes - a.bytes / a.sizeBytes || (a.assetId < b.assetId ? -1 : 1));
  const shares = new Map<string, number>();
  let left = budgetBytes;
  for (const { assetId, sizeBytes } of ranked) {
    if (left <= 0) break;
    shares.set(assetId, Math.min(1, left / sizeBytes));
    left -= sizeBytes;
  }
  return shares;
}

/** Bytes of the demand that a placement serves. */
export function servedBy(placement: Placement, actual: ReadonlyMap<string, number>): number {
  let bytes = 0;
  for (const [assetId, demand] of actual) bytes += demand * (placement.get(assetId) ?? 0);
  return bytes;
}

export interface RegretInput {
  readonly plan: FillPlan;
  readonly held: readonly HeldFiles[];
  readonly forecast: Forecast | null;
  /** Bytes by asset: of the day, of the day before, and a day's mean over the seven before it. */
  readonly actual: ReadonlyMap<string, number>;
  readonly yesterday: ReadonlyMap<string, number>;
  readonly mean7: ReadonlyMap<string, number>;
}

export function regretOf(input: RegretInput): { readonly score: RegretScore; readonly clairvoyant: Placement } {
  const { plan, forecast, actual } = input;
  const sizes = plannedSizes(plan, forecast);
  const asHeld = placementHeld(plan, input.held, sizes);
  const demandBytes = [...actual.values()].reduce((sum, bytes) => sum + bytes, 0);
  const expected = new Map(forecast?.assets.map(({ assetId, expectedBytes }) => [assetId, expectedBytes]));
  const share = (placement: Placement): number => (demandBytes > 0 ? servedBy(placement, actual) / demandBytes : 0);
  const by = (wanted: ReadonlyMap<string, number>): Placement => placementFor(wanted, sizes, asHeld.bytes);
  const clairvoyant = by(actual);
  const [held, best] = [share(asHeld.shares), share(clairvoyant)];
  return {
    clairvoyant,
    score: {
      budgetBytes: asHeld.bytes,
      demandBytes,
      asHeld: held,
      forecast: share(by(expected)),
      persistence: share(by(input.yesterday)),
      mean7: share(by(input.mean7)),
      clairvoyant: best,
      // Equal placements may differ in the last bit of their sums.
      regret: Math.max(0, best - held),
    },
  };
}
