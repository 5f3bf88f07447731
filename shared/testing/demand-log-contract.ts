import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DemandDayDocument, DemandRow, Outcome, TelemetryBatch, TelemetryRow } from '../domain/demand.ts';
import { storeKeys } from '../domain/keys.ts';
import type { DemandLog, DemandQuery } from '../ports/demand-log.ts';
import type { ObjectStore } from '../ports/object-store.ts';

export interface DemandLogSetup {
  readonly log: DemandLog;
  /** A second user of the same log, as another process would have it. */
  readonly other: DemandLog;
  readonly store: ObjectStore;
  /** Sets the clock of both to Unix milliseconds. */
  setTime(nowMs: number): void;
  loseLiveData(): Promise<void>;
  dispose(): Promise<void>;
}

const day = '2026-11-20';

const served = (
  assetId: string,
  hour: number,
  views: number,
  bytes: number,
  outcome: Outcome = 'hit-disk',
): TelemetryRow => ({ assetId, day, hour, outcome, requests: 1, views, bytes });

const makeBatch = (batchId: string, ...rows: readonly TelemetryRow[]): TelemetryBatch => ({
  batchId,
  applianceId: 'e1',
  rows,
});

const cell = (assetId: string, hour: number | null, views: number, bytes: number, on = day): DemandRow => ({
  regionId: 'berlin',
  assetId,
  day: on,
  hour,
  views,
  bytes,
});

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export function describeDemandLog(name: string, setUp: () => Promise<DemandLogSetup>): void {
  describe(`demand log contract: ${name}`, () => {
    let setup: DemandLogSetup;
    let log: DemandLog;
    let other: DemandLog;

    beforeEach(async () => {
      setup = await setUp();
      ({ log, other } = setup);
      setup.setTime(Date.parse(`${day}T12:00:00Z`));
    });
    afterEach(() => setup.dispose());

    const read = (query: Partial<DemandQuery> = {}, from = log): Promise<DemandRow[]> =>
      collect(from.read({ regionId: 'berlin', from: day, to: day, ...query }));

    const storedDay = async (regionId = 'berlin', on = day): Promise<DemandDayDocument | null> => {
      const object = await setup.store.get(storeKeys.demand(regionId, on));
      return object && JSON.parse(gunzipSync(await buffer(object.body)).toString());
    };

    it('sums batches by asset and hour', async () => {
      await log.add('berlin', makeBatch('b1', served('a', 9, 1, 100), served('a', 9, 0, 50, 'pull-origin')));
      await other.add('berlin', makeBatch('b2', served('a', 9, 2, 10), served('b', 8, 1, 5)));
      await log.add('tokyo', makeBatch('b3', served('a', 9, 7, 7)));
      expect(await read()).toEqual([cell('a', 9, 3, 160), cell('b', 8, 1, 5)]);
      expect(await read({ regionId: 'tokyo' })).toHaveLength(1);
      expect(await read({ regionId: 'nowhere' })).toEqual([]);
    });

    it('counts a batch once', async () => {
      const batch = makeBatch('b1', served('a', 9, 1, 100));
      expect(await log.add('berlin', batch)).toBe(true);
      expect(await other.add('berlin', batch)).toBe(false);
      expect(await Promise.all([log.add('berlin', batch), other.add('berlin', batch)])).toEqual([false, false]);
      expect(await read()).toEqual([cell('a', 9, 1, 100)]);
    });

    it('counts every one of many batches that come at once', async () => {
      const batches = Array.from({ length: 40 }, (_, i) => makeBatch(`b${i}`, served('a', 9, 1, 10)));
      await Promise.all(batches.map((batch, i) => (i % 2 ? log : other).add('berlin', batch)));
      expect(await read()).toEqual([cell('a', 9, 40, 400)]);
    });

    it('spreads a batch over the days it tells of', async () => {
      await log.add('berlin', makeBatch('b1', served('a', 23, 1, 1), { ...served('a', 0, 2, 2), day: '2026-11-21' }));
      expect(await read({ to: '2026-11-21' })).toEqual([cell('a', 23, 1, 1), cell('a', 0, 2, 2, '2026-11-21')]);
    });

    it('replaces cells by set, summing repeated rows, and keeps the cell of the day beside the hours', async () => {
      const rows = [cell('a', 9, 1, 10), cell('a', 9, 2, 20), cell('a', null, 5, 50), cell('b', 1, 1, 1)];
      await log.set(rows);
      await other.set(rows);
      const expected = [cell('a', null, 5, 50), cell('a', 9, 3, 30), cell('b', 1, 1, 1)];
      expect(await read()).toEqual(expected);
      await log.set([cell('a', null, 6, 60), cell('b', 1, 0, 0)]);
      expect(await read()).toEqual([cell('a', null, 6, 60), cell('a', 9, 3, 30)]);
    });

    it('sums what was played by place and rendition, and keeps it in the store', async () => {
      const binsMs = (...first: number[]) => Array.from({ length: 20 }, (_, bin) => first[bin] ?? 0);
      const played = (ms: number, name: string) => ({
        day,
        binsMs: binsMs(ms, 1),
        mixMs: { [name]: ms },
        assets: [{ assetId: 'a', binsMs: binsMs(ms) }],
      });
      await log.add('berlin', { ...makeBatch('b1', served('a', 9, 1, 1)), watched: [played(10, 'v720-avc1')] });
      await other.add('berlin', { ...makeBatch('b2'), watched: [played(5, 'a2-en')] });
      const expected = [
        {
          day,
          binsMs: binsMs(15, 2),
          mixMs: { 'a2-en': 5, 'v720-avc1': 10 },
          assets: [{ assetId: 'a', binsMs: binsMs(15) }],
        },
      ];
      const query = { regionId: 'berlin', from: day, to: day };
      expect(await collect(log.watched(query))).toEqual(expected);
      await log.flush();
      expect((await storedDay())?.watched).toEqual(expected[0]);
      await setup.loseLiveData();
      expect(await collect(other.watched(query))).toEqual(expected);
      expect(await collect(log.watched({ ...query, regionId: 'tokyo' }))).toEqual([]);
    });

    it('refuses counts that are not whole numbers and changes nothing then', async () => {
      await expect(log.set([cell('a', 9, 1, 1), cell('b', 9, 0.5, 1)])).rejects.toThrow(RangeError);
      await expect(log.set([cell('a', 9, 1, -1)])).rejects.toThrow(RangeError);
      await expect(log.add('berlin', makeBatch('b1', served('a', 9, 1, Number.NaN)))).rejects.toThrow(RangeError);
      expect(await read()).toEqual([]);
    });

    it('reads in order of day, asset and hour, from Redis and the store alike', async () => {
      const days = ['2026-07-01', '2026-11-18', '2026-11-19', day];
      const rows = days.flatMap((on) => [cell('b', 10, 1, 1, on), cell('a', 10, 1, 1, on), cell('a', 9, 1, 1, on)]);
      await log.set(rows);
      await log.flush();
      const ordered = rows.toSorted((a, b) => (`${a.day}${a.assetId}` < `${b.day}${b.assetId}` ? -1 : 1));
      ordered.sort((a, b) => (a.day === b.day && a.assetId === b.assetId ? (a.hour ?? -1) - (b.hour ?? -1) : 0));
      expect(await read({ from: '2026-01-01' })).toEqual(ordered);
      expect(await read({ from: '2026-07-02', to: '2026-11-19', assetId: 'b' })).toEqual([
        cell('b', 10, 1, 1, '2026-11-18'),
        cell('b', 10, 1, 1, '2026-11-19'),
      ]);
      await setup.loseLiveData();
      expect(await read({ from: '2026-01-01' })).toEqual(ordered);
      expect(await read({ from: '2026-01-01', assetId: 'a' })).toEqual(
        ordered.filter(({ assetId }) => assetId === 'a'),
      );
    });

    it('totals outcomes by asset, and keeps them with the day', async () => {
      await log.add('berlin', makeBatch('b1', served('a', 9, 1, 100), served('a', 10, 0, 100)));
      await log.add(
        'berlin',
        makeBatch('b2', served('a', 9, 0, 0, 'denied-expired'), served('Z', 9, 0, 7, 'pull-origin')),
      );
      const totals = [
        { assetId: 'Z', outcome: 'pull-origin', requests: 1, bytes: 7 },
        { assetId: 'a', outcome: 'denied-expired', requests: 1, bytes: 0 },
        { assetId: 'a', outcome: 'hit-disk', requests: 2, bytes: 200 },
      ];
      expect(await log.outcomes('berlin', day)).toEqual(totals);
      await log.flush();
      await setup.loseLiveData();
      expect(await other.outcomes('berlin', day)).toEqual(totals);
      expect(await other.outcomes('berlin', '2026-01-01')).toEqual([]);
    });

    it('counts what was brought before anybody asked among the answers, and in no demand', async () => {
      const topUps = [{ day, hour: 9, slices: 3, bytes: 500 }];
      const crossed = [{ day, hour: 9, requests: 2, bytes: 700 }];
      await log.add('berlin', { ...makeBatch('b1', served('a', 9, 1, 100)), topUps, crossed });
      await log.add('berlin', { ...makeBatch('b2'), topUps });
      const [told] = await collect(log.service({ regionId: 'berlin', from: day, to: day }));
      const answer = { day, hour: 9, applianceId: 'e1' };
      expect(told?.answers).toEqual([
        { ...answer, outcome: 'crossed', requests: 2, bytes: 700 },
        { ...answer, outcome: 'hit-disk', requests: 1, bytes: 100 },
        { ...answer, outcome: 'top-up', requests: 6, bytes: 1_000 },
      ]);
      expect((await read({})).map(({ bytes }) => bytes)).toEqual([100]);
      expect((await log.outcomes('berlin', day)).map(({ outcome }) => outcome)).toEqual(['hit-disk']);
    });

    it('tells hour by hour how bytes stood with the plan and how requests were answered, and keeps it with the day', async () => {
      const filled = { ...served('a', 9, 1, 100), cause: 'filled', firstUseBytes: 60 } as const;
      const unseen = { ...served('a', 9, 0, 30, 'pull-origin'), cause: 'unseen' } as const;
      await log.add('berlin', makeBatch('b1', filled, unseen, served('a', 9, 0, 0, 'denied-expired')));
      await other.add('berlin', makeBatch('b2', filled, { ...filled, hour: 10, firstUseBytes: 0 }));
      const row = { day, hour: 9, assetId: 'a', applianceId: 'e1' };
      const answer = { day, hour: 9, applianceId: 'e1' };
      const expected = {
        service: [
          { ...row, hour: 10, cause: 'filled', bytes: 100, firstUseBytes: 0 },
          { ...row, cause: 'filled', bytes: 200, firstUseBytes: 120 },
          { ...row, cause: 'unseen', bytes: 30, firstUseBytes: 0 },
        ],
        answers: [
          { ...answer, hour: 10, outcome: 'hit-disk', requests: 1, bytes: 100 },
          { ...answer, outcome: 'denied-expired', requests: 1, bytes: 0 },
          { ...answer, outcome: 'hit-disk', requests: 2, bytes: 200 },
          { ...answer, outcome: 'pull-origin', requests: 1, bytes: 30 },
        ],
      };
      const query = { regionId: 'berlin', from: day, to: '2026-11-21' };
      expect(await collect(log.service(query))).toEqual([expected]);
      await log.flush();
      await setup.loseLiveData();
      expect(await collect(other.service(query))).toEqual([expected]);
      await log.add('berlin', makeBatch('b3', unseen));
      const [again] = await collect(log.service(query));
      expect(again?.service.at(-1)).toMatchObject({ cause: 'unseen', bytes: 60 });
      expect(await collect(log.service({ ...query, regionId: 'tokyo' }))).toEqual([]);
    });

    it('writes changed days only, each as one document', async () => {
      await log.add('berlin', makeBatch('b1', served('a', 9, 1, 100)));
      await log.add('tokyo', makeBatch('b2', served('a', 9, 1, 100)));
      expect(await log.flush()).toBe(2);
      expect(await storedDay()).toMatchObject({ schema: 1, regionId: 'berlin', day, rows: [cell('a', 9, 1, 100)] });
      expect(await other.flush()).toBe(0);
      await other.add('berlin', makeBatch('b3', served('a', 9, 1, 1)));
      expect(await log.flush()).toBe(1);
      expect((await storedDay())?.rows).toEqual([cell('a', 9, 2, 101)]);
    });

    it('loses no increment that comes while it flushes', async () => {
      let sent = 0;
      const sending = (async () => {
        for (; sent < 60; sent++) await other.add('berlin', makeBatch(`b${sent}`, served('a', 9, 1, 10)));
      })();
      while (sent < 60) await Promise.all([log.flush(), other.flush()]);
      await sending;
      await log.flush();
      expect((await storedDay())?.rows).toEqual([cell('a', 9, 60, 600)]);
      expect(await read()).toEqual([cell('a', 9, 60, 600)]);
    });

    it('adds to the stored day after the live data was lost', async () => {
      await log.add('berlin', makeBatch('b1', served('a', 9, 1, 100), served('b', 9, 1, 100)));
      await log.flush();
      await setup.loseLiveData();
      await Promise.all([
        log.add('berlin', makeBatch('b2', served('a', 9, 1, 1))),
        other.add('berlin', makeBatch('b3', served('a', 9, 1, 1))),
        log.set([cell('c', 1, 1, 1)]),
      ]);
      await log.flush();
      const expected = [cell('a', 9, 3, 102), cell('b', 9, 1, 100), cell('c', 1, 1, 1)];
      expect(await read()).toEqual(expected);
      expect((await storedDay())?.rows).toEqual(expected);
    });

    it('rebuilds the recent days without touching what came since', async () => {
      await log.set([cell('a', 9, 1, 10), cell('a', 9, 1, 10, '2026-01-01')]);
      await log.flush();
      await log.add('berlin', makeBatch('b1', served('a', 9, 1, 1)));
      expect(await other.rebuild()).toBe(1);
      expect(await read()).toEqual([cell('a', 9, 2, 11)]);
      await log.flush();
      await setup.loseLiveData();
      expect(await other.rebuild()).toBe(1);
      expect(await read()).toEqual([cell('a', 9, 2, 11)]);
    });

    it('takes 100,000 rows in seconds', async () => {
      const rows = Array.from({ length: 100_000 }, (_, i) =>
        cell(`asset-${i % 2_000}`, Math.floor(i / 2_000) % 24, 1, i, `2026-11-${10 + Math.floor(i / 48_000)}`),
      );
      const startedMs = performance.now();
      await log.set(rows);
      await log.flush();
      expect(performance.now() - startedMs).toBeLessThan(20_000);
      const bytes = (await read({ from: '2026-11-10' })).reduce((sum, row) => sum + row.bytes, 0);
      expect(bytes).toBe(rows.reduce((sum, row) => sum + row.bytes, 0));
    });
  });
}
