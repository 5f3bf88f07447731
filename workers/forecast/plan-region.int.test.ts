import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeApplianceHttpApi } from '../../shared/adapters/appliance-http/appliance-http.ts';
import type { Fill } from '../../shared/domain/fill.ts';
import { fillId } from '../../shared/domain/keys.ts';
import { newFill } from '../../shared/domain/new-fill.ts';
import { buildFillReport } from '../../shared/domain/reporting/fill-report.ts';
import { addDays, localDate } from '../../shared/domain/time/local-time.ts';
import type { PlanRegionPayload } from '../../shared/jobs/map.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { JobAbortedError } from '../../shared/ports/job-queue.ts';
import { type FailingAppliance, startFailingAppliance } from '../../shared/testing/failing-appliance.ts';
import { makePortsKit, type PortsKit } from '../../shared/testing/ports-kit.ts';
import { makeTestAppliance, makeTestRegion, publishTestAsset } from '../../shared/testing/published.ts';
import { makeExplainAsset } from './explain-asset.ts';
import { makePlanRegion } from './plan-region.ts';
import { makeKeepSchedules } from './schedule.ts';
import { makeScoreRegion } from './score-region.ts';
import { makeVerifyReport } from './verify-report.ts';

// 00:50 in Berlin, ten minutes before the window that prepares the 21st.
const planTime = Date.parse('2026-11-20T23:50:00.000Z');
const date = '2026-11-21';
const api = makeApplianceHttpApi({ credentialOf: (id) => `credential-of-${id}`, silenceMs: 2_000 });
const logger = pino({ level: 'silent' });

let nowMs: number;
const clock: Clock = {
  now: () => nowMs,
  sleep: async (ms) => {
    nowMs += ms;
  },
};
let kit: PortsKit;
let edge: FailingAppliance;

beforeEach(async () => {
  nowMs = planTime;
  kit = await makePortsKit(clock);
  edge = await startFailingAppliance('credential-of-e1');
  await kit.fleet.putRegion(makeTestRegion('r'));
  await kit.fleet.putAppliance(makeTestAppliance('e1', 'r', edge.url));
  const ports = { ...kit, store: kit.redisKit.store };
  await publishTestAsset(ports, 'watched', [10_000, 10_000]);
  await publishTestAsset(ports, 'cold', [10_000]);
  await kit.demandLog.set(
    Array.from({ length: 10 }, (_, at) => ({
      regionId: 'r',
      assetId: 'watched',
      day: addDays('2026-11-11', at),
      hour: 18,
      views: 5,
      bytes: 100_000,
    })),
  );
});
afterEach(async () => {
  await edge.close();
  await kit.dispose();
});

const jobContext = {
  id: 'job',
  attempt: 1,
  lastAttempt: false,
  signal: new AbortController().signal,
  begun: 1,
  progress: async () => undefined,
  children: async () => [],
};

const run = (payload: PlanRegionPayload, over: { lastAttempt?: boolean; signal?: AbortSignal } = {}) =>
  makePlanRegion({
    ...kit,
    store: kit.redisKit.store,
    api,
    clock,
    logger,
    historyDays: 56,
    longestLeadMs: 3 * 3_600_000,
  })({ ...jobContext, payload, ...over });

async function manualFill(start: Fill['start'], run_ = 1): Promise<string> {
  const fill = newFill({ regionId: 'r', date, run: run_, start, createdAt: new Date(nowMs).toISOString() });
  await kit.documents.createFill(fill);
  return fill.id;
}
const fillJob = (id: string) => kit.jobs.get('fill-region', `fill-${id}`);

