/** Demand: what was watched, and the telemetry it is made from. */

/** One cell of the demand log. `hour` is UTC (`2026-11-20T14`); `day` alone means that the hour is not known. */
export interface DemandRow {
  readonly regionId: string;
  readonly assetId: string;
  /** UTC day, `YYYY-MM-DD`. */
  readonly day: string;
  /** 0 … 23 UTC, or null for a row known only by its day. */
  readonly hour: number | null;
  /** Playbacks begun (first media segment of a session), not requests. */
  readonly views: number;
  readonly bytes: number;
}

/** Demand of one asset on one day of the *region's* calendar. */
export interface DailyDemand {
  readonly assetId: string;
  /** `YYYY-MM-DD` on the region's clock. */
  readonly date: string;
  readonly views: number;
  readonly bytes: number;
}

/** What one region's appliances answered for one asset on one UTC day. */
export interface OutcomeTotal {
  readonly assetId: string;
  readonly outcome: string;
  readonly requests: number;
  readonly bytes: number;
}

/** `demand/<region>/<date>.json.gz`: one UTC day of one region. */
export interface DemandDayDocument {
  readonly schema: 1;
  readonly regionId: string;
  readonly day: string;
  /** Counts the changes of the day: of two states of one day, the higher revision is the later. */
  readonly revision: number;
  readonly rows: readonly DemandRow[];
  readonly outcomes: readonly OutcomeTotal[];
}

/** The named reason of every answer an appliance gives. */
export const outcomes = [
  'hit-memory',
  'hit-disk',
  'coalesced',
  'pull-peer',
  'pull-shield',
  'pull-origin',
  'not-modified',
  'range-not-satisfiable',
  'not-found',
  'version-gone',
  'denied-no-token',
  'denied-bad-token',
  'denied-expired',
  'denied-not-covered',
  'upstream-failed',
  'upstream-mismatch',
  'overloaded',
  'bad-request',
  'client-gone',
] as const;
export type Outcome = (typeof outcomes)[number];

/** Outcomes whose bytes came from the appliance's own storage. */
export const isHit = (outcome: Outcome): boolean => outcome === 'hit-memory' || outcome === 'hit-disk';

/** Counts of one asset, hour and outcome at one appliance; additive, so that batches can be summed in any order. */
export interface TelemetryRow {
  readonly assetId: string;
  readonly day: string;
  readonly hour: number;
  readonly outcome: Outcome;
  readonly requests: number;
  readonly views: number;
  readonly bytes: number;
}

/** One batch of an appliance; the id makes a retry harmless. */
export interface TelemetryBatch {
  readonly batchId: string;
  readonly applianceId: string;
  readonly rows: readonly TelemetryRow[];
}
