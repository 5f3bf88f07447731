import type { Outcome } from '../../shared/domain/demand.ts';

/** Outcomes that name where pulled bytes came from. */
export type PullOutcome = Extract<Outcome, `pull-${string}`>;
