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
  /** Absent in documents from before it was told apart. */
  readonly service?: readonly ServiceRow[];
  readonly answers?: readonly AnswerTotal[];
  readonly watched?: WatchedDay;
}

/** Parts of equal length that a title's time is divided into, to say how far viewers get. */
export const positionBins = 20;

/**
 * Media time that was played on one UTC day, in milliseconds: by place in the title and by kind of rendition. A byte sent is
 * played time by its file's mean bit rate.
 */
export interface WatchedDay {
  readonly day: string;
  /** Of all titles by `positionBins`; video, or sound where there is no video. */
  readonly binsMs: readonly number[];
  /** By `renditionClass`, video and sound. */
  readonly mixMs: Readonly<Record<string, number>>;
  /** The same as `binsMs` for the titles that were watched most. */
  readonly assets: readonly { readonly assetId: string; readonly binsMs: readonly number[] }[];
}

/**
 * How the bytes of an answer stood with the nightly plan of the appliance that gave it. Every byte of media that a viewer
 * got has exactly one cause: `filled`, `kept` and `pulled` are hits, the others misses.
 */
export const byteCauses = [
  /** Brought by the latest fill. */
  'filled',
  /** Planned, and here before that fill. */
  'kept',
  /** Not planned; an earlier miss brought it. */
  'pulled',
  /** Planned, and not here yet. */
  'late',
  /** Was here, and was given up for something else. */
  'evicted',
  /** Planned and was here: found damaged on the disk. */
  'lost',
  /** Deleted here on purpose. */
  'purged',
  /** Of a version that came less than a day ago in place of another one. */
  'replaced',
  /** Never here, as far as the appliance remembers. */
  'unseen',
] as const;
export type ByteCause = (typeof byteCauses)[number];
export type HitCause = Extract<ByteCause, 'filled' | 'kept' | 'pulled'>;
export type MissCause = Exclude<ByteCause, HitCause>;

/** What one appliance sent of one asset in one UTC hour, by cause. */
export interface ServiceRow {
  /** UTC day and hour. */
  readonly day: string;
  readonly hour: number;
  readonly assetId: string;
  readonly applianceId: string;
  readonly cause: ByteCause;
  readonly bytes: number;
  /** Size of the planned slices that were asked for there for the first time since the plan came. */
  readonly firstUseBytes: number;
}

/** All answers of one appliance in one UTC hour, by outcome. */
export interface AnswerTotal {
  readonly day: string;
  readonly hour: number;
  readonly applianceId: string;
  readonly outcome: string;
  readonly requests: number;
  readonly bytes: number;
}

/** One UTC day of both. */
export interface ServiceDay {
  readonly service: readonly ServiceRow[];
  readonly answers: readonly AnswerTotal[];
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
  'key',
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

/** Counts of one asset, hour, outcome and cause at one appliance; additive, so that batches can be summed in any order. */
export interface TelemetryRow {
  readonly assetId: string;
  readonly day: string;
  readonly hour: number;
  readonly outcome: Outcome;
  readonly requests: number;
  readonly views: number;
  readonly bytes: number;
  /** Absent where no media bytes were sent, and from appliances of before there were causes. */
  readonly cause?: ByteCause;
  /** As in `ServiceRow`; absent: 0. */
  readonly firstUseBytes?: number;
}

/** What an appliance fetched in one UTC hour before anybody asked, outside of any plan. */
export interface TopUpRow {
  readonly day: string;
  readonly hour: number;
  readonly slices: number;
  readonly bytes: number;
}

/** `AnswerTotal.outcome` under which top-ups are counted: slices as requests. They are answers to nobody. */
export const topUpOutcome = 'top-up';

/** What an appliance pulled in one UTC hour from its shield or the object store, for viewers, read ahead and topped up. */
export interface CrossedRow {
  readonly day: string;
  readonly hour: number;
  /** Requests to an upstream that brought anything. */
  readonly requests: number;
  readonly bytes: number;
}

/** `AnswerTotal.outcome` under which that is counted. They are answers to nobody. */
export const crossedOutcome = 'crossed';
/** Counted among the answers, and given to no viewer. */
export const isAnswer = (outcome: string): boolean => outcome !== topUpOutcome && outcome !== crossedOutcome;

/** Demand of one asset, of whatever version, in other regions within the last minutes. */
export interface DemandElsewhere {
  readonly assetId: string;
  /** The version that is published now. */
  readonly version: string;
  readonly bytes: number;
}

/** One batch of an appliance; the id makes a retry harmless. */
export interface TelemetryBatch {
  readonly batchId: string;
  readonly applianceId: string;
  readonly rows: readonly TelemetryRow[];
  readonly topUps?: readonly TopUpRow[];
  /** Absent where nothing was pulled, and from appliances of before it was counted. */
  readonly crossed?: readonly CrossedRow[];
  /** Absent where nothing was played, and from appliances of before it was counted. */
  readonly watched?: readonly WatchedDay[];
}
