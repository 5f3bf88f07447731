/** Forecast, fill plan, fill and report: the documents of the nightly loop. Frozen ones are never changed. */
import type { FillBudget, FillWindow } from './fleet.ts';
import type { Audience } from './planning/audience.ts';
import type { Lines } from './planning/lines.ts';
import type { RatePoint } from './rate-curve.ts';
import type { FillScore, SeriesClass } from './score.ts';

export { type FillScore, hitRatioOf, type SeriesClass, seriesClasses } from './score.ts';

/** Expected demand of one asset in one region for one coming day. */
export interface AssetForecast {
  readonly assetId: string;
  readonly expectedViews: number;
  readonly expectedBytes: number;
  /** Bounds of `expectedBytes` that hold on 80% of days if the model is right. */
  readonly lowBytes: number;
  readonly highBytes: number;
  /** Days with any demand that the model saw. */
  readonly observedDays: number;
  /** The model that made it; absent in documents from before there was a choice. */
  readonly model?: string;
  /** Even `lowBytes` are three times what the last day brought: a rise that did not show yet. Absent where they are not. */
  readonly rises?: true;
}

/** `forecasts/<region>/<date>.json` */
export interface Forecast {
  readonly schema: 1;
  readonly regionId: string;
  /** The forecast day, on the region's calendar. */
  readonly date: string;
  readonly model: string;
  readonly madeAt: string;
  /** Last day of history (region's calendar) that the model saw; null without any. */
  readonly historyUntil: string | null;
  readonly historyDays: number;
  readonly expectedViews: number;
  readonly expectedBytes: number;
  /** The last rolling back-test of this model on this history; null when the history is too short. */
  readonly score: ForecastScore | null;
  /** The model of each class of assets and how every candidate did; absent in documents from before there was a choice. */
  readonly choices?: readonly ModelChoice[];
  /** How the region watches, which values the files of a title; absent where nothing is known of it: all bytes are alike. */
  readonly audience?: Audience;
  /** By expected bytes, largest first. */
  readonly assets: readonly AssetForecast[];
}

export interface ModelChoice {
  readonly seriesClass: SeriesClass;
  /** Assets of the class on the forecast day. */
  readonly assets: number;
  readonly model: string;
  /** What the model is blended of, with weights that add up to 1; absent in documents from before models were blended. */
  readonly weights?: readonly { readonly model: string; readonly weight: number }[];
  /** False while there are too few past days to choose by: `model`, or its weights, are then mostly the default. */
  readonly chosen: boolean;
  /** Every model that was tried on the class's past days, and what was chosen each evening. */
  readonly candidates: readonly CandidateScore[];
}

/** A rolling-origin back-test over one class; null where nothing was watched. */
export interface CandidateScore {
  readonly model: string;
  readonly wape: number | null;
  readonly bias: number | null;
}

export interface ForecastScore {
  /** Weighted absolute percentage error of daily bytes per asset, 0 is perfect. */
  readonly wape: number;
  /** (forecast − actual) / actual over all assets and days. */
  readonly bias: number;
  /** Share of days and assets whose actual lies in the interval; 0.8 is the aim. */
  readonly intervalCoverage: number;
  readonly backtestDays: number;
  /** WAPE of "tomorrow is like today" on the same days, to compare with. */
  readonly persistenceWape: number;
}

/** Why a file is where the plan puts it, or nowhere. */
export const planReasons = [
  'expected-demand',
  'must-have',
  'already-held',
  'no-demand-forecast',
  'over-capacity',
  'over-night-budget',
  'worth-less-than-held',
  'not-sure',
  'no-appliance',
  'asset-deleted',
] as const;
export type PlanReason = (typeof planReasons)[number];

/** One file of one asset version on one appliance. */
export interface PlannedFile {
  /** `<assetId>/<version>/<path>` */
  readonly key: string;
  readonly assetId: string;
  readonly rendition: string | null;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Bytes expected to be served from this copy on the forecast day. */
  readonly expectedBytes: number;
  /** `expectedBytes / sizeBytes`: what the plan ranks by. */
  readonly value: number;
  readonly reason: PlanReason;
  /**
   * False: it lies there, and stays as long as viewers ask for it more than for what else comes. Absent: nothing but another
   * plan or a deletion lets it go.
   */
  readonly pinned?: false;
}

