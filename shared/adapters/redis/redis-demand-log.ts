import pLimit from 'p-limit';
import {
  crossedOutcome,
  type DemandDayDocument,
  type DemandRow,
  type TelemetryBatch,
  topUpOutcome,
} from '../../domain/demand.ts';
import { storeKeys } from '../../domain/keys.ts';
import type { Clock } from '../../ports/clock.ts';
import type { DemandLog } from '../../ports/demand-log.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import type { RedisConnection } from './connection.ts';
import { type CountedBatch, makeDemandCounters } from './demand-counters.ts';
import {
  type DemandDay,
  decodeDay,
  encodeDay,
  fieldsOf,
  fieldsOfRow,
  fieldsOfWatched,
  formatDay,
  parseDay,
} from './demand-day.ts';
import { withLock } from './lock.ts';
import { readObject } from './store-json.ts';

/**
 * The demand log: hot counters in Redis, one document a region and UTC day in the object store.
 *
 * The life of a day: its first write reconciles it (the later of the stored document and what Redis has, by revision),
 * writes count it up and mark it changed, `flush` stores it, and once it is older than `liveDays` and stored, Redis
 * forgets it. A later write starts again at the first step. Reconciling, storing and forgetting one day happen under its
 * lock; counting needs none, because Redis refuses to count on a day that is not reconciled.
 */
export interface RedisDemandLogOptions {
  readonly redis: RedisConnection;
  readonly store: ObjectStore;
  readonly clock: Clock;
  /**
   * Days that stay in Redis after they were stored, 8 by default: what late telemetry and the console's week ask for. A
   * day of a thousand titles is some 3 MB there; a forecast reads the older ones from the store.
   */
  readonly liveDays?: number;
}

const dayMs = 86_400_000;