describe('plan-region', () => {
  it('plans the coming window by itself, freezes it, and queues the fill for the window’s start', async () => {
    expect(await run({ regionId: 'r' })).toEqual({ kind: 'frozen', fillId: 'r-2026-11-21' });
    const plan = await kit.documents.getPlan('r', date);
    expect(plan).toMatchObject({
      id: 'r-2026-11-21',
      run: 1,
      forecastKey: 'forecasts/r/2026-11-21.json',
      fetchFiles: 5,
    });
    expect(plan?.rejected).toMatchObject([{ assetId: 'cold', reason: 'no-demand-forecast' }]);
    expect(await kit.documents.getForecast('r', date)).toMatchObject({ historyDays: 10, historyUntil: '2026-11-20' });
    expect(await kit.documents.getFill('r-2026-11-21')).toMatchObject({
      state: 'scheduled',
      start: 'window',
      planned: { files: 5 },
    });
    expect(await fillJob('r-2026-11-21')).toMatchObject({ state: 'delayed' });
  });

  it('plans by half a day where there is nothing else, and leaves today out where there is', async () => {
    nowMs = Date.parse('2026-11-21T12:00:00.000Z');
    await kit.fleet.putRegion(makeTestRegion('young'));
    await kit.fleet.putAppliance(makeTestAppliance('e1', 'young', edge.url));
    const today = { assetId: 'cold', day: date, hour: 9, views: 1, bytes: 5_000 };
    await kit.demandLog.set([
      { ...today, regionId: 'young' },
      { ...today, regionId: 'r', bytes: 9e9 },
    ]);
    const expected = async (regionId: string) => {
      const result = await run({ regionId, date: '2026-11-22', dry: { lines: 1_000 } });
      return result.kind === 'dry' ? result.forecast.assets.map(({ assetId }) => assetId) : null;
    };
    expect(await expected('young')).toEqual(['cold']);
    expect(await expected('r')).toEqual(['watched']);
  });

  it('may run twice: one fill, one plan, one job', async () => {
    await run({ regionId: 'r' });
    const plan = await kit.documents.getPlan('r', date);
    nowMs += 60_000;
    expect(await run({ regionId: 'r' })).toEqual({ kind: 'frozen', fillId: 'r-2026-11-21' });
    expect(await kit.documents.getPlan('r', date)).toEqual(plan);
    expect(await kit.documents.listFills({ regionId: 'r' })).toHaveLength(1);
  });

  it('starts at once for an operator who says now, also outside the window, and counts on with the run', async () => {
    nowMs = Date.parse('2026-11-21T12:00:00.000Z');
    const id = await manualFill('now', 2);
    expect(await run({ regionId: 'r', date, fillId: id })).toEqual({ kind: 'frozen', fillId: id });
    expect(await kit.documents.getPlan('r', date, 2)).toMatchObject({ id, fetchFiles: 5 });
    expect(await fillJob(id)).toMatchObject({ state: 'waiting' });
    // Nobody waits for the replays of the log: they are for the next plan.
    expect((await kit.documents.getPlan('r', date, 2))?.pulledRoom).toMatchObject({ share: 0.1, key: null });
    expect(await kit.documents.getPulledRoom('r')).toMatchObject({ share: 0.1, days: 10 });
  });

  it('brings a title that only another region has watched, at this region’s share, and names the model', async () => {
    await kit.fleet.putRegion(makeTestRegion('paris', { timeZone: 'Europe/Paris' }));
    const there = { regionId: 'paris', hour: 18, views: 50 };
    await kit.demandLog.set([
      ...Array.from({ length: 10 }, (_, at) => ({
        ...there,
        assetId: 'watched',
        day: addDays('2026-11-11', at),
        bytes: 1_000_000,
      })),
      { ...there, assetId: 'cold', day: '2026-11-20', bytes: 100_000 },
    ]);
    const made = await run({ regionId: 'r', dry: { lines: 1_000 } });
    if (made.kind !== 'dry') throw new Error(`a dry run ended as ${made.kind}`);
    expect(made.forecast.assets.map(({ assetId, model }) => [assetId, model])).toEqual([
      ['watched', 'blend/2 head'],
      ['cold', 'pooled-regions/1'],
    ]);
    // A tenth of the other's demand would be 10,000; a guess is held to 5% of what is known.
    expect(made.forecast.assets[1]?.expectedBytes).toBeLessThanOrEqual(5_000);
    expect(made.plan.appliances[0]?.fetch.some(({ assetId }) => assetId === 'cold')).toBe(true);
  });

  it('decides once a week how much it leaves to pulls, and freezes that with its key', async () => {
    const room = async () => (await kit.documents.getPlan('r', nextDate()))?.pulledRoom;
    const nextDate = () => localDate(nowMs + 3_600_000, 'Europe/Berlin');
    await run({ regionId: 'r' });
    const first = await kit.documents.getPulledRoom('r');
    expect(first).toMatchObject({ date: '2026-11-20', share: 0.1, before: 0.1, days: 10, requests: 10 });
    expect(first?.reason).toContain('replayed');
    expect(await room()).toEqual({ share: 0.1, key: 'rooms/r/2026-11-20.json', reason: first?.reason });

    nowMs += 24 * 3_600_000;
    await run({ regionId: 'r' });
    expect(await kit.documents.getPulledRoom('r')).toEqual(first);
    expect((await room())?.key).toBe('rooms/r/2026-11-20.json');

    nowMs += 6 * 24 * 3_600_000;
    await run({ regionId: 'r' });
    expect(await kit.documents.getPulledRoom('r')).toMatchObject({ date: '2026-11-27' });
    expect((await room())?.key).toBe('rooms/r/2026-11-27.json');

    nowMs += 8 * 24 * 3_600_000;
    await kit.fleet.putRegion(makeTestRegion('r', { pulledShare: 0.4 }));
    await run({ regionId: 'r' });
    expect(await room()).toEqual({ share: 0.4, key: null, reason: 'An operator set it.' });
    expect(await kit.documents.getPulledRoom('r')).toMatchObject({ date: '2026-11-27' });
  });

  it('leaves a tenth to pulls while the log is shorter than a week', async () => {
    await kit.fleet.putRegion(makeTestRegion('young'));
    await kit.fleet.putAppliance(makeTestAppliance('e1', 'young', edge.url));
    await kit.demandLog.set([
      { regionId: 'young', assetId: 'cold', day: '2026-11-19', hour: 9, views: 1, bytes: 5_000 },
    ]);
    await run({ regionId: 'young' });
    expect((await kit.documents.getPlan('young', date))?.pulledRoom).toMatchObject({ share: 0.1, key: null });
    expect(await kit.documents.getPulledRoom('young')).toBeNull();
  });

  it('writes nothing for a dry run', async () => {
    const result = await run({ regionId: 'r', dry: { lines: 1_000 } });
    if (result.kind !== 'dry') throw new Error(result.kind);
    expect(result.plan.fetchFiles).toBe(5);
    expect(result.forecast.date).toBe(date);
    expect(await kit.documents.getPlan('r', date)).toBeNull();
    expect(await kit.documents.getForecast('r', date)).toBeNull();
    expect(await kit.documents.listFills()).toEqual([]);
  });

  it('counts what earlier runs of the date sent against the night', async () => {
    await kit.fleet.putRegion(makeTestRegion('r', { budget: { bytesPerNight: 30_000, rateBps: 1e9 } }));
    await run({ regionId: 'r', date, fillId: await manualFill('now', 1) });
    const first = await kit.documents.getFill(fillId('r', date));
    if (!first) throw new Error('no fill');
    await kit.documents.putFill({ ...first, state: 'completed', sentBytes: 18_000 });
    await run({ regionId: 'r', date, fillId: await manualFill('now', 2) });
    expect((await kit.documents.getPlan('r', date, 2))?.fetchBytes).toBeLessThanOrEqual(12_000);
  });

  it('ends the fill as failed, with the mend, when no appliance answers until the last attempt', async () => {
    await edge.down();
    const id = await manualFill('now');
    await expect(run({ regionId: 'r', date, fillId: id })).rejects.toThrow('No appliance of r answered');
    expect(await kit.documents.getFill(id)).toMatchObject({ state: 'planning' });
    await expect(run({ regionId: 'r', date, fillId: id }, { lastAttempt: true })).rejects.toThrow();
    expect(await kit.documents.getFill(id)).toMatchObject({
      state: 'failed',
      message: 'No appliance of r answered (e1); see that they run and are reachable.',
    });
    expect(await run({ regionId: 'r', date, fillId: id })).toEqual({ kind: 'frozen', fillId: id });
    expect(await fillJob(id)).toBeNull();
  });

  it('ends a window fill that comes too late as failed', async () => {
    nowMs = Date.parse('2026-11-21T10:00:00.000Z');
    const id = await manualFill('window');
    await expect(run({ regionId: 'r', date, fillId: id })).rejects.toThrow('is over');
    expect(await kit.documents.getFill(id)).toMatchObject({ state: 'failed' });
  });

  it('ends a fill that is cancelled while it is planned', async () => {
    const id = await manualFill('now');
    const signal = AbortSignal.abort(new JobAbortedError('cancelled'));
    await expect(run({ regionId: 'r', date, fillId: id }, { signal })).rejects.toThrow('cancelled');
    expect(await kit.documents.getFill(id)).toMatchObject({ state: 'cancelled' });
  });

  it('does nothing by schedule for a paused or removed region, or long before a window', async () => {
    nowMs = Date.parse('2026-11-20T12:00:00.000Z');
    expect(await run({ regionId: 'r' })).toMatchObject({ kind: 'skipped' });
    await kit.fleet.putRegion(makeTestRegion('r', { fillEnabled: false }));
    expect(await run({ regionId: 'r' })).toMatchObject({ kind: 'skipped' });
    expect(await run({ regionId: 'gone' })).toMatchObject({ kind: 'skipped' });
    expect(await kit.documents.listFills()).toEqual([]);
  });
});