export interface AppliancePlan {
  readonly applianceId: string;
  readonly capacityBytes: number;
  /** In the order to push. */
  readonly fetch: Lines<PlannedFile>;
  /** Held already and to be kept pinned. */
  readonly keep: Lines<PlannedFile>;
  /** Held, and to make room: least valuable first. */
  readonly evict: Lines<PlannedEviction>;
  /** Held, not wanted here, and kept until others of the region have taken it. Absent in plans from before there was any. */
  readonly lend?: Lines<LentFile>;
}

export interface LentFile {
  readonly key: string;
  readonly sizeBytes: number;
}

export interface PlannedEviction {
  readonly key: string;
  readonly sizeBytes: number;
  readonly value: number;
}

/** An asset, or a part of one, that the plan leaves out, and why. */
export interface PlanRejection {
  readonly assetId: string;
  /** Null for a title that was judged as a whole, by the catalogue: no file of it could be worth its place. */
  readonly files: number | null;
  readonly sizeBytes: number;
  readonly expectedBytes: number;
  readonly reason: PlanReason;
}

/** What a plan leaves of each disk for what viewers pull, and why so much. */
export interface PlanRoom {
  /** 0 … 0.95. */
  readonly share: number;
  /** Key of the decision (`PulledRoom`); null for the default and for an operator's word. */
  readonly key: string | null;
  /** In words. */
  readonly reason: string;
}

/** `plans/<region>/<date>.json`; with the forecast it names, everything that the decision was made from. */
export interface FillPlan {
  /** Of the plan; a stored one whose lists are in parts of their own says 2. */
  readonly schema: 1;
  /** The same as the id of the fill that carries it out. */
  readonly id: string;
  readonly regionId: string;
  /** The day it prepares for, on the region's calendar. */
  readonly date: string;
  /** 1 for the night's own fill; later fills of the same date count on. */
  readonly run: number;
  readonly frozenAt: string;
  readonly window: FillWindow;
  readonly timeZone: string;
  readonly budget: FillBudget;
  readonly forecastKey: string;
  readonly forecastModel: string;
  /** Absent in plans from before it was decided: a tenth. */
  readonly pulledRoom?: PlanRoom;
  readonly expectedBytes: number;
  /** Share of `expectedBytes` that the region holds if the plan is carried out wholly. */
  readonly plannedCoverage: number;
  readonly fetchBytes: number;
  /** Of them what crosses into the region: the first copy of each file that no appliance keeps or lends. Absent in plans from before it was told apart. */
  readonly crossingBytes?: number;
  readonly fetchFiles: number;
  readonly appliances: readonly AppliancePlan[];
  readonly rejected: Lines<PlanRejection>;
}

export const fillStates = [
  'scheduled',
  'planning',
  'running',
  'paused-window',
  'paused',
  'completed',
  'incomplete',
  'failed',
  'cancelled',
] as const;
export type FillState = (typeof fillStates)[number];

const endStates: ReadonlySet<FillState> = new Set(['completed', 'incomplete', 'failed', 'cancelled']);

/** True when nothing more will happen to the fill. */
export const hasEnded = ({ state }: { readonly state: FillState }): boolean => endStates.has(state);

/** Live state of one fill (`GET /v1/fills/:id`). */
export interface Fill {
  readonly id: string;
  readonly regionId: string;
  readonly date: string;
  readonly run: number;
  readonly state: FillState;
  /** `now` ignores the window (an operator's decision); `window` never leaves it. */
  readonly start: 'now' | 'window';
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** Why it is in a state that is not a success, in words that name the mend. */
  readonly message: string | null;
  readonly planned: FillCount;
  readonly pushed: FillCount;
  readonly skipped: FillCount;
  readonly failed: FillCount;
  readonly rateBps: number;
  /** Bytes sent into the region, repeated ones included: what counts against the night. Absent before anything ran. */
  readonly sentBytes?: number;
  /** `sentBytes` over time. Absent before anything ran. */
  readonly rateCurve?: readonly RatePoint[];
  /** The same counts for each appliance, once the fill has begun. */
  readonly appliances?: readonly ApplianceFillResult[];
  /** Assets that this fill brings first, besides those that are marked so themselves. */
  readonly mustHave?: readonly string[];
  /** Planned files that lay there before this fill pushed them, for whoever takes it up. */
  readonly heldBefore?: readonly HeldFiles[];
  /** Assets that the plan puts on several edges, and on how many: routing shares their viewers out. */
  readonly copies?: Readonly<Record<string, number>>;
}

export interface FillCount {
  readonly files: number;
  readonly bytes: number;
}

