/** What the day cost in transit, and what it would have cost without appliances. */
import type { Tariff } from '../fleet.ts';
import type { Savings } from '../score.ts';

/** Outcomes whose bytes crossed into the region for a viewer; those who waited with another's pull took nothing more. */
const crossing: ReadonlySet<string> = new Set(['pull-shield', 'pull-origin']);
const gb = 1e9;

export function savingsOf(
  tariff: Tariff,
  served: readonly { readonly outcome: string; readonly bytes: number }[],
  filledBytes: number,
  topUpBytes: number,
): Savings {
  const bytesOf = (wanted: (outcome: string) => boolean): number =>
    served.reduce((sum, { outcome, bytes }) => sum + (wanted(outcome) ? bytes : 0), 0);
  const pulledBytes = topUpBytes + bytesOf((outcome) => crossing.has(outcome));
  const withoutCost = (bytesOf(() => true) / gb) * tariff.perGb;
  const pullCost = (pulledBytes / gb) * tariff.perGb;
  const fillCost = (filledBytes / gb) * (tariff.nightPerGb ?? tariff.perGb);
  return {
    tariff,
    pulledBytes,
    filledBytes,
    withoutCost,
    pullCost,
    fillCost,
    saved: withoutCost - pullCost - fillCost,
  };
}
