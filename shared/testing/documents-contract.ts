/** What every keeper of the nightly loop's documents must do. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fill, FillPlan, FillReport, Forecast, PlannedFile } from '../domain/fill.ts';
import { fillId } from '../domain/keys.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { PulledRoom } from '../domain/pulled-room/pulled-room.ts';
import type { Documents } from '../ports/documents.ts';

export interface DocumentsUnderTest {
  /** Empty. */
  readonly documents: Documents;
  /** The same documents as another process sees them. */
  readonly other: Documents;
  /** Documents read so far, by both. */
  countReads(): number;
  dispose(): Promise<void>;
}

const at = '2026-11-20T22:00:00.000Z';
const none = { files: 0, bytes: 0 };

const manifest = (assetId: string, version: string, title = 'Night train'): Manifest => ({
  schema: 1,
  assetId,
  version,
  title,
  createdAt: at,
  durationS: 4.004,
  packaging: 'segments',
  sliceSizeBytes: 4_194_304,
  sizeBytes: 10,
  source: { sha256: 'ab'.repeat(32), sizeBytes: 20 },
  recipe: { profile: 'default', packager: 'nightfill 1', encoder: 'ffmpeg 5.1' },
  playlists: { hls: 'master.m3u8', dash: 'manifest.mpd' },
  renditions: [],
  files: [],
});

const forecast = (regionId: string, date: string, expectedBytes = 1000): Forecast => ({
  schema: 1,
  regionId,
  date,
  model: 'weekday-mean',
  madeAt: at,
  historyUntil: null,
  historyDays: 0,
  expectedViews: 1,
  expectedBytes,
  score: null,
  assets: Array.from({ length: 4 }, (_, at) => ({
    assetId: `asset-${at}`,
    expectedViews: at,
    expectedBytes: expectedBytes / 4,
    lowBytes: 0,
    highBytes: expectedBytes,
    observedDays: 3,
    ...(at > 0 ? { model: 'weekday-mean' } : {}),
  })),
});

const plan = (regionId: string, date: string, run: number, fetchBytes = 5): FillPlan => ({
  schema: 1,
  id: fillId(regionId, date, run),
  regionId,
  date,
  run,
  frozenAt: at,
  window: { start: '01:00', end: '05:00' },
  timeZone: 'Europe/Berlin',
  budget: { bytesPerNight: 1000, rateBps: 1000 },
  forecastKey: `forecasts/${regionId}/${date}.json`,
  forecastModel: 'weekday-mean',
  expectedBytes: 1000,
  plannedCoverage: 0.5,
  fetchBytes,
  fetchFiles: 1,
  appliances: ['e0', 'e1'].map((applianceId) => ({
    applianceId,
    capacityBytes: 100,
    fetch: Array.from({ length: 5 }, (_, at) => planned(`${applianceId}-${at}`, run + at)),
    keep: [planned('kept', 7)],
    evict: [{ key: 'old/v1/asset.json', sizeBytes: 1, value: 0 }],
    // As plans from before there was lending, which are read as they are.
    ...(applianceId === 'e0' ? {} : { lend: [{ key: 'lent/v1/asset.json', sizeBytes: 2 }] }),
  })),
  rejected: Array.from({ length: 3 }, (_, at) => ({
    assetId: `out-${at}`,
    files: at === 0 ? null : at,
    sizeBytes: at,
    expectedBytes: 0.5 * at,
    reason: 'over-capacity',
  })),
});

const planned = (assetId: string, sizeBytes: number): PlannedFile => ({
  key: `${assetId}/v1/video/0.m4s`,
  assetId,
  rendition: 'video',
  sizeBytes,
  sha256: 'cd'.repeat(32),
  expectedBytes: sizeBytes / 3,
  value: 1 / 3,
  reason: 'expected-demand',
});

/** Lists may be read as columns; what they say is compared. */
const asArrays = (read: FillPlan | null) =>
  read && {
    ...read,
    appliances: read.appliances.map((one) => ({
      ...one,
      fetch: [...one.fetch],
      keep: [...one.keep],
      evict: [...one.evict],
      ...(one.lend ? { lend: [...one.lend] } : {}),
    })),
    rejected: [...read.rejected],
  };