/** Why a file was not pushed. Each has a mend in the report. */
export const fillFailureReasons = [
  'appliance-unreachable',
  'appliance-full',
  'appliance-slow',
  'appliance-refused',
  'digest-mismatch',
  'source-missing',
  'source-unreachable',
  'window-ended',
  'night-budget-spent',
  'asset-deleted',
  'cancelled',
] as const;
export type FillFailureReason = (typeof fillFailureReasons)[number];

export interface FillFailure {
  readonly applianceId: string;
  readonly key: string;
  readonly sizeBytes: number;
  readonly reason: FillFailureReason;
  readonly detail: string;
  /** The appliance that took it instead, where viewers of it are sent next. */
  readonly heldBy?: string;
}

/** Where a fill took the bytes of a file from. */
export const fillSources = ['object-store', 'shield', 'peer', 'other-region'] as const;
export type FillSource = (typeof fillSources)[number];

export interface ApplianceFillResult {
  readonly applianceId: string;
  readonly planned: FillCount;
  readonly pushed: FillCount;
  /** Held already when its turn came. */
  readonly skipped: FillCount;
  readonly failed: FillCount;
  readonly evicted: FillCount;
  /** `pushed` by where the bytes came from; absent: all from the object store. */
  readonly sources?: Readonly<Partial<Record<FillSource, FillCount>>>;
  /** Taken for others, who could not; no part of `planned` or `pushed`. */
  readonly tookOver?: FillCount;
}

/** One appliance's part of a report. */
export interface ApplianceFillReport extends ApplianceFillResult {
  /** Held wholly already when the plan was made, and kept. */
  readonly kept: FillCount;
  /** The part of the report's `forecastCoverage` that lies here; absent in reports from before it was told apart. */
  readonly forecastCoverage?: number;
}

/** `reports/<region>/<date>.json`: the fill part is written when the fill ends, the score part a day later. */
export interface FillReport {
  readonly schema: 1;
  readonly fillId: string;
  readonly regionId: string;
  readonly date: string;
  readonly run: number;
  readonly state: FillState;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly durationS: number;
  readonly planned: FillCount;
  readonly pushed: FillCount;
  readonly skipped: FillCount;
  /** Held already when the plan was made; no part of `planned`. */
  readonly kept: FillCount;
  readonly failed: FillCount;
  /** Mean over the time in which bytes were pushed. */
  readonly meanRateBps: number;
  /** Of the best step of `rateCurve` (10 s or longer); without one, of the best second. */
  readonly peakRateBps: number;
  /** Share of the forecast day's expected bytes that the region holds now. */
  readonly forecastCoverage: number;
  readonly appliances: readonly ApplianceFillReport[];
  /** As the fill kept it; `meanRateBps` and `peakRateBps` are computed from it where it is there. */
  readonly rateCurve?: readonly RatePoint[];
  /** Repeated bytes included: what the night was charged with. */
  readonly sentBytes?: number;
  /** What the plan meant to bring across, as `sentBytes` counts it; absent in reports from before copies were told apart. */
  readonly plannedCrossingBytes?: number;
  readonly failures: readonly FillFailure[];
  /** Failures over the list's cap, by reason; the list itself keeps the first of each. */
  readonly failureCounts: Readonly<Partial<Record<FillFailureReason, number>>>;
  /** All failures by reason, with their bytes; absent in older reports. */
  readonly failureTotals?: Readonly<Partial<Record<FillFailureReason, FillCount>>>;
  /** Which files failed for which reason; what `failureTotals` is computed from. */
  readonly failedFiles?: readonly FailedFiles[];
  /** Bytes pushed of each asset over all appliances; what `score.wastedBytes` is computed from. */
  readonly pushedByAsset?: Readonly<Record<string, number>>;
  /** Planned files that were there before this fill pushed them; what `pushedByAsset` is computed from besides `held`. */
  readonly heldBefore?: readonly HeldFiles[];
  /** What each appliance held when the fill ended; what `forecastCoverage` is computed from. */
  readonly held?: readonly HeldFiles[];
  readonly score: FillScore | null;
}

/** Runs of neighbours in the plan's list of an appliance: its `keep`, then its `fetch`, counted from 0. */
export interface HeldFiles {
  readonly applianceId: string;
  readonly runs: readonly { readonly first: number; readonly files: number }[];
}

export interface FailedFiles extends HeldFiles {
  readonly reason: FillFailureReason;
}