describe('explain-asset', () => {
  const explain = (assetId: string, number = 1) =>
    makeExplainAsset(kit.documents)({
      ...jobContext,
      payload: { regionId: 'r', date, run: number, assetId, nonce: '1' },
    });

  it('says of a frozen plan what the dry run said before, with the lines about the asset alone', async () => {
    const dry = await run({ regionId: 'r', dry: { lines: 1, asset: 'watched' } });
    await run({ regionId: 'r' });
    const { plan, explanation } = await explain('watched');
    expect(dry).toMatchObject({ explanation });
    expect(explanation.words[0]).toContain('it is brought');
    expect(plan.fetchFiles).toBe(5);
    expect(plan.appliances[0]?.fetch.map(({ assetId }) => assetId)).toEqual(Array(5).fill('watched'));
    expect(plan.rejected).toEqual([]);
    expect((await explain('cold')).plan.rejected).toMatchObject([{ assetId: 'cold', reason: 'no-demand-forecast' }]);
    await expect(explain('watched', 7)).rejects.toThrow('no frozen plan for 2026-11-21, run 7');
  });
});

describe('verify-report', () => {
  it('says what cannot be computed any more, and that there is no such report', async () => {
    const verify = (day: string) =>
      makeVerifyReport(kit)({ ...jobContext, payload: { regionId: 'r', date: day, run: 1, nonce: '1' } });
    await run({ regionId: 'r' });
    const plan = await kit.documents.getPlan('r', date);
    if (!plan) throw new Error('no plan');
    const nothing = {
      appliances: [],
      failures: [],
      held: new Map(),
      pushedByAsset: {},
      meanRateBps: 0,
      peakRateBps: 0,
    };
    const times = { startedAt: '2026-11-21T00:00:00.000Z', finishedAt: '2026-11-21T00:01:00.000Z' };
    const report = buildFillReport(plan, { state: 'completed', ...times, ...nothing });
    const checkOf = async (day: string) => (await verify(day)).checks.find(({ field }) => field === 'planned.files');
    await kit.documents.putReport({ ...report, planned: { files: 5, bytes: plan.fetchBytes } });
    expect(await checkOf(date)).toMatchObject({ verdict: 'equal', recomputed: 5 });
    await kit.documents.putReport({ ...report, date: '2026-11-20' });
    expect(await checkOf('2026-11-20')).toMatchObject({
      verdict: 'not-recomputable',
      reason: 'the frozen plan is gone',
    });
    await expect(verify('2026-11-19')).rejects.toThrow('r has no report for 2026-11-19, run 1');
  });
});

