/**
 * What the day cost in transit, and what it would have cost without appliances: every byte that viewers got would have crossed into the
 * region at the price of the day.
 *
 * `saved` credits all that did not cross, whoever kept it here; `savedByFill` is the night's own part of it, counted with care: each pushed
 * byte that somebody asked for spares one crossing by day and no more, since a pull would have kept it for those who came later.
 */
import { crossedOutcome, topUpOutcome } from '../demand.ts';
import type { Tariff } from '../fleet.ts';
import type { Savings } from '../score.ts';

/** Outcomes whose bytes crossed into the region for a viewer; those who waited with another's pull took nothing more. */
const crossing: ReadonlySet<string> = new Set(['pull-shield', 'pull-origin']);
const gb = 1e9;

export interface SavingsInput {
  readonly tariff: Tariff;
  /** Bytes that viewers got, by outcome. */
  readonly served: readonly OutcomeBytes[];
  /** All that appliances counted, what was answered to nobody included. */
  readonly answers: readonly OutcomeBytes[];
  /** That the date's fills brought in from outside, and bytes of what they pushed that somebody asked for. */
  readonly filledBytes: number;
  readonly usedBytes: number | null;
}

interface OutcomeBytes {
  readonly outcome: string;
  readonly bytes: number;
}

export function savingsOf({ tariff, served, answers, filledBytes, usedBytes }: SavingsInput): Savings {
  const bytesOf = (list: readonly OutcomeBytes[], wanted: (outcome: string) => boolean): number =>
    list.reduce((sum, { outcome, bytes }) => sum + (wanted(outcome) ? bytes : 0), 0);
  const isCounted = answers.some(({ outcome }) => outcome === crossedOutcome);
  const pulledBytes = isCounted
    ? bytesOf(answers, (outcome) => outcome === crossedOutcome)
    : bytesOf(answers, (outcome) => outcome === topUpOutcome) + bytesOf(served, (outcome) => crossing.has(outcome));
  const servedBytes = bytesOf(served, () => true);
  const withoutCost = (servedBytes / gb) * tariff.perGb;
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
    ...(usedBytes === null ? {} : { savedByFill: (Math.min(usedBytes, filledBytes) / gb) * tariff.perGb - fillCost }),
  };
}