const fill = (regionId: string, date: string, run = 1): Fill => ({
  id: fillId(regionId, date, run),
  regionId,
  date,
  run,
  state: 'scheduled',
  start: 'window',
  createdAt: at,
  startedAt: null,
  finishedAt: null,
  message: null,
  planned: none,
  pushed: none,
  skipped: none,
  failed: none,
  rateBps: 0,
});

const report = (regionId: string, date: string, run = 1): FillReport => ({
  schema: 1,
  fillId: fillId(regionId, date, run),
  regionId,
  date,
  run,
  state: 'completed',
  startedAt: at,
  finishedAt: at,
  durationS: 0,
  kept: none,
  planned: none,
  pushed: none,
  skipped: none,
  failed: none,
  meanRateBps: 0,
  peakRateBps: 0,
  forecastCoverage: 1,
  appliances: [],
  failures: [],
  failureCounts: {},
  score: null,
});

const room = (regionId: string, date: string, share = 0.2): PulledRoom => ({
  schema: 1,
  regionId,
  date,
  decidedAt: `${date}T22:00:00.000Z`,
  share,
  before: 0.1,
  reason: 'it serves more',
  results: [{ share, byteHitRatio: 0.5, gain: 0.1, gainError: 0.01 }],
  days: 21,
  countedDays: 14,
  requests: 1_000,
  sampledShare: 1,
  capacityBytes: 1_000,
});

/** `count` days from 1 January 2020 on. */
const days = (count: number): string[] =>
  Array.from({ length: count }, (_, day) => new Date(Date.UTC(2020, 0, 1 + day)).toISOString().slice(0, 10));

