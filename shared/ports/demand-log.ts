import type { DemandRow, OutcomeTotal, ServiceDay, TelemetryBatch, WatchedDay } from '../domain/demand.ts';

/**
 * What was watched, by region, asset and hour.
 *
 * Live days are counters in Redis; `flush` writes every changed day to the object store as one document, and a day that
 * Redis no longer holds is read from there. A loss of Redis costs at most what came after the last flush.
 */
export interface DemandLog {
  /**
   * Adds an appliance's batch to its region's counters, once: a batch id seen before changes nothing.
   *
   * @returns false for a repeated batch.
   */
  add(regionId: string, batch: TelemetryBatch): Promise<boolean>;

  /**
   * Sets cells to the given values, replacing what they held: importing the same rows again changes nothing. Rows of
   * one region, asset, day and hour are summed first, and a row without hour is a cell of its own beside the hours.
   *
   * @throws when a count is not a whole number ≥ 0; no cell is changed then.
   */
  set(rows: readonly DemandRow[]): Promise<void>;

  /**
   * Rows of the days `from … to` (UTC, inclusive), ordered by day, then asset, then hour, that without an hour first. A
   * cell without views and bytes is no row.
   */
  read(query: DemandQuery): AsyncIterable<DemandRow>;

  /** Bytes and requests by asset and outcome on one UTC day, in this order, for scores; empty when nothing was reported. */
  outcomes(regionId: string, day: string): Promise<readonly OutcomeTotal[]>;

  /**
   * How the bytes of the days `from … to` (UTC, inclusive) stood with the plans, and all answers, day after day. A day from
   * before this was reported has neither.
   */
  service(query: Omit<DemandQuery, 'assetId'>): AsyncIterable<ServiceDay>;

  /** What was played on the days `from … to` (UTC, inclusive), day after day; days on which nothing was counted are left out. */
  watched(query: Omit<DemandQuery, 'assetId'>): AsyncIterable<WatchedDay>;

  /** Writes changed days to durable storage; returns how many. */
  flush(): Promise<number>;

  /** Loads the recent days of durable storage into the live counters; returns how many. */
  rebuild(): Promise<number>;
}

export interface DemandQuery {
  readonly regionId: string;
  /** `YYYY-MM-DD`, UTC. */
  readonly from: string;
  readonly to: string;
  readonly assetId?: string;
}
