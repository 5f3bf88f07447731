/** Small worlds for the planner: manifests, forecasts and appliances with as few words as a test can do with. */
import type { AssetForecast, Forecast } from '../domain/fill.ts';
import type { Appliance, Region } from '../domain/fleet.ts';
import type { FileRole, Manifest, ManifestFile } from '../domain/manifest.ts';
import type { Audience } from '../domain/planning/audience.ts';
import { makeValuer } from '../domain/planning/file-values.ts';
import type { HeldObject } from '../domain/planning/held.ts';
import { type PlanFillInput, type PlanInArrays, planFill } from '../domain/planning/plan-fill.ts';
import type { PlannableVersion } from '../domain/planning/version-files.ts';

const stamp = '2026-11-20T12:00:00.000Z';
const date = '2026-11-21';
export const mega = 1_000_000;

const region = (budget: Partial<Region['budget']> = {}): Region => ({
  id: 'r',
  name: 'R',
  timeZone: 'Europe/Berlin',
  window: { start: '01:00', end: '05:00' },
  budget: { bytesPerNight: 1_000 * mega, rateBps: 1_000 * mega, ...budget },
  coverage: { networks: [], location: null },
  fillEnabled: true,
  createdAt: stamp,
  updatedAt: stamp,
});

export const appliance = (id: string, capacityBytes: number, weight = 1): Appliance => ({
  id,
  regionId: 'r',
  role: 'edge',
  mode: 'active',
  publicUrl: 'http://127.0.0.1:1',
  internalUrl: 'http://127.0.0.1:1',
  capacityBytes,
  weight,
  createdAt: stamp,
  updatedAt: stamp,
});

/** A version with one audio and two video renditions unless told otherwise. */
export function version(
  assetId: string,
  segments: Readonly<Record<string, readonly number[]>>,
): PlannableVersion & { readonly manifest: Manifest } {
  const file = (path: string, role: FileRole, sizeBytes: number, rendition: string | null, index: number | null) =>
    ({
      path,
      role,
      sizeBytes,
      sha256: 'ab'.repeat(32),
      contentType: 'video/mp4',
      rendition,
      index,
      startS: null,
      durationS: null,
    }) satisfies ManifestFile;
  const names = Object.keys(segments);
  const files = [
    file('master.m3u8', 'playlist', 300, null, null),
    ...names.flatMap((name) => [
      file(`${name}/playlist.m3u8`, 'playlist', 200, name, null),
      file(`${name}/init.mp4`, 'init', 700, name, null),
      ...(segments[name] ?? []).map((size, index) => file(`${name}/${index}.m4s`, 'segment', size, name, index)),
    ]),
  ];
  const manifest: Manifest = {
    schema: 1,
    assetId,
    version: 'v1',
    title: assetId,
    createdAt: stamp,
    durationS: 60,
    packaging: 'segments',
    sliceSizeBytes: 4_194_304,
    sizeBytes: files.reduce((sum, f) => sum + f.sizeBytes, 0),
    source: { sha256: 'cd'.repeat(32), sizeBytes: 1 },
    recipe: { profile: 'p', packager: 'p', encoder: 'e' },
    playlists: { hls: 'master.m3u8', dash: 'manifest.mpd' },
    renditions: names.map((id) => ({
      id,
      kind: id.startsWith('audio') ? 'audio' : 'video',
      codecs: 'x',
      bandwidthBps: (segments[id] ?? []).reduce((sum, size) => sum + size, 0),
      averageBandwidthBps: 1,
      width: null,
      height: Number(/-(\d+)p$/.exec(id)?.[1] ?? 0) || null,
      frameRate: null,
      channels: null,
      sampleRateHz: null,
      playlist: `${id}/playlist.m3u8`,
    })),
    files,
  };
  return { manifest, manifestFile: { sizeBytes: 1_000, sha256: 'ef'.repeat(32) } };
}

export const forecastOf = (demand: Readonly<Record<string, number>>): Forecast => {
  const assets = Object.entries(demand).map(
    ([assetId, expectedBytes]): AssetForecast => ({
      assetId,
      expectedBytes,
      expectedViews: 1,
      lowBytes: 0,
      highBytes: expectedBytes,
      observedDays: 1,
    }),
  );
  return {
    schema: 1,
    regionId: 'r',
    date,
    model: 'm/1',
    madeAt: stamp,
    historyUntil: null,
    historyDays: 0,
    expectedViews: assets.length,
    expectedBytes: assets.reduce((sum, a) => sum + a.expectedBytes, 0),
    score: null,
    assets,
  };
};

/** The same without a doubt, and of demand that did not show yet: plans may make room for it. */
export const surely = (forecast: Forecast): Forecast => ({
  ...forecast,
  assets: forecast.assets.map((asset) => ({ ...asset, lowBytes: asset.expectedBytes, rises: true })),
});

export interface Case {
  readonly demand: Readonly<Record<string, number>>;
  readonly versions: readonly PlannableVersion[];
  readonly appliances: readonly { readonly appliance: Appliance; readonly inventory: readonly HeldObject[] }[];
  readonly budget?: Partial<Region['budget']>;
  readonly spentBytes?: number;
  readonly mustHave?: ReadonlySet<string>;
  readonly start?: 'now' | 'window';
  readonly frozenAt?: string;
  readonly audience?: Audience;
}

export const plan = (c: Case): PlanInArrays => planFill(inputOf(c));

export const inputOf = (c: Case): PlanFillInput => ({
  region: region(c.budget),
  date,
  run: 1,
  fillId: `r-${date}`,
  frozenAt: c.frozenAt ?? stamp,
  start: c.start ?? 'window',
  forecast: { ...surely(forecastOf(c.demand)), ...(c.audience ? { audience: c.audience } : {}) },
  forecastKey: `forecasts/r/${date}.json`,
  versions: c.versions.map(makeValuer(c.audience ?? null)),
  appliances: c.appliances,
  spentBytes: c.spentBytes ?? 0,
  ...(c.mustHave ? { mustHave: c.mustHave } : {}),
});

export const empty = (a: Appliance) => ({ appliance: a, inventory: [] });
export const ladder = (assetId: string, scale = 1) =>
  version(assetId, {
    'video-720p': [9 * mega * scale, 9 * mega * scale],
    'video-240p': [2 * mega * scale, 2 * mega * scale],
    'audio-128k': [mega * scale, mega * scale],
  });
export const keysOf = (files: readonly { readonly key: string }[]): string[] => files.map(({ key }) => key);
export const reasonsOf = (p: PlanInArrays): Record<string, string> =>
  Object.fromEntries(p.rejected.map((r) => [`${r.assetId}:${r.reason}`, `${r.files}`]));
export const inventoryOf = (v: PlannableVersion): HeldObject[] => [
  { key: `${v.manifest.assetId}/v1/asset.json`, heldBytes: v.manifestFile.sizeBytes },
  ...v.manifest.files.map((f) => ({ key: `${v.manifest.assetId}/v1/${f.path}`, heldBytes: f.sizeBytes })),
];

/** An audience of which so much is known that no prior matters. */
export const audienceOf = (curve: readonly number[], mix: Readonly<Record<string, number>> = {}): Audience => {
  const mean = curve.reduce((sum, one) => sum + one, 0) / curve.length;
  return { days: 7, hours: 1e9, curve: curve.map((one) => one / mean), mix, assets: [] };
};
/** Half of those who are there leave in each tenth of a title. */
export const steepCurve: readonly number[] = Array.from({ length: 20 }, (_, bin) => 0.5 ** (bin / 2));
