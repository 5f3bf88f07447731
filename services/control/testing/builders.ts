import type { Asset } from '../../../shared/domain/asset.ts';
import type { FillPlan, FillReport, Forecast, PlannedFile } from '../../../shared/domain/fill.ts';
import type { Manifest } from '../../../shared/domain/manifest.ts';

/** Bodies for `POST /v1/regions` and `/v1/appliances`. */
export const region = (id: string, over: object = {}) => ({
  id,
  timeZone: 'Europe/Berlin',
  window: { start: '02:00', end: '05:00' },
  budget: { bytesPerNight: 1e9, rateBps: 1e8 },
  ...over,
});

export const appliance = (id: string, regionId: string, over: object = {}) => ({
  id,
  regionId,
  publicUrl: `http://${id}.example.net/`,
  internalUrl: `http://${id}.internal:9000`,
  capacityBytes: 1e9,
  ...over,
});

const at = '2026-11-20T00:00:00.000Z';

export const publishedAsset = (id: string, over: Partial<Asset> = {}): Asset => ({
  schema: 1,
  id,
  title: id,
  tags: [],
  state: 'published',
  profile: 'standard',
  source: { fileName: 'a.mp4', sizeBytes: 1, sha256: '0', container: 'mp4', durationS: 1, video: null, audio: null },
  sourceKey: null,
  version: 'v1',
  durationS: 1,
  sizeBytes: 1,
  failure: null,
  createdAt: at,
  updatedAt: at,
  publishedAt: at,
  ...over,
});

export const manifest = (assetId: string, over: Partial<Manifest> = {}): Manifest => ({
  schema: 1,
  assetId,
  version: 'v1',
  title: assetId,
  createdAt: at,
  durationS: 1,
  packaging: 'segments',
  sliceSizeBytes: 4_194_304,
  sizeBytes: 1,
  source: { sha256: '0', sizeBytes: 1 },
  recipe: { profile: 'standard', packager: 'x', encoder: 'x' },
  playlists: { hls: 'main.m3u8', dash: 'main.mpd' },
  renditions: [],
  files: [],
  ...over,
});

export const forecast = (regionId: string, date: string): Forecast => ({
  schema: 1,
  regionId,
  date,
  model: 'recency-weekday',
  madeAt: at,
  historyUntil: null,
  historyDays: 0,
  expectedViews: 1,
  expectedBytes: 10,
  score: null,
  assets: [{ assetId: 'film', expectedViews: 1, expectedBytes: 10, lowBytes: 5, highBytes: 15, observedDays: 1 }],
});

export const plannedFile = (assetId: string): PlannedFile => ({
  key: `${assetId}/v1/x`,
  assetId,
  rendition: null,
  sizeBytes: 1,
  sha256: '0',
  expectedBytes: 1,
  value: 1,
  reason: 'expected-demand',
});

export const plan = (regionId: string, date: string, fetch: readonly PlannedFile[]): FillPlan => ({
  schema: 1,
  id: `${regionId}-${date}`,
  regionId,
  date,
  run: 1,
  frozenAt: at,
  window: { start: '02:00', end: '05:00' },
  timeZone: 'Europe/Berlin',
  budget: { bytesPerNight: 1, rateBps: 1 },
  forecastKey: `forecasts/${regionId}/${date}.json`,
  forecastModel: 'recency-weekday',
  expectedBytes: 10,
  plannedCoverage: 1,
  fetchBytes: fetch.length,
  fetchFiles: fetch.length,
  appliances: [{ applianceId: 'p1', capacityBytes: 9, fetch, keep: [], evict: [] }],
  rejected: [],
});

const none = { files: 0, bytes: 0 };

export function report(regionId: string, date: string): FillReport {
  const counts = { planned: { files: 2, bytes: 20 }, pushed: { files: 1, bytes: 10 }, skipped: none, failed: none };
  return {
    schema: 1,
    fillId: `${regionId}-${date}`,
    regionId,
    date,
    run: 1,
    state: 'completed',
    startedAt: `${date}T01:00:00.000Z`,
    finishedAt: `${date}T02:00:00.000Z`,
    durationS: 3600,
    ...counts,
    kept: none,
    meanRateBps: 1,
    peakRateBps: 2,
    forecastCoverage: 0.5,
    appliances: [{ applianceId: 'p1', ...counts, kept: none, evicted: none }],
    failures: [],
    failureCounts: { 'appliance-full': 1 },
    score: null,
  };
}