export function makeRedisDemandLog({ redis, store, clock, liveDays = 8 }: RedisDemandLogOptions): DemandLog {
  const counters = makeDemandCounters(redis);

  const locked = <T>(day: DemandDay, work: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    withLock(
      { redis, clock, key: redis.key('demand', 'lock', formatDay(day)), ttlMs: 15_000, waitMs: 60_000 },
      ({ signal }) => work(signal),
    );

  async function loadDay({ regionId, day }: DemandDay): Promise<DemandDayDocument | null> {
    const key = storeKeys.demand(regionId, day);
    const bytes = await readObject(store, key);
    return bytes ? decodeDay(key, bytes) : null;
  }

  /** Under the day's lock. */
  async function reconcile(day: DemandDay): Promise<void> {
    const [stored, live] = await Promise.all([loadDay(day), counters.revision(day)]);
    await counters.reconcile(day, stored && (live === null || stored.revision > live) ? stored : null);
  }

  const makeLive = (day: DemandDay): Promise<void> =>
    locked(day, async () => {
      // An unknown asset costs the least to read.
      if (!(await counters.read(day, ''))) await reconcile(day);
    });

  const oldestLiveDay = (): string => new Date(clock.now() - liveDays * dayMs).toISOString().slice(0, 10);

  const storeDay = (day: DemandDay): Promise<void> =>
    locked(day, async (signal) => {
      if (!(await counters.read(day, ''))) await reconcile(day);
      const document = await counters.read(day);
      if (!document) throw new Error(`Redis lost ${formatDay(day)} while it was stored; the next flush will see`);
      await store.put(storeKeys.demand(day.regionId, day.day), await encodeDay(document), { signal });
      await counters.markStored(day, document.revision);
    });

  return {
    async add(regionId, batch) {
      const counted = countBatch(regionId, batch, clock.now());
      for (;;) {
        const result = await counters.add(counted);
        if (result.kind !== 'unreconciled') return result.kind === 'added';
        for (const day of result.days) await makeLive(day);
      }
    },

    async set(rows) {
      const days = sumRows(rows);
      const atOnce = pLimit(4);
      await Promise.all(
        [...days].map(([name, cells]) =>
          atOnce(async () => {
            const day = parseDay(name);
            const fields = [...cells.values()].flatMap(fieldsOfRow);
            while (!(await counters.set(day, fields))) await makeLive(day);
          }),
        ),
      );
    },

    async *read({ regionId, from, to, assetId }) {
      for (const day of await knownDays(regionId, from, to)) {
        const document = (await counters.read({ regionId, day }, assetId)) ?? (await loadReconciled({ regionId, day }));
        for (const row of document?.rows ?? []) if (assetId === undefined || row.assetId === assetId) yield row;
      }
    },

    async *service({ regionId, from, to }) {
      for (const day of await knownDays(regionId, from, to)) {
        const document = (await counters.read({ regionId, day })) ?? (await loadReconciled({ regionId, day }));
        if (document) yield { service: document.service ?? [], answers: document.answers ?? [] };
      }
    },

    async *watched({ regionId, from, to }) {
      for (const day of await knownDays(regionId, from, to)) {
        const document = (await counters.read({ regionId, day })) ?? (await loadReconciled({ regionId, day }));
        if (document?.watched) yield document.watched;
      }
    },

    async outcomes(regionId, day) {
      const document = (await counters.read({ regionId, day })) ?? (await loadReconciled({ regionId, day }));
      return document?.outcomes ?? [];
    },

    async flush() {
      const changed = await counters.changedDays();
      const atOnce = pLimit(2);
      // One day's failure leaves the others stored, and itself changed.
      const stored = await Promise.allSettled(changed.map((day) => atOnce(() => storeDay(day))));
      const failed = stored.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
      const oldest = oldestLiveDay();
      for (const day of await counters.liveDays()) {
        if (day.day < oldest) await locked(day, () => counters.drop(day));
      }
      return changed.length;
    },

    async rebuild() {
      const oldest = oldestLiveDay();
      const atOnce = pLimit(4);
      const loading: Promise<void>[] = [];
      for await (const { key } of store.list(storeKeys.demandPrefix())) {
        const day = parseDay(key.slice(storeKeys.demandPrefix().length, -'.json.gz'.length));
        if (day.day >= oldest) loading.push(atOnce(() => locked(day, () => reconcile(day))));
      }
      await Promise.all(loading);
      return loading.length;
    },
  };

  /** Days that are live or stored, in order. */
  async function knownDays(regionId: string, from: string, to: string): Promise<readonly string[]> {
    const days = new Set<string>();
    for (const live of await counters.liveDays()) if (live.regionId === regionId) days.add(live.day);
    for await (const day of storedDays(store, regionId, from, to)) days.add(day);
    return [...days].filter((day) => from <= day && day <= to).sort();
  }

  /** A day with counters of another Redis process may have more there than in the store: decided once, then live. */
  async function loadReconciled(day: DemandDay): Promise<DemandDayDocument | null> {
    if ((await counters.revision(day)) === null) return loadDay(day);
    await makeLive(day);
    return (await counters.read(day)) ?? loadDay(day);
  }
}

/** Days of the region in the store, from `from` to `to`. */
async function* storedDays(store: ObjectStore, regionId: string, from: string, to: string): AsyncIterable<string> {
  const prefix = storeKeys.demandPrefix(regionId);
  // `<prefix><from>` sorts before the key of that day and after those of all earlier ones.
  for await (const { key } of store.list(prefix, { after: `${prefix}${from}` })) {
    const day = key.slice(prefix.length, -'.json.gz'.length);
    if (day > to) return;
    yield day;
  }
}

/** Sums a batch into fields per day. Rows without views and bytes leave no demand, only their outcome. */
function countBatch(regionId: string, batch: TelemetryBatch, nowMs: number): CountedBatch {
  const days = new Map<string, Map<string, number>>();
  for (const row of batch.rows) {
    const fields = days.get(row.day) ?? new Map<string, number>();
    days.set(row.day, fields);
    const count = (field: string, value: number): void => {
      requireCount(field, value);
      if (value > 0) fields.set(field, (fields.get(field) ?? 0) + value);
    };
    count(fieldsOf.views(row.assetId, row.hour), row.views);
    count(fieldsOf.bytes(row.assetId, row.hour), row.bytes);
    count(fieldsOf.outcomeRequests(row.assetId, row.outcome), row.requests);
    count(fieldsOf.outcomeBytes(row.assetId, row.outcome), row.bytes);
    const answer = { hour: row.hour, applianceId: batch.applianceId, outcome: row.outcome };
    count(fieldsOf.answerRequests(answer), row.requests);
    count(fieldsOf.answerBytes(answer), row.bytes);
    if (row.cause === undefined) continue;
    const served = { hour: row.hour, assetId: row.assetId, applianceId: batch.applianceId, cause: row.cause };
    count(fieldsOf.served(served), row.bytes);
    count(fieldsOf.firstUse(served), row.firstUseBytes ?? 0);
  }
  const answeredNobody = [
    ...(batch.topUps ?? []).map(({ slices, ...row }) => ({ ...row, requests: slices, outcome: topUpOutcome })),
    ...(batch.crossed ?? []).map((row) => ({ ...row, outcome: crossedOutcome })),
  ];
  for (const { day, hour, requests, bytes, outcome } of answeredNobody) {
    const answer = { hour, applianceId: batch.applianceId, outcome };
    const fields = days.get(day) ?? new Map<string, number>();
    days.set(day, fields);
    requireCount('bytes', bytes);
    requireCount('requests', requests);
    const [requestField, byteField] = [fieldsOf.answerRequests(answer), fieldsOf.answerBytes(answer)];
    fields.set(requestField, (fields.get(requestField) ?? 0) + requests);
    fields.set(byteField, (fields.get(byteField) ?? 0) + bytes);
  }
  for (const watched of batch.watched ?? []) {
    const fields = days.get(watched.day) ?? new Map<string, number>();
    days.set(watched.day, fields);
    for (const [field, value] of fieldsOfWatched(watched)) {
      requireCount(field, value);
      fields.set(field, (fields.get(field) ?? 0) + value);
    }
  }
  return {
    applianceId: batch.applianceId,
    batchId: batch.batchId,
    nowMs,
    increments: [...days].map(([day, fields]) => ({ day: { regionId, day }, fields })),
  };
}

/** Day → cell → its summed row. */
function sumRows(rows: readonly DemandRow[]): ReadonlyMap<string, ReadonlyMap<string, DemandRow>> {
  const days = new Map<string, Map<string, DemandRow>>();
  for (const row of rows) {
    requireCount('views', row.views);
    requireCount('bytes', row.bytes);
    const name = formatDay(row);
    const cells = days.get(name) ?? new Map<string, DemandRow>();
    days.set(name, cells);
    const cell = fieldsOf.views(row.assetId, row.hour);
    const held = cells.get(cell);
    cells.set(cell, held ? { ...held, views: held.views + row.views, bytes: held.bytes + row.bytes } : row);
  }
  return days;
}

function requireCount(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${what} is ${value}, not a whole number ≥ 0`);
}
