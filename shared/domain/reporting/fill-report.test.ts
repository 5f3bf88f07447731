import { describe, expect, it } from 'vitest';
import type { DailyDemand } from '../demand.ts';
import type { ApplianceFillResult, FillFailure, FillPlan, Forecast, PlannedFile } from '../fill.ts';
import type { DayInputs } from './day-inputs.ts';
import { buildFillReport, countFiles, type FillOutcome, listedFailures } from './fill-report.ts';
import { scoreFill } from './fill-score.ts';

const file = (key: string, sizeBytes: number, expectedBytes: number): PlannedFile => ({
  key,
  assetId: key.split('/')[0] ?? '',
  rendition: null,
  sizeBytes,
  sha256: '00',
  expectedBytes,
  value: expectedBytes / sizeBytes,
  reason: 'expected-demand',
});
const kept = file('a/v/1', 100, 300);
const fetched = [file('b/v/1', 200, 400), file('b/v/2', 200, 200)];
const plan: FillPlan = {
  schema: 1,
  id: 'r-2026-11-21',
  regionId: 'r',
  date: '2026-11-21',
  run: 1,
  frozenAt: '2026-11-20T23:45:00.000Z',
  window: { start: '01:00', end: '05:00' },
  timeZone: 'Europe/Berlin',
  budget: { bytesPerNight: 1e6, rateBps: 1e6 },
  forecastKey: 'forecasts/r/2026-11-21.json',
  forecastModel: 'm',
  expectedBytes: 1_000,
  plannedCoverage: 0.9,
  fetchBytes: 400,
  fetchFiles: 2,
  appliances: [{ applianceId: 'e', capacityBytes: 1e6, keep: [kept], fetch: fetched, evict: [] }],
  rejected: [],
};
const result: ApplianceFillResult = {
  applianceId: 'e',
  planned: countFiles(fetched),
  pushed: { files: 1, bytes: 200 },
  skipped: { files: 0, bytes: 0 },
  failed: { files: 1, bytes: 200 },
  evicted: { files: 0, bytes: 0 },
};
const failure = (reason: FillFailure['reason'], key = 'b/v/2'): FillFailure => ({
  applianceId: 'e',
  key,
  sizeBytes: 200,
  reason,
  detail: 'because',
});
const outcome = (over: Partial<FillOutcome> = {}): FillOutcome => ({
  state: 'incomplete',
  startedAt: '2026-11-21T00:00:00.000Z',
  finishedAt: '2026-11-21T00:00:10.500Z',
  appliances: [result],
  failures: [failure('window-ended')],
  held: new Map([['e', new Set(['a/v/1', 'b/v/1'])]]),
  pushedByAsset: { b: 200 },
  meanRateBps: 160.4,
  peakRateBps: 200,
  ...over,
});

describe('buildFillReport', () => {
  it('sums the appliances and tells which share of the expected bytes lies there now', () => {
    expect(buildFillReport(plan, outcome())).toMatchObject({
      durationS: 10.5,
      planned: { files: 2, bytes: 400 },
      pushed: { files: 1, bytes: 200 },
      failed: { files: 1, bytes: 200 },
      meanRateBps: 160,
      forecastCoverage: 0.7,
      failures: [{ reason: 'window-ended' }],
      failureCounts: {},
      score: null,
    });
  });

  it('lists the first failure of each reason however many there are, and counts the rest', () => {
    const many = [
      ...Array.from({ length: listedFailures + 10 }, (_, index) => failure('window-ended', `b/v/${index}`)),
      failure('digest-mismatch'),
    ];
    const report = buildFillReport(plan, outcome({ failures: many }));
    expect(report.failures).toHaveLength(listedFailures);
    expect(report.failures.some(({ reason }) => reason === 'digest-mismatch')).toBe(true);
    expect(report.failureCounts).toEqual({ 'window-ended': 11 });
  });
});

describe('scoreFill', () => {
  const report = buildFillReport(plan, outcome());
  const asset = (assetId: string, expectedBytes: number) => ({
    assetId,
    expectedBytes,
    expectedViews: 1,
    lowBytes: 0,
    highBytes: expectedBytes,
    observedDays: 3,
  });
  const forecast: Forecast = {
    schema: 1,
    regionId: 'r',
    date: plan.date,
    model: 'm',
    madeAt: plan.frozenAt,
    historyUntil: null,
    historyDays: 3,
    expectedViews: 2,
    expectedBytes: 1_000,
    score: null,
    assets: [asset('a', 400), asset('b', 600)],
  };
  const watched = (assetId: string, bytes: number, date = plan.date) => ({ assetId, date, views: 1, bytes });
  const scoredAt = '2026-11-22T05:00:00.000Z';
  /** Of a day on which appliances told outcomes only. */
  const inputs = (demand: readonly DailyDemand[], served: DayInputs['served'] = []): DayInputs => ({
    date: plan.date,
    demand,
    served,
    service: [],
    answers: [],
    usedBytes: new Map(),
    pushedBytes: new Map(),
    filledBytes: 0,
  });

  it('compares forecast with what was watched, and finds what was pushed for nobody', () => {
    const demand = [watched('a', 500), watched('c', 300), watched('b', 9_999, '2026-11-20')];
    const served = [
      { outcome: 'hit-memory', bytes: 500 },
      { outcome: 'hit-disk', bytes: 100 },
      { outcome: 'pull-origin', bytes: 200 },
    ];
    const score = scoreFill({ scoredAt, report, plan, forecast, tariff: null, inputs: inputs(demand, served) });
    expect(score).toMatchObject({
      scoredAt,
      servedBytes: 800,
      hitBytes: 600,
      byteHitRatio: 0.75,
      forecastBytes: 1_000,
      actualBytes: 800,
      wape: (100 + 600 + 300) / 800,
      wastedBytes: 200,
    });
  });

  it('claims no error where nothing was watched or the forecast is lost', () => {
    const given = { scoredAt, report, plan, tariff: null };
    expect(scoreFill({ ...given, forecast, inputs: inputs([]) })).toMatchObject({
      wape: null,
      byteHitRatio: 0,
    });
    expect(scoreFill({ ...given, forecast: null, inputs: inputs([watched('b', 1)]) })).toMatchObject({
      wape: null,
      forecastBytes: 0,
      wastedBytes: 0,
    });
  });
});
