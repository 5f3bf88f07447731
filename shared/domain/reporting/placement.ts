/**
 * Placements on paper, to compare what was held with what could have been: asset by asset, in the same bytes. Of a title held in part
 * the part is the most watched one, by the audience that was frozen with the forecast.
 *
 * Sizes come from the frozen plan, which names every published version: what it chose of an asset and what it left out
 * are together one copy for each place that it considered.
 */
import type { FillPlan, Forecast, HeldFiles } from '../fill.ts';
import { expectedOf } from '../planning/expected.ts';
import { copiesOf } from '../planning/limits.ts';
import { chain } from '../planning/lines.ts';
import type { RegretScore } from '../score.ts';
import { heldKeys } from './held-files.ts';
import { makeStepsOf, type Steps, servedShare } from './watched-shares.ts';

/** Share of each asset's demand that a placement serves, 0 … 1. */
export type Placement = ReadonlyMap<string, number>;

interface PlannedSize {
  readonly sizeBytes: number;
  readonly copies: number;
}

/** Of each asset that the plan met. */
interface PlannedSizes {
  get(assetId: string): PlannedSize | undefined;
}

export function plannedSizes(plan: FillPlan, forecast: Forecast | null): PlannedSizes {
  const totals = new Map<string, number>();
  const add = (assetId: string, bytes: number): void => {
    totals.set(assetId, (totals.get(assetId) ?? 0) + bytes);
  };
  for (const { keep, fetch } of plan.appliances)
    for (const file of chain(keep, fetch)) add(file.assetId, file.sizeBytes);
  for (const { assetId, sizeBytes } of plan.rejected) add(assetId, sizeBytes);
  return {
    get(assetId) {
      const bytes = totals.get(assetId);
      if (bytes === undefined) return undefined;
      const demand = forecast ? (expectedOf(forecast, assetId)?.expectedBytes ?? 0) : 0;
      const copies = demand > 0 ? Math.max(1, copiesOf(demand, plan.expectedBytes, plan.appliances.length)) : 1;
      return { sizeBytes: bytes / copies, copies };
    },
  };
}

/** What lay where it was planned when the fill ended. A copy carries its part of the asset's demand. */
export function placementHeld(
  plan: FillPlan,
  held: readonly HeldFiles[],
  sizes: PlannedSizes,
  stepsOf: (assetId: string) => Steps,
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
    if (!size || !(size.sizeBytes > 0)) continue;
    shares.set(assetId, servedShare(stepsOf(assetId), Math.min(1, held / (size.sizeBytes * size.copies))));
  }
  return { shares, bytes };
}

/** A title in the running for a placement: a byte of its first step is worth `density` × the first of `steps`. */
interface Runner {
  readonly assetId: string;
  readonly density: number;
  readonly stepBytes: number;
  readonly steps: Steps;
}

/**
 * The best placement of one copy each by what is expected of a byte; the last step in part, which makes it the best there is
 * for its expectation (the fractional knapsack; a title's steps fall, so none is taken without those before it).
 */
export function placementFor(
  expected: ReadonlyMap<string, number>,
  sizes: PlannedSizes,
  budgetBytes: number,
  stepsOf: (assetId: string) => Steps,
): Placement {
  const runners: Runner[] = [];
  for (const [assetId, bytes] of expected) {
    const { sizeBytes = 0 } = sizes.get(assetId) ?? {};
    const steps = stepsOf(assetId);
    if (bytes > 0 && sizeBytes > 0)
      runners.push({ assetId, density: bytes / sizeBytes, stepBytes: sizeBytes / steps.length, steps });
  }
  const price = priceFor(runners, budgetBytes);
  const shares = new Map<string, number>();
  const atMargin: { readonly runner: Runner; readonly worth: number }[] = [];
  const taken = new Map<string, number>();
  let left = budgetBytes;
  for (const runner of runners) {
    const whole = stepsAbove(runner, price.high);
    if (whole > 0) taken.set(runner.assetId, whole);
    left -= whole * runner.stepBytes;
    for (let step = whole; step < runner.steps.length; step += 1) {
      const worth = runner.density * (runner.steps[step] ?? 0);
      if (worth < price.low || worth <= 0) break;
      atMargin.push({ runner, worth });
    }
  }
  atMargin.sort((a, b) => b.worth - a.worth || (a.runner.assetId < b.runner.assetId ? -1 : 1));
  for (const { runner } of atMargin) {
    if (left <= 0) break;
    taken.set(runner.assetId, (taken.get(runner.assetId) ?? 0) + Math.min(1, left / runner.stepBytes));
    left -= runner.stepBytes;
  }
  for (const { assetId, steps } of runners) {
    const count = taken.get(assetId);
    if (count !== undefined) shares.set(assetId, servedShare(steps, count / steps.length));
  }
  return shares;
}

/** How many of a title's steps are worth more than a price. */
function stepsAbove({ density, steps }: Runner, price: number): number {
  let count = 0;
  while (count < steps.length && density * (steps[count] ?? 0) > price) count += 1;
  return count;
}

const halvings = 60;

/** Two prices of a byte near each other: above `high` all fits, above `low` no more. By bisection, since sorting all steps of all titles takes longer. */
function priceFor(runners: readonly Runner[], budgetBytes: number): { readonly low: number; readonly high: number } {
  let low = 0;
  let high = runners.reduce((most, { density, steps }) => Math.max(most, density * (steps[0] ?? 0)), 0);
  for (let halving = 0; halving < halvings && high - low > 1e-9 * high; halving += 1) {
    const price = (low + high) / 2;
    const bytes = runners.reduce((sum, runner) => sum + stepsAbove(runner, price) * runner.stepBytes, 0);
    if (bytes <= budgetBytes) high = price;
    else low = price;
  }
  return { low, high };
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
  const stepsOf = makeStepsOf(forecast?.audience ?? null);
  const asHeld = placementHeld(plan, input.held, sizes, stepsOf);
  const demandBytes = [...actual.values()].reduce((sum, bytes) => sum + bytes, 0);
  const expected = new Map(forecast?.assets.map(({ assetId, expectedBytes }) => [assetId, expectedBytes]));
  const share = (placement: Placement): number => (demandBytes > 0 ? servedBy(placement, actual) / demandBytes : 0);
  const by = (wanted: ReadonlyMap<string, number>): Placement => placementFor(wanted, sizes, asHeld.bytes, stepsOf);
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
