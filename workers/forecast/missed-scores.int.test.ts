import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Fill, FillReport, FillScore } from '../../shared/domain/fill.ts';
import { fillId } from '../../shared/domain/keys.ts';
import { noCount } from '../../shared/domain/reporting/fill-report.ts';
import { makeMetrics } from '../../shared/platform/metrics.ts';
import type { JobQueue } from '../../shared/ports/job-queue.ts';
import { makePortsKit, type PortsKit } from '../../shared/testing/ports-kit.ts';
import { makeTestRegion } from '../../shared/testing/published.ts';
import { makeCatchUpScores } from './missed-scores.ts';
import { makeShowScores } from './score-metrics.ts';

const hourMs = 3_600_000;
const score = (scoredAt: string): FillScore => ({
  scoredAt,
  servedBytes: 10,
  hitBytes: 5,
  byteHitRatio: 0.5,
  forecastBytes: 1,
  actualBytes: 1,
  wape: null,
  wastedBytes: 0,
});

describe('catching up on scores', () => {
  let nowMs = 0;
  let kit: PortsKit;
  let asked: string[];
  const clock = { now: () => nowMs, sleep: async () => {} };
  let metrics = makeMetrics('test');
  let catchUp: () => Promise<number>;

  async function write(date: string, scoredAt: string | null, run = 1): Promise<void> {
    const id = fillId('r', date, run);
    const counts = { planned: noCount, pushed: noCount, skipped: noCount, failed: noCount };
    const times = { startedAt: `${date}T01:00:00.000Z`, finishedAt: `${date}T02:00:00.000Z` };
    const common = { regionId: 'r', date, run, state: 'completed' as const, ...times, ...counts };
    const fill: Fill = { id, start: 'window', createdAt: times.startedAt, message: null, rateBps: 0, ...common };
    const report: FillReport = {
      schema: 1,
      fillId: id,
      ...common,
      durationS: 3_600,
      kept: noCount,
      meanRateBps: 0,
      peakRateBps: 0,
      forecastCoverage: 0.8,
      appliances: [],
      failures: [],
      failureCounts: {},
      score: scoredAt === null ? null : score(scoredAt),
    };
    await kit.documents.createFill(fill);
    await kit.documents.putReport(report);
  }

  beforeEach(async () => {
    kit = await makePortsKit(clock);
    asked = [];
    metrics = makeMetrics('test');
    await kit.fleet.putRegion(makeTestRegion('r'));
    const add = async (_name: string, payload: { date?: string }) => {
      asked.push(payload.date ?? '');
      return { id: '', added: true };
    };
    const jobs = { add } as unknown as JobQueue;
    catchUp = makeCatchUpScores({ ...kit, jobs, clock, show: makeShowScores(metrics) });
    // Berlin's 24 November, 12:00.
    nowMs = Date.parse('2026-11-24T11:00:00Z');
  });
  afterEach(() => kit.dispose());

  it('has the days scored that nobody scored in their morning, and those whose telemetry has settled since', async () => {
    await write('2026-11-20', null);
    await write('2026-11-21', '2026-11-22T05:00:00.000Z');
    await write('2026-11-22', null);
    await write('2026-11-22', '2026-11-23T05:00:00.000Z', 2);
    await write('2026-11-23', '2026-11-24T05:00:00.000Z');
    await write('2026-11-24', null);
    expect(await catchUp()).toBe(3);
    expect(asked.sort()).toEqual(['2026-11-20', '2026-11-21', '2026-11-22']);
  });

  it('lets the schedule have its hour, and leaves alone what is settled', async () => {
    await write('2026-11-21', '2026-11-24T05:00:00.000Z');
    await write('2026-11-23', null);
    nowMs = Date.parse('2026-11-24T05:30:00Z');
    expect(await catchUp()).toBe(0);
    nowMs += hourMs;
    expect(await catchUp()).toBe(1);
    expect(asked).toEqual(['2026-11-23']);
  });

  it('shows the newest score of each region, and no more of one that is gone', async () => {
    await write('2026-11-22', '2026-11-23T05:00:00.000Z');
    await write('2026-11-23', '2026-11-24T05:00:00.000Z');
    await catchUp();
    const text = await metrics.text();
    expect(text).toMatch(/nightfill_score_byte_hit_ratio\{region="r",service="test"\} 0\.5/);
    expect(text).toContain(
      `nightfill_score_day_seconds{region="r",service="test"} ${Date.parse('2026-11-23') / 1_000}`,
    );
    // A day on which nobody was served is none of misses.
    const last = await kit.documents.getReport('r', '2026-11-23');
    if (!last?.score) throw new Error('no score');
    await kit.documents.putReport({ ...last, score: { ...last.score, servedBytes: 0, byteHitRatio: 0 } });
    await catchUp();
    expect(await metrics.text()).not.toContain('nightfill_score_byte_hit_ratio{');
    expect(await metrics.text()).toContain('nightfill_score_day_seconds{');
    await kit.fleet.removeRegion('r');
    await catchUp();
    expect(await metrics.text()).not.toContain('region="r"');
  });
});
