import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FillPlan, PlannedFile } from '../../shared/domain/fill.ts';
import { explainAsset } from '../../shared/domain/planning/explain.ts';
import { aboutAsset, beginningOf, type ForecastView, forecastPage } from '../../shared/domain/planning/plan-view.ts';
import type { PulledRoom } from '../../shared/domain/pulled-room/pulled-room.ts';
import type { Verification } from '../../shared/domain/reporting/verify-report.ts';
import { systemClock } from '../../shared/platform/clock.ts';
import type { Page } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { makePortsKit, type PortsKit } from '../../shared/testing/ports-kit.ts';
import type { PlanAnswer } from './schemas/fill.ts';
import { forecast, plan, plannedFile, region, report } from './testing/builders.ts';
import { type Doc, startControl, type TestControl } from './testing/start-control.ts';

const start = Date.parse('2026-11-20T14:00:00Z');
const clock: Clock = { ...systemClock, now: () => start };
let ports: PortsKit;
let control: TestControl;
const call: TestControl['call'] = (...args) => control.call(...args);

beforeAll(async () => {
  ports = await makePortsKit(clock);
  control = await startControl(ports, clock);
  for (const id of ['berlin', 'paris', 'tokyo']) await call('POST', '/v1/regions', region(id));
});

afterAll(async () => {
  await control.close();
  await ports.dispose();
});