describe('score-region', () => {
  it('scores yesterday into its report, and the same again when repeated', async () => {
    await run({ regionId: 'r' });
    const plan = await kit.documents.getPlan('r', date);
    if (!plan) throw new Error('no plan');
    await kit.documents.putReport(
      buildFillReport(plan, {
        state: 'completed',
        startedAt: '2026-11-21T00:00:00.000Z',
        finishedAt: '2026-11-21T00:01:00.000Z',
        appliances: [],
        failures: [],
        held: new Map(),
        pushedByAsset: { watched: 20_000, cold: 7_000 },
        meanRateBps: 1,
        peakRateBps: 1,
      }),
    );
    const score = makeScoreRegion({ ...kit, clock });
    const job = { ...jobContext, payload: { regionId: 'r' } };
    expect(await score({ ...job, payload: { regionId: 'r', date } })).toEqual({ scored: false });

    nowMs = Date.parse('2026-11-22T05:00:00.000Z');
    const row = { assetId: 'watched', day: date, hour: 12, requests: 1, views: 1 };
    await kit.demandLog.add('r', {
      batchId: 'b1',
      applianceId: 'e1',
      rows: [
        { ...row, outcome: 'hit-disk', bytes: 60_000 },
        { ...row, outcome: 'pull-origin', bytes: 20_000 },
      ],
    });
    expect(await score(job)).toEqual({ scored: true });
    const first = (await kit.documents.getReport('r', date))?.score;
    expect(first).toMatchObject({
      servedBytes: 80_000,
      hitBytes: 60_000,
      byteHitRatio: 0.75,
      actualBytes: 80_000,
      wastedBytes: 7_000,
    });
    expect(first?.wape).toBeGreaterThan(0);
    await score(job);
    expect((await kit.documents.getReport('r', date))?.score).toEqual(first);
  });
});

