import { describe, expect, it } from 'vitest';
import type { ApplianceFillResult, Fill, FillPlan, FillReport, FillScore, PlannedFile } from '../fill.ts';
import { buildFillReport, countFiles, noCount, totalsOf } from './fill-report.ts';
import { type StoredDocuments, verifyReport } from './verify-report.ts';

const file = (key: string, sizeBytes: number): PlannedFile => ({
  key,
  assetId: key.split('/')[0] ?? '',
  rendition: null,
  sizeBytes,
  sha256: '00',
  expectedBytes: sizeBytes * 2,
  value: 2,
  reason: 'expected-demand',
});
const keep = [file('a/v/1', 100), file('a/v/2', 100)];
const fetch = [file('b/v/1', 200), file('b/v/2', 200), file('c/v/1', 50)];
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
  expectedBytes: 2_000,
  plannedCoverage: 0.65,
  fetchBytes: 450,
  fetchFiles: 3,
  appliances: [{ applianceId: 'e', capacityBytes: 1e6, keep, fetch, evict: [] }],
  rejected: [],
};
const result: ApplianceFillResult = {
  applianceId: 'e',
  planned: countFiles(fetch),
  pushed: { files: 2, bytes: 250 },
  skipped: noCount,
  failed: { files: 1, bytes: 200 },
  evicted: noCount,
};
const times = { startedAt: '2026-11-21T00:00:00.000Z', finishedAt: '2026-11-21T00:00:10.000Z' };
const written = buildFillReport(plan, {
  ...times,
  state: 'incomplete',
  appliances: [result],
  failures: [{ applianceId: 'e', key: 'b/v/2', sizeBytes: 200, reason: 'window-ended', detail: 'over' }],
  held: new Map([['e', new Set(['a/v/2', 'b/v/1', 'c/v/1'])]]),
  pushedByAsset: { b: 200, c: 50 },
  meanRateBps: 200,
  peakRateBps: 300,
});
const score: FillScore = {
  scoredAt: '2026-11-22T05:00:00.000Z',
  servedBytes: 800,
  hitBytes: 600,
  byteHitRatio: 0.75,
  forecastBytes: 1_000,
  actualBytes: 800,
  wape: 0.5,
  wastedBytes: 50,
};
const report: FillReport = { ...written, score };
const fill: Fill = {
  id: plan.id,
  regionId: 'r',
  date: plan.date,
  run: 1,
  state: 'incomplete',
  start: 'window',
  createdAt: times.startedAt,
  ...times,
  message: null,
  ...totalsOf([result]),
  rateBps: 0,
  appliances: [result],
};
const stored: StoredDocuments = { plan, fill, score };
const verdictsOf = (of: FillReport, by: StoredDocuments) => {
  const verification = verifyReport(of, by);
  const fields = (verdict: string) =>
    verification.checks.filter((check) => check.verdict === verdict).map(({ field }) => field);
  return { different: fields('different'), not: fields('not-recomputable'), equal: fields('equal') };
};

describe('verifyReport', () => {
  it('finds every number of an honest report equal, and says which were only measured', () => {
    const { different, not, equal } = verdictsOf(report, stored);
    expect(different).toEqual([]);
    expect(not).toEqual(['meanRateBps', 'peakRateBps']);
    expect(equal).toEqual(
      expect.arrayContaining([
        'planned.bytes',
        'appliances.e.pushed.files',
        'failures',
        'pushedByAsset.b',
        'forecastCoverage',
        'score.byteHitRatio',
      ]),
    );
  });

  it('survives the store: what JSON keeps is enough', () => {
    const reread = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
    expect(verifyReport(reread(report), reread(stored)).different).toBe(0);
  });

  it.each<[string, Partial<FillReport>, readonly string[]]>([
    ['a total', { pushed: { files: 2, bytes: 999 } }, ['pushed.bytes']],
    [
      'an appliance',
      { appliances: [{ ...result, kept: noCount }] },
      ['appliances.e.kept.files', 'appliances.e.kept.bytes'],
    ],
    ['an appliance left out', { appliances: [] }, expect.arrayContaining(['appliances.e.planned.files'])],
    ['the coverage', { forecastCoverage: 0.9 }, ['forecastCoverage']],
    ['a title', { pushedByAsset: { b: 250 } }, ['pushedByAsset.b', 'pushedByAsset.c']],
    ['a failure that is not listed', { failures: [] }, ['failures']],
    ['the time', { durationS: 1 }, ['durationS']],
    ['the score', { score: { ...score, hitBytes: 700 } }, ['score.hitBytes']],
  ])('finds %s that was changed', (_, over, fields) => {
    expect(verdictsOf({ ...report, ...over }, stored).different).toEqual(fields);
  });

  it('names the document that is missing rather than passing a number over', () => {
    const { checks, different } = verifyReport(report, { plan: null, fill: null, score: 'the forecast was made anew' });
    expect(different).toBe(0);
    const reasons = new Map(checks.map(({ field, reason }) => [field, reason]));
    expect(reasons.get('planned.files')).toMatch(/plan is gone/);
    expect(reasons.get('pushed.files')).toMatch(/fill’s document/);
    expect(reasons.get('score.wape')).toBe('the forecast was made anew');
    expect(checks).toHaveLength(verifyReport(report, stored).checks.length);
  });

  it('does not claim to know what older reports did not keep', () => {
    const { held: _held, ...older } = report;
    expect(verdictsOf(older, stored).not).toEqual(expect.arrayContaining(['forecastCoverage', 'pushedByAsset.b']));
  });
});