describe('fills, forecasts and reports', () => {
  it('creates a fill, queues its plan, and refuses a second one beside it', async () => {
    const created = await call('POST', '/v1/fills', { regionId: 'berlin', start: 'now' });
    expect(created.status).toBe(202);
    expect(created.headers.get('location')).toBe('/v1/fills/berlin-2026-11-21');
    expect(created.body).toMatchObject({
      id: 'berlin-2026-11-21',
      date: '2026-11-21',
      run: 1,
      state: 'scheduled',
      start: 'now',
    });
    expect(await ports.jobs.get('plan-region', 'plan-berlin-2026-11-21')).toMatchObject({
      state: 'waiting',
      payload: { regionId: 'berlin', date: '2026-11-21', fillId: 'berlin-2026-11-21' },
    });
    const second = await call('POST', '/v1/fills', { regionId: 'berlin', start: 'now' });
    expect(second).toMatchObject({
      status: 409,
      body: { code: 'fill-running', detail: expect.stringContaining('berlin-2026-11-21') },
    });
    expect((await call('POST', '/v1/fills', { regionId: 'paris', start: 'now' })).status).toBe(202);
  });

  it('cancels a fill and numbers the next one', async () => {
    const cancelled = await call('DELETE', '/v1/fills/berlin-2026-11-21');
    expect(cancelled.body).toMatchObject({ state: 'cancelled', finishedAt: expect.any(String) });
    expect(await ports.jobs.get('plan-region', 'plan-berlin-2026-11-21')).toBeNull();
    expect((await call('DELETE', '/v1/fills/berlin-2026-11-21')).status).toBe(409);
    expect((await call('POST', '/v1/fills', { regionId: 'berlin', start: 'now' })).body).toMatchObject({
      id: 'berlin-2026-11-21-2',
      run: 2,
    });
    const list = await call<{ items: Doc[] }>('GET', '/v1/fills?region=berlin');
    expect(list.body.items.map(({ id }) => id)).toEqual(['berlin-2026-11-21-2', 'berlin-2026-11-21']);
    const first = await call<{ items: Doc[]; next: string }>('GET', '/v1/fills?region=berlin&limit=1');
    expect(first.body).toMatchObject({ items: [{ id: 'berlin-2026-11-21-2' }], next: 'berlin-2026-11-21-2' });
    const second = await call('GET', `/v1/fills?region=berlin&limit=1&after=${first.body.next}`);
    expect(second.body).toMatchObject({ items: [{ id: 'berlin-2026-11-21' }], next: null });
    expect((await call('GET', '/v1/fills/nothing')).body.code).toBe('fill-not-found');
  });

  it('keeps the wish to pause a fill that has not begun, and what is to come first, until it has ended', async () => {
    await call('POST', '/v1/regions', region('lima'));
    const made = await call('POST', '/v1/fills', { regionId: 'lima', start: 'now', mustHave: ['film'] });
    const id = String(made.body.id);
    expect((await ports.documents.getFill(id))?.mustHave).toEqual(['film']);
    expect(await call('POST', `/v1/fills/${id}/pause`, {})).toMatchObject({
      status: 200,
      body: { state: 'scheduled' },
    });
    expect(await ports.documents.isFillPaused(id)).toBe(true);
    expect((await call('POST', `/v1/fills/${id}/resume`, {})).status).toBe(200);
    expect(await ports.documents.isFillPaused(id)).toBe(false);
    expect((await call('POST', `/v1/fills/${id}/cancel`, {})).body).toMatchObject({ state: 'cancelled' });
    for (const order of ['pause', 'resume', 'cancel'])
      expect((await call('POST', `/v1/fills/${id}/${order}`, {})).body.code).toBe('conflict');
    expect((await call('POST', '/v1/fills/nothing/pause', {})).body.code).toBe('fill-not-found');
  });

  it('lets only one of several callers at once start a fill', async () => {
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => call('POST', '/v1/fills', { regionId: 'tokyo', start: 'now' })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409, 409, 409]);
    for (const { status, body } of answers) if (status === 202) await call('DELETE', `/v1/fills/${body.id}`);
  });

  it('lets only one start also when each wants another day', async () => {
    const dates = ['2026-11-26', '2026-11-27', '2026-11-28', '2026-11-29'];
    const answers = await Promise.all(
      dates.map((date) => call('POST', '/v1/fills', { regionId: 'tokyo', start: 'now', date })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409, 409]);
    for (const { status, body } of answers) if (status === 202) await call('DELETE', `/v1/fills/${body.id}`);
  });

  it('lets the plan of a window’s fill wait until shortly before the window', async () => {
    const fill = await call('POST', '/v1/fills', { regionId: 'tokyo', start: 'window', date: '2026-11-25' });
    expect(fill.status).toBe(202);
    expect(await ports.jobs.get('plan-region', `plan-${fill.body.id}`)).toMatchObject({ state: 'delayed' });
    expect((await call('POST', '/v1/fills', { regionId: 'tokyo', start: 'window', date: '2026-11-25' })).status).toBe(
      409,
    );
    expect((await call('POST', '/v1/fills', { regionId: 'tokyo', start: 'now' })).status).toBe(202);
    const past = await call('POST', '/v1/fills', { regionId: 'tokyo', start: 'window', date: '2026-11-19' });
    expect(past.body.detail).toContain('date must be 2026-11-20 or later');
  });

  it('answers the frozen forecast and plan, narrowed to one asset where asked', async () => {
    const wanted = forecast('paris', '2026-11-21');
    await ports.documents.putForecast(wanted);
    expect((await call('GET', '/v1/regions/paris/forecast?date=2026-11-21')).body).toEqual({
      ...wanted,
      assetCount: 1,
      next: null,
    });

    const frozen: FillPlan = {
      ...plan('paris', '2026-11-21', [plannedFile('film'), plannedFile('other')]),
      pulledRoom: { share: 0.2, key: null, reason: 'An operator set it.' },
    };
    await ports.documents.putPlan(frozen);
    const whole = (await call<PlanAnswer>('GET', '/v1/regions/paris/plan?date=2026-11-21')).body;
    expect(whole).toEqual({ frozen: true, ...(await beginningOf(frozen, 1_000)) });
    expect(whole.appliances[0]?.fetch.map(({ assetId }) => assetId)).toEqual(['film', 'other']);

    // The lists may be long: what goes through them is the forecast worker.
    const worker = await ports.jobs.work('explain-asset', async ({ payload: { assetId, run } }) => {
      if (assetId === 'broken') throw new Error('plans/paris/2026-11-21.parts/1.ndjson.gz: it is gone');
      return {
        plan: await aboutAsset({ ...frozen, run }, assetId),
        explanation: explainAsset(frozen, wanted, assetId),
      };
    });
    const narrowed = await call<PlanAnswer>('GET', '/v1/regions/paris/plan?date=2026-11-21&asset=film');
    expect(narrowed.body).toMatchObject({ frozen: true, run: 1, explanation: { assetId: 'film', rank: 1 } });
    expect(narrowed.body.appliances[0]?.fetch.map(({ assetId }) => assetId)).toEqual(['film']);
    const broken = await call('GET', '/v1/regions/paris/plan?date=2026-11-21&asset=broken');
    expect(broken).toMatchObject({ status: 503, body: { code: 'forecast-not-ready' } });
    expect(broken.body.detail).toContain('The explanation of broken failed: plans/paris/');
    await worker.close(0);
    expect(await ports.redisKit.first.client.keys('*explain-*')).toEqual([]);
  });

  it('answers no more of a long plan or forecast than was asked for, and the rest page by page', async () => {
    const date = '2026-11-28';
    const names = Array.from({ length: 5 }, (_, at) => `title-${at}`);
    const { assets } = forecast('paris', date);
    await ports.documents.putForecast({
      ...forecast('paris', date),
      assets: names.flatMap((assetId) => assets.map((one) => ({ ...one, assetId }))),
    });
    const first = (await call<ForecastView>('GET', `/v1/regions/paris/forecast?date=${date}&limit=3`)).body;
    expect(first).toMatchObject({ assetCount: 5, next: '3' });
    const rest = await call<ForecastView>('GET', `/v1/regions/paris/forecast?date=${date}&limit=3&after=3`);
    expect(rest.body.next).toBeNull();
    expect([...first.assets, ...rest.body.assets].map(({ assetId }) => assetId)).toEqual(names);

    await ports.documents.putPlan(plan('paris', date, names.map(plannedFile)));
    const lines = `/v1/regions/paris/plan/lines?date=${date}`;
    const begun = (await call<PlanAnswer>('GET', `/v1/regions/paris/plan?date=${date}&limit=2`)).body;
    const [part] = begun.appliances;
    expect(part?.fetch).toHaveLength(2);
    expect(part?.totals.fetch.files).toBe(5);
    const seen: string[] = [];
    for (let after: string | null = '0'; after !== null; ) {
      const path: string = `${lines}&list=fetch&appliance=${part?.applianceId}&limit=2&after=${after}`;
      const page: Page<PlannedFile> = (await call<Page<PlannedFile>>('GET', path)).body;
      seen.push(...page.items.map(({ assetId }) => assetId));
      after = page.next;
    }
    expect(seen).toEqual(names);
    expect((await call('GET', `${lines}&list=rejected`)).body).toEqual({ items: [], next: null });
    expect((await call('GET', `${lines}&list=keep`)).body.detail).toContain(part?.applianceId);
    expect((await call('GET', `${lines}&list=rejected&run=7`)).body).toMatchObject({ code: 'plan-not-found' });
    expect((await call('GET', `${lines}&list=rejected&after=x`)).status).toBe(400);
  });

  it('tells the room that plans leave to pulls, with the last decision, and what an operator set instead', async () => {
    const path = '/v1/regions/paris/pulled-room';
    expect((await call('GET', path)).body).toMatchObject({ share: 0.1, key: null, decision: null });
    const decision: PulledRoom = {
      schema: 1,
      regionId: 'paris',
      date: '2026-11-20',
      decidedAt: '2026-11-20T00:00:00.000Z',
      share: 0.35,
      before: 0.1,
      reason: 'It serves more.',
      results: [{ share: 0.35, byteHitRatio: 0.7, gain: 0.1, gainError: 0.01 }],
      days: 21,
      countedDays: 14,
      requests: 1_000,
      sampledShare: 0.5,
      capacityBytes: 1_000,
    };
    await ports.documents.putPulledRoom(decision);
    expect((await call('GET', path)).body).toEqual({
      share: 0.35,
      key: 'rooms/paris/2026-11-20.json',
      reason: 'It serves more.',
      decision,
    });
    expect((await call('PATCH', '/v1/regions/paris', { pulledShare: 0.97 })).status).toBe(400);
    expect((await call('PATCH', '/v1/regions/paris', { pulledShare: 0.2 })).body).toMatchObject({ pulledShare: 0.2 });
    expect((await call('GET', path)).body).toMatchObject({ share: 0.2, key: null, decision });
    expect((await call('PATCH', '/v1/regions/paris', { pulledShare: null })).body).toMatchObject({ pulledShare: null });
    expect((await call('GET', '/v1/regions/atlantis/pulled-room')).body).toMatchObject({ code: 'region-not-found' });
  });

  it('asks the forecast worker for what is not frozen', async () => {
    const worker = await ports.jobs.work('plan-region', async ({ payload }) => {
      if (!payload.dry) return { kind: 'frozen', fillId: payload.fillId ?? '' };
      const { regionId, date = '' } = payload;
      return {
        kind: 'dry',
        forecast: forecastPage(forecast(regionId, date), payload.dry.lines),
        plan: await beginningOf(plan(regionId, date, []), payload.dry.lines),
      };
    });
    expect((await call('GET', '/v1/regions/paris/forecast?date=2026-11-30')).body).toMatchObject({
      date: '2026-11-30',
    });
    expect((await call('GET', '/v1/regions/paris/plan?date=2026-11-30')).body).toMatchObject({ frozen: false });
    // A dry plan is as large as a real one: nothing of it stays in Redis.
    expect(await ports.redisKit.first.client.keys('*plan-paris-2026-11-30*')).toEqual([]);
    await worker.close(0);
    expect((await call('GET', '/v1/regions/paris/forecast?date=30.11.')).status).toBe(400);
  });

  it('answers reports, newest first, also as CSV', async () => {
    for (const date of ['2026-11-18', '2026-11-19']) await ports.documents.putReport(report('paris', date));
    const list = await call<{ items: Doc[]; next: string | null }>('GET', '/v1/regions/paris/fill-reports?limit=1');
    expect(list.body).toMatchObject({
      items: [{ date: '2026-11-19', failureCounts: { 'appliance-full': 1 } }],
      next: '2026-11-19',
    });
    const csv = await call<string>('GET', '/v1/regions/paris/fill-reports', undefined, { accept: 'text/csv' });
    expect(csv.headers.get('content-type')).toContain('text/csv');
    expect(csv.body.split('\n')[1]).toMatch(
      /^paris,2026-11-19,1,completed,.*,p1,2,20,1,10,0,0,0,0,0,0,0,0,0\.5,,10,0,0,0,,,,$/,
    );
    const numbers = await call<string>('GET', '/v1/regions/paris/fill-reports/2026-11-19?table=numbers', undefined, {
      accept: 'text/csv',
    });
    expect(numbers.body.split('\n')).toContain('paris,2026-11-19,1,appliances.p1.planned.bytes,20');
    expect((await call('GET', '/v1/regions/paris/fill-reports/2026-11-18')).body).toMatchObject({
      fillId: 'paris-2026-11-18',
    });
    expect((await call('GET', '/v1/regions/paris/fill-reports/2026-11-01')).body.code).toBe('report-not-found');
  });

  it('has the forecast worker compute a report again, of the run that was asked for', async () => {
    const date = '2026-11-17';
    for (const number of [1, 2]) await ports.documents.putReport({ ...report('paris', date), run: number });
    const worker = await ports.jobs.work('verify-report', async ({ payload: { regionId, date, run } }) => ({
      ...{ regionId, date, run, equal: 1, different: 0, notRecomputable: 0 },
      checks: [{ field: 'planned.files', verdict: 'equal', reported: 2, recomputed: 2, reason: null }],
    }));
    const verification = `/v1/regions/paris/fill-reports/${date}/verification`;
    expect(await call<Verification>('GET', verification)).toMatchObject({
      status: 200,
      body: { date, run: 2, equal: 1 },
    });
    expect((await call<Verification>('GET', `${verification}?run=1`)).body.run).toBe(1);
    await worker.close(0);
    const none = await call('GET', '/v1/regions/paris/fill-reports/2026-11-01/verification');
    expect(none.body.code).toBe('report-not-found');
  });
});