describe('schedules', () => {
  const keep = () => makeKeepSchedules({ ...kit, clock, planLeadMs: 600_000 })();
  /** In the order of their ids: which comes next depends on the hour at which this runs. */
  const plans = async () => (await kit.jobs.listSchedules('plan-region')).toSorted((a, b) => (a.id < b.id ? -1 : 1));

  it('follow the regions: added, moved, paused, removed', async () => {
    nowMs = Date.parse('2026-11-20T12:00:00.000Z');
    await kit.fleet.putRegion(
      makeTestRegion('tokyo', { timeZone: 'Asia/Tokyo', window: { start: '00:05', end: '04:00' } }),
    );
    expect(await keep()).toBe(4);
    expect(await plans()).toMatchObject([
      { pattern: '50 0 * * *', timeZone: 'Europe/Berlin' },
      { pattern: '55 23 * * *', timeZone: 'Asia/Tokyo' },
    ]);
    expect(await kit.jobs.listSchedules('score-region')).toHaveLength(2);
    expect(await keep()).toBe(0);

    await kit.fleet.putRegion(makeTestRegion('r', { window: { start: '02:00', end: '05:00' } }));
    await kit.fleet.putRegion(makeTestRegion('tokyo', { timeZone: 'Asia/Tokyo', fillEnabled: false }));
    expect(await keep()).toBe(2);
    expect(await plans()).toMatchObject([{ pattern: '50 1 * * *' }]);
    await kit.fleet.removeRegion('tokyo');
    await keep();
    expect(await kit.jobs.listSchedules('score-region')).toHaveLength(1);
  });

  it('plan at once for a window whose planning time was missed, but once only and not for a new region', async () => {
    nowMs = planTime + 3_600_000;
    await kit.fleet.putRegion(makeTestRegion('new', { createdAt: new Date(nowMs).toISOString() }));
    await kit.fleet.putRegion(makeTestRegion('moved', { updatedAt: new Date(nowMs).toISOString() }));
    await keep();
    expect(await kit.jobs.get('plan-region', `plan-r-${date}`)).toMatchObject({ payload: { regionId: 'r', date } });
    expect(await kit.jobs.get('plan-region', `plan-moved-${date}`)).not.toBeNull();
    await kit.fleet.removeRegion('moved');
    await keep();
    expect(await kit.jobs.get('plan-region', `plan-new-${date}`)).toBeNull();
    await run({ regionId: 'r', date });
    expect(await keep()).toBe(0);
  });

  it('do not leave a fill that waits for a window behind when the window is moved onto the present', async () => {
    nowMs = Date.parse('2026-11-20T20:00:00.000Z');
    await keep();
    const id = await manualFill('window');
    const planJob = () => kit.jobs.get('plan-region', `plan-${id}`);
    await kit.jobs.add('plan-region', { regionId: 'r', date, fillId: id }, { delayMs: 3 * 3_600_000 });
    expect(await keep()).toBe(0);
    await kit.fleet.putRegion(makeTestRegion('r', { window: { start: '20:30', end: '23:00' } }));
    await keep();
    expect(await planJob()).toMatchObject({ state: 'waiting', payload: { fillId: id } });
    expect(await keep()).toBe(0);
  });
});
