import type { Fill, FillPlan, FillReport, Forecast } from '../domain/fill.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { PlanListName, PlanLists, PlanOutline } from '../domain/planning/outline.ts';
import type { ForecastView } from '../domain/planning/plan-view.ts';
import type { PulledRoom } from '../domain/pulled-room/pulled-room.ts';

/**
 * The frozen documents of the product: manifests, forecasts, decisions on room, plans, reports, and the fills that tie them together.
 *
 * A thin, typed view of the object store. Plans, decisions and manifests are written once (`already-exists` otherwise); a report
 * is written when its fill ends and once more with its score.
 */
export interface Documents {
  getManifest(assetId: string, version: string): Promise<Manifest | null>;
  /** Returns false when the version was committed before; the stored manifest then stands. */
  putManifest(manifest: Manifest): Promise<boolean>;

  /** What the plan of a run was made from; without `run`, that of the date's last run that has one. */
  getForecast(regionId: string, date: string, run?: number): Promise<Forecast | null>;
  /** Some of its assets. Quick, however many there are: those of a long one are read alone. */
  getForecastPage(regionId: string, date: string, span: Span, run?: number): Promise<ForecastView | null>;
  putForecast(forecast: Forecast, run?: number): Promise<void>;

  /**
   * The whole plan, its lists as columns where they are long. Whoever does without `rejected`, which may be a million lines, is
   * spared reading it and finds it empty.
   */
  getPlan(
    regionId: string,
    date: string,
    run?: number,
    options?: { readonly withRejected?: boolean },
  ): Promise<FillPlan | null>;
  /** Quick, however long the plan is. */
  getPlanOutline(regionId: string, date: string, run?: number): Promise<PlanOutline | null>;
  /** Some lines of one list; none behind its end, or where there is no plan. */
  getPlanLines<L extends PlanListName>(plan: PlanName, list: L, span: PlanSpan): Promise<readonly PlanLists[L][]>;
  /** Memory is bounded by a few thousand lines, however long the plan is. Returns false when the run has one. */
  putPlan(plan: FillPlan): Promise<boolean>;

  /**
   * Deletes what writers of long plans and forecasts left that died before their document was there, if it was written before then.
   * Returns how many objects. Nothing that a document names, or that belongs to a fill which the store does not know.
   */
  sweepParts(before: Date, signal?: AbortSignal): Promise<number>;

  /** The region's latest decision. */
  getPulledRoom(regionId: string): Promise<PulledRoom | null>;
  /** Returns false when there is one of that region and day; it then stands. */
  putPulledRoom(room: PulledRoom): Promise<boolean>;

  getFill(id: string): Promise<Fill | null>;
  /** Creates the fill unless its id is taken; returns false then. */
  createFill(fill: Fill): Promise<boolean>;
  putFill(fill: Fill): Promise<void>;
  /** An operator's wish that outlives every process; the worker that carries the fill out looks at it. */
  isFillPaused(id: string): Promise<boolean>;
  setFillPaused(id: string, paused: boolean): Promise<void>;
  /** Newest date first, then the last run first; at most `limit`, 50 by default. */
  listFills(filter?: {
    readonly regionId?: string;
    readonly date?: string;
    readonly limit?: number;
  }): Promise<readonly Fill[]>;

  /** Without `run`, the report of the date's last run that has one. */
  getReport(regionId: string, date: string, run?: number): Promise<FillReport | null>;
  putReport(report: FillReport): Promise<void>;
  /** Dates that have a report, newest first. */
  listReportDates(regionId: string, limit?: number): Promise<readonly string[]>;
}

export interface PlanName {
  readonly regionId: string;
  readonly date: string;
  readonly run: number;
}

/** Some lines of a list. */
export interface Span {
  /** From 0. */
  readonly first: number;
  readonly count: number;
}

export interface PlanSpan extends Span {
  /** Null for the plan's own list of what it leaves out. */
  readonly applianceId: string | null;
}
