/**
 * The score of a fill's day: how right forecast, plan and fill were, once the day is over. docs/reports.md gives the formula
 * and the stored source of every number.
 */
import type { ByteCause } from './demand.ts';
import type { Tariff } from './fleet.ts';

/**
 * `head`: the most watched assets that together make half of the demand; `torso`: those up to 90%; `tail`: the rest;
 * `new`: first seen less than three weeks ago in a region that was watched before.
 */
export const seriesClasses = ['head', 'torso', 'tail', 'new'] as const;
export type SeriesClass = (typeof seriesClasses)[number];

/** Groups that are optional are absent in scores from before they were computed. */
export interface FillScore {
  readonly scoredAt: string;
  /** Bytes that viewers got. */
  readonly servedBytes: number;
  /** Of these, from the appliances' own storage. */
  readonly hitBytes: number;
  /** 0 where nothing was served; `hitRatioOf` tells that from a day of misses. */
  readonly byteHitRatio: number;
  readonly forecastBytes: number;
  readonly actualBytes: number;
  readonly wape: number | null;
  /** (forecast − actual) / actual. */
  readonly bias?: number | null;
  /** Pushed bytes of assets that nobody asked for at all; `use.unusedBytes` looks at each slice. */
  readonly wastedBytes: number;
  readonly use?: FillUse;
  readonly misses?: MissScore;
  readonly answers?: readonly AnswerSum[];
  readonly regret?: RegretScore;
  readonly accuracy?: readonly ClassAccuracy[];
  readonly calibration?: readonly Calibration[];
  /** Null where the region has no tariff. */
  readonly savings?: Savings | null;
}

/** Null on a day on which nobody was served. */
export const hitRatioOf = ({ servedBytes, byteHitRatio }: FillScore): number | null =>
  servedBytes > 0 ? byteHitRatio : null;

/** What became of filled bytes. Null throughout where appliances told nothing of causes. */
export interface FillUse {
  /** Media bytes served, by how they stood with the plan; their sum is all that appliances gave a cause for. */
  readonly causes: Readonly<Record<ByteCause, number>>;
  readonly pushedBytes: number;
  /** Pushed bytes that somebody asked for by the end of the day, counted once. */
  readonly usedBytes: number;
  /** Pushed, never asked for. */
  readonly unusedBytes: number;
  /** Bytes served from filled objects for each byte pushed. */
  readonly servedPerPushedByte: number | null;
  /** Share of the bytes served that came from filled objects, and from all planned ones. */
  readonly filledShare: number | null;
  readonly plannedShare: number | null;
  readonly appliances: readonly ApplianceUse[];
}

export interface ApplianceUse {
  readonly applianceId: string;
  readonly servedBytes: number;
  readonly filledBytes: number;
  readonly keptBytes: number;
  readonly pulledBytes: number;
  readonly missedBytes: number;
  readonly byteHitRatio: number | null;
}

/** Every missed byte is in exactly one. */
export const missClasses = [
  /** Of an asset that the forecast expected nothing of. */
  'never-forecast',
  /** Forecast, and the plan left it, or this part of it, out. */
  'never-planned',
  /** Planned, and not there yet when it was asked for, or not brought at all for want of time or budget. */
  'planned-late',
  /** Was there, and was given up before it was asked for again. */
  'evicted',
  /** The plan put it on an appliance that was down, drained or full. */
  'health',
  /** Deleted on purpose, or of a version that had just replaced another. */
  'purge',
  /** Damaged on a disk. */
  'other',
] as const;
export type MissClass = (typeof missClasses)[number];

export interface MissScore {
  readonly missedBytes: number;
  readonly classes: Readonly<Record<MissClass, number>>;
  /** Missed bytes that the clairvoyant placement of `regret` would have held within the same bytes. */
  readonly avoidableBytes: number;
  /** Requests refused for their token; they have no bytes. */
  readonly refusedRequests: number;
  /** Requests that no source could answer, or that were turned away under load. */
  readonly failedRequests: number;
}

/** Answers of the day by outcome: hits by tier, pulls by source, refusals by reason; `top-up` answered nobody. */
export interface AnswerSum {
  readonly outcome: string;
  readonly requests: number;
  readonly bytes: number;
}

/**
 * Share of the day's demand that different placements of the same bytes would have served, on paper: one copy of each
 * asset, the best by their own expectation first, the last one in part.
 */
export interface RegretScore {
  /** What the region held of the plan when the fill ended; every placement gets as much. */
  readonly budgetBytes: number;
  readonly demandBytes: number;
  /** What was held, with its copies, its failures and what did not fit the night. */
  readonly asHeld: number;
  readonly forecast: number;
  readonly persistence: number;
  readonly mean7: number;
  readonly clairvoyant: number;
  /** `clairvoyant − asHeld`: never negative. */
  readonly regret: number;
}

export interface ClassAccuracy {
  readonly seriesClass: SeriesClass;
  readonly assets: number;
  readonly forecastBytes: number;
  readonly actualBytes: number;
  readonly absoluteErrorBytes: number;
  readonly wape: number | null;
  readonly bias: number | null;
}

/** Of the stored intervals that should hold on a share `level` of days. */
export interface Calibration {
  readonly level: number;
  readonly forecasts: number;
  /** Forecasts whose actual demand lay in the interval, bounds included. */
  readonly inside: number;
  readonly share: number | null;
}

/** What the bytes cost at the region's tariff, and what they would have cost had each crossed the transit once. */
export interface Savings {
  /** As it stood when the day was scored. */
  readonly tariff: Tariff;
  /** Bytes that came by day from shields and the object store, as appliances counted them there: misses, read ahead, top-ups. */
  readonly pulledBytes: number;
  /** Bytes that the date's fills brought into the region, repeated ones included. */
  readonly filledBytes: number;
  readonly withoutCost: number;
  readonly pullCost: number;
  readonly fillCost: number;
  /** `withoutCost − pullCost − fillCost`; negative where the night was worth less than it cost. */
  readonly saved: number;
  /** The fills' own part: one crossing by day spared for each filled byte that somebody asked for, less `fillCost`. */
  readonly savedByFill?: number;
}