export function documentsContract(name: string, make: () => Promise<DocumentsUnderTest>): void {
  describe(`documents contract: ${name}`, () => {
    let under: DocumentsUnderTest;
    let documents: Documents;
    beforeAll(async () => {
      under = await make();
      documents = under.documents;
    });
    afterAll(() => under?.dispose());

    it('has null and empty lists for what was never written', async () => {
      expect(await documents.getManifest('none', 'v1')).toBeNull();
      expect(await documents.getForecast('none', '2026-11-21')).toBeNull();
      expect(await documents.getPlan('none', '2026-11-21')).toBeNull();
      expect(await documents.getPulledRoom('none')).toBeNull();
      expect(await documents.getFill('none-2026-11-21')).toBeNull();
      expect(await documents.getReport('none', '2026-11-21')).toBeNull();
      expect(await documents.getReport('none', '2026-11-21', 2)).toBeNull();
      expect(await documents.listFills()).toEqual([]);
      expect(await documents.listReportDates('none')).toEqual([]);
    });

    it('commits a version once, whoever tries', async () => {
      const first = manifest('film', 'v1');
      const tries = Array.from({ length: 8 }, (_, index) =>
        (index % 2 ? documents : under.other).putManifest(index === 0 ? first : manifest('film', 'v1', `try ${index}`)),
      );
      expect((await Promise.all(tries)).filter(Boolean)).toHaveLength(1);
      const kept = await documents.getManifest('film', 'v1');
      expect(await documents.putManifest(manifest('film', 'v1', 'late'))).toBe(false);
      expect(await under.other.getManifest('film', 'v1')).toEqual(kept);
      expect(await documents.putManifest(manifest('film', 'v2'))).toBe(true);
      expect(await documents.getManifest('film', 'v2')).toEqual(manifest('film', 'v2'));
    });

    it('replaces a forecast', async () => {
      await documents.putForecast(forecast('eu', '2026-11-21', 1));
      await documents.putForecast(forecast('eu', '2026-11-21', 2));
      expect(await under.other.getForecast('eu', '2026-11-21')).toEqual(forecast('eu', '2026-11-21', 2));
    });

    it('gives some of a forecast’s assets, and how many there are', async () => {
      const whole = forecast('pages', '2026-11-21');
      await documents.putForecast(whole);
      const page = (first: number, count: number) =>
        under.other.getForecastPage('pages', '2026-11-21', { first, count });
      expect(await page(0, 9)).toEqual({ ...whole, assetCount: 4, next: null });
      expect(await page(1, 2)).toEqual({ ...whole, assets: whole.assets.slice(1, 3), assetCount: 4, next: '3' });
      expect(await page(4, 2)).toEqual({ ...whole, assets: [], assetCount: 4, next: null });
      expect(await documents.getForecastPage('pages', '2026-11-22', { first: 0, count: 1 })).toBeNull();
      const later = forecast('pages', '2026-11-21', 5);
      await documents.putForecast(later, 2);
      expect(await page(0, 9)).toMatchObject({ expectedBytes: 5 });
      expect(await documents.getForecastPage('pages', '2026-11-21', { first: 0, count: 1 }, 1)).toMatchObject({
        expectedBytes: whole.expectedBytes,
      });
    });

    it('freezes one plan for each run', async () => {
      expect(await documents.putPlan(plan('eu', '2026-11-21', 1))).toBe(true);
      expect(await under.other.putPlan(plan('eu', '2026-11-21', 1, 99))).toBe(false);
      expect(await documents.putPlan(plan('eu', '2026-11-21', 2))).toBe(true);
      expect(asArrays(await documents.getPlan('eu', '2026-11-21'))).toEqual(plan('eu', '2026-11-21', 1));
      expect(asArrays(await under.other.getPlan('eu', '2026-11-21', 2))).toEqual(plan('eu', '2026-11-21', 2));
      expect(await documents.getPlan('eu', '2026-11-21', 3)).toBeNull();
    });

    it('lets one of several planners win, and the plan is all of one of them', async () => {
      const tries = [1, 2, 3, 4].map((fetchBytes) => plan('race', '2026-11-21', 1, fetchBytes));
      const own = tries.map((one, at) => ({
        ...one,
        rejected: [...one.rejected].map((line) => ({ ...line, sizeBytes: at })),
      }));
      const won = await Promise.all(own.map((one, at) => (at % 2 ? documents : under.other).putPlan(one)));
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(asArrays(await documents.getPlan('race', '2026-11-21'))).toEqual(own[won.indexOf(true)]);
    });

    it('gives a plan’s outline and some of its lines without the rest', async () => {
      const whole = plan('parts', '2026-11-21', 1);
      await documents.putPlan(whole);
      const { appliances: _appliances, rejected: _rejected, ...same } = whole;
      const outline = await under.other.getPlanOutline('parts', '2026-11-21');
      expect(outline).toMatchObject({
        ...same,
        rejected: 3,
        copies: { kept: 2 },
        appliances: ['e0', 'e1'].map((applianceId) => ({
          applianceId,
          capacityBytes: 100,
          fetch: { files: 5, bytes: 15 },
          keep: { files: 1, bytes: 7 },
          evict: { files: 1, bytes: 1 },
          ...(applianceId === 'e0' ? {} : { lend: { files: 1, bytes: 2 } }),
        })),
      });
      const fetch = [...(whole.appliances[1]?.fetch ?? [])];
      const lines = (first: number, count: number) =>
        documents.getPlanLines(whole, 'fetch', { applianceId: 'e1', first, count });
      for (const [first, count] of [
        [0, 5],
        [1, 3],
        [4, 9],
        [5, 1],
      ] as const)
        expect(await lines(first, count)).toEqual(fetch.slice(first, first + count));
      expect(await documents.getPlanLines(whole, 'evict', { applianceId: 'e0', first: 0, count: 9 })).toHaveLength(1);
      expect(await documents.getPlanLines(whole, 'rejected', { applianceId: null, first: 1, count: 1 })).toEqual(
        [...whole.rejected].slice(1, 2),
      );
      expect(
        await documents.getPlanLines({ ...whole, run: 9 }, 'fetch', { applianceId: 'e1', first: 0, count: 1 }),
      ).toEqual([]);
      expect(await documents.getPlanOutline('parts', '2026-11-21', 9)).toBeNull();
    });

    it('gives the last decision on a region’s room, each of which is made once', async () => {
      expect(await documents.putPulledRoom(room('eu', '2026-11-21'))).toBe(true);
      expect(await documents.putPulledRoom(room('eu', '2026-11-14', 0.35))).toBe(true);
      expect(await under.other.putPulledRoom(room('eu', '2026-11-21', 0.9))).toBe(false);
      expect(await under.other.getPulledRoom('eu')).toEqual(room('eu', '2026-11-21'));
      expect(await documents.getPulledRoom('e')).toBeNull();
    });

    it('creates a fill once and then changes it', async () => {
      const planned = fill('eu', '2026-11-21');
      expect(await documents.createFill(planned)).toBe(true);
      expect(await under.other.createFill({ ...planned, start: 'now' })).toBe(false);
      expect(await documents.getFill(planned.id)).toEqual(planned);
      await documents.putFill({ ...planned, state: 'running', startedAt: at });
      expect(await under.other.getFill(planned.id)).toEqual({ ...planned, state: 'running', startedAt: at });
      expect(await documents.isFillPaused(planned.id)).toBe(false);
      await documents.setFillPaused(planned.id, true);
      expect(await under.other.isFillPaused(planned.id)).toBe(true);
      await under.other.setFillPaused(planned.id, false);
      await documents.setFillPaused(planned.id, false);
      expect(await documents.isFillPaused(planned.id)).toBe(false);
    });

    it('lists fills newest first, by region and date', async () => {
      const fills = [
        fill('list', '2026-11-19'),
        fill('list', '2026-11-20'),
        fill('list', '2026-11-20', 2),
        fill('list', '2026-11-20', 10),
        fill('list-b', '2026-11-20'),
        fill('list-b-2026-01-01', '2026-11-22'),
      ];
      await Promise.all(fills.map((one) => documents.createFill(one)));
      const ids = async (filter: Parameters<Documents['listFills']>[0]) =>
        (await under.other.listFills(filter)).map(({ id }) => id);
      expect(await ids({ regionId: 'list' })).toEqual([
        'list-2026-11-20-10',
        'list-2026-11-20-2',
        'list-2026-11-20',
        'list-2026-11-19',
      ]);
      expect(await ids({ regionId: 'list', date: '2026-11-19' })).toEqual(['list-2026-11-19']);
      expect(await ids({ regionId: 'list', limit: 1 })).toEqual(['list-2026-11-20-10']);
      expect(await ids({ regionId: 'list-b' })).toEqual(['list-b-2026-11-20']);
      expect(await ids({ regionId: 'list-b-2026-01-01' })).toEqual(['list-b-2026-01-01-2026-11-22']);
      expect(await ids({ regionId: 'lis' })).toEqual([]);
      expect(await ids({ date: '2026-11-20' })).toEqual([
        'list-2026-11-20-10',
        'list-2026-11-20-2',
        'list-2026-11-20',
        'list-b-2026-11-20',
      ]);
      expect(await ids({ limit: 2 })).toEqual(['list-b-2026-01-01-2026-11-22', 'eu-2026-11-21']);
      expect(await ids({ limit: 0 })).toEqual([]);
    });

    it('reads no more fills than it returns', async () => {
      const dates = days(300);
      for (const region of ['many', 'most']) {
        await Promise.all(dates.map((date) => documents.createFill(fill(region, date))));
      }
      const before = under.countReads();
      const listed = await documents.listFills({ regionId: 'many', limit: 3 });
      expect(listed.map(({ date }) => date)).toEqual(dates.slice(-3).reverse());
      expect(under.countReads() - before).toBe(3);
    });

    it('gives the last run that has a report, and lists dates once', async () => {
      const reports = [
        report('rep', '2026-11-20'),
        report('rep', '2026-11-21'),
        report('rep', '2026-11-21', 2),
        report('rep', '2026-11-21', 10),
        report('rep', '2026-11-22', 3),
      ];
      await Promise.all(reports.map((one) => documents.putReport(one)));
      const seen = under.other;
      expect(await seen.getReport('rep', '2026-11-21')).toEqual(report('rep', '2026-11-21', 10));
      expect(await seen.getReport('rep', '2026-11-21', 1)).toEqual(report('rep', '2026-11-21'));
      expect(await seen.getReport('rep', '2026-11-22')).toEqual(report('rep', '2026-11-22', 3));
      expect(await seen.getReport('rep', '2026-11-22', 1)).toBeNull();
      expect(await seen.listReportDates('rep')).toEqual(['2026-11-22', '2026-11-21', '2026-11-20']);
      expect(await seen.listReportDates('rep', 2)).toEqual(['2026-11-22', '2026-11-21']);
      expect(await seen.listReportDates('re')).toEqual([]);
    });

    it('replaces a report by the one with its score', async () => {
      const scored: FillReport = {
        ...report('rep', '2026-11-20'),
        score: {
          scoredAt: at,
          servedBytes: 10,
          hitBytes: 9,
          byteHitRatio: 0.9,
          forecastBytes: 11,
          actualBytes: 10,
          wape: 0.1,
          wastedBytes: 0,
        },
      };
      await documents.putReport(scored);
      expect(await under.other.getReport('rep', '2026-11-20')).toEqual(scored);
    });
  });
}
