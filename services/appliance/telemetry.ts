/**
 * What was served, counted by asset, hour and outcome, on its way to control.
 *
 * | where        | until |
 * |--------------|-------|
 * | counters     | a few seconds pass, or the process closes |
 * | spool (disk) | control has taken the batch; the batch's id makes a second sending harmless |
 * | dropped      | only when the spool is full: the oldest first |
 *
 * A view is one session (token id) and asset whose first media segment of a lead rendition was served here; see
 * docs/decisions/0024.
 */
import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { ByteCause, Outcome, TelemetryBatch, TelemetryRow } from '../../shared/domain/demand.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { type ControlClient, ControlRefusal } from './control-client.ts';
import type { TelemetrySpool } from './telemetry-spool.ts';
import { makeWatched, type Watched } from './watched.ts';

export interface TelemetryCount {
  readonly assetId: string;
  readonly outcome: Outcome;
  readonly requests: number;
  readonly views: number;
  readonly bytes: number;
  /** How media bytes stood with the plan; null where none were sent. */
  readonly origin: { readonly cause: ByteCause; readonly firstUseBytes: number } | null;
}

export interface Telemetry {
  count(count: TelemetryCount): void;
  /** Media that a viewer got, by their place in time. */
  readonly played: Watched['played'];
  /** A slice was fetched before anybody asked. */
  toppedUp(bytes: number): void;
  /** Bytes came from outside the region, for whomever. */
  crossed(bytes: number): void;
  /** True the first time that this session plays this asset here. */
  isNewSession(sessionId: string, assetId: string): boolean;
  /** Writes the counters to the spool and sends what lies there. Never throws. */
  flush(): Promise<void>;
  run(signal: AbortSignal): Promise<void>;
}

export interface TelemetryDeps {
  readonly applianceId: string;
  readonly clock: Clock;
  readonly control: Pick<ControlClient, 'telemetry'>;
  readonly spool: TelemetrySpool;
  readonly logger: Logger;
  readonly intervalMs?: number;
}

/** A row that still grows. */
type Sum = { -readonly [K in keyof TelemetryRow]: TelemetryRow[K] };

const hourMs = 3_600_000;
const maxRowsInBatch = 2_000;
const maxSessions = 200_000;

export function makeTelemetry(deps: TelemetryDeps): Telemetry {
  const { applianceId, clock, control, spool, logger, intervalMs = 5_000 } = deps;
  const rows = new Map<string, Sum>();
  const sessions = new LRUCache<string, true>({ max: maxSessions });
  const topUps = makeHourly(clock);
  const crossed = makeHourly(clock);
  const watched = makeWatched(clock);
  let flushing: Promise<void> | null = null;

  /** The row that the last count went to: requests for one asset come in rows. */
  let last: { readonly row: Sum; readonly hourNumber: number } | null = null;

  function rowOf(assetId: string, outcome: Outcome, cause: ByteCause | undefined): Sum {
    const hourNumber = Math.floor(clock.now() / hourMs);
    const isLast =
      last?.hourNumber === hourNumber &&
      last.row.assetId === assetId &&
      last.row.outcome === outcome &&
      last.row.cause === cause;
    if (last && isLast) return last.row;
    const name = `${assetId} ${hourNumber} ${outcome} ${cause ?? ''}`;
    let row = rows.get(name);
    if (!row) {
      const at = new Date(hourNumber * hourMs).toISOString();
      const hour = Number(at.slice(11, 13));
      row = {
        assetId,
        day: at.slice(0, 10),
        hour,
        outcome,
        requests: 0,
        views: 0,
        bytes: 0,
        ...(cause ? { cause } : {}),
      };
      rows.set(name, row);
    }
    last = { row, hourNumber };
    return row;
  }

  async function cutBatches(): Promise<void> {
    const taken = [...rows.values()];
    rows.clear();
    last = null;
    const brought = topUps.take().map(({ count, ...hour }) => ({ ...hour, slices: count }));
    const came = crossed.take().map(({ count, ...hour }) => ({ ...hour, requests: count }));
    if (brought.length > 0 || came.length > 0)
      await spool.add({ batchId: randomUUID(), applianceId, rows: [], topUps: brought, crossed: came });
    const days = watched.take();
    for (let at = 0; at < taken.length; at += maxRowsInBatch) {
      await spool.add({
        batchId: randomUUID(),
        applianceId,
        rows: taken.slice(at, at + maxRowsInBatch),
        ...(at === 0 && days.length > 0 ? { watched: days } : {}),
      });
    }
  }

  async function send(batch: TelemetryBatch): Promise<void> {
    try {
      await control.telemetry(batch);
    } catch (error) {
      if (!(error instanceof ControlRefusal && error.isFinal)) throw error;
      logger.error({ err: error, batchId: batch.batchId }, 'control refuses a telemetry batch for good; dropped');
    }
  }

  async function flushOnce(): Promise<void> {
    try {
      await cutBatches();
      for await (const { batch, done } of spool.oldestFirst()) {
        await send(batch);
        await done();
      }
    } catch (error) {
      logger.debug({ err: error }, 'telemetry waits');
    }
  }

  function flush(): Promise<void> {
    flushing ??= flushOnce().finally(() => {
      flushing = null;
    });
    return flushing;
  }

  return {
    count({ assetId, outcome, requests, views, bytes, origin }) {
      const row = rowOf(assetId, outcome, origin?.cause);
      row.requests += requests;
      row.views += views;
      row.bytes += bytes;
      if (origin && origin.firstUseBytes > 0) row.firstUseBytes = (row.firstUseBytes ?? 0) + origin.firstUseBytes;
    },
    played: watched.played,
    toppedUp: topUps.add,
    crossed: crossed.add,
    isNewSession(sessionId, assetId) {
      const name = `${sessionId} ${assetId}`;
      if (sessions.get(name)) return false;
      sessions.set(name, true);
      return true;
    },
    flush,
    async run(signal) {
      while (!signal.aborted) {
        await clock.sleep(intervalMs, signal).catch(() => {});
        await flush();
      }
    },
  };
}

interface HourSum {
  readonly day: string;
  readonly hour: number;
  readonly count: number;
  readonly bytes: number;
}

/** How often, and bytes, by UTC hour. */
function makeHourly(clock: Clock) {
  const sums = new Map<string, HourSum>();
  return {
    add(bytes: number): void {
      const at = new Date(clock.now()).toISOString();
      const { count, bytes: before } = sums.get(at.slice(0, 13)) ?? { count: 0, bytes: 0 };
      const [day, hour] = [at.slice(0, 10), Number(at.slice(11, 13))];
      sums.set(at.slice(0, 13), { day, hour, count: count + 1, bytes: before + bytes });
    },
    take(): HourSum[] {
      const taken = [...sums.values()];
      sums.clear();
      return taken;
    },
  };
}
