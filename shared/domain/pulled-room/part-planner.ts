/** The nightly planner over numbered parts of titles, with the region as one disk. */
import type { Forecast } from '../fill.ts';
import type { Appliance, Region } from '../fleet.ts';
import { makeValuer } from '../planning/file-values.ts';
import { nightBudgetBytes } from '../planning/limits.ts';
import { pinsOf } from '../planning/pins.ts';
import { planFill } from '../planning/plan-fill.ts';
import type { PlannableFile, PlannableVersion } from '../planning/version-files.ts';
import { windowFor } from '../time/fill-window.ts';

/** A title in parts, whose numbers follow each other. */
export interface PartedTitle {
  readonly assetId: string;
  readonly firstPart: number;
  readonly parts: number;
}

export interface PartNight {
  readonly region: Region;
  /** The day that it prepares, on the region's calendar. */
  readonly date: string;
  /** Seconds since 1970-01-01. */
  readonly startS: number;
  readonly forecast: Forecast;
  /** Of all that is in the forecast, at least. */
  readonly titles: readonly PartedTitle[];
  /** Bytes of each part. */
  readonly sizeOf: (part: number) => number;
  readonly isHeld: (part: number) => boolean;
  readonly capacityBytes: number;
  /** Share of the region's demand that is planned for, 0 … 1: so much of the night's bytes there is. */
  readonly sampledShare: number;
  /** Share of the disk that is left to pulled parts. */
  readonly pulledShare: number;
}

/** What a night does to the disk. */
export interface PartPlan {
  /** Kept whatever viewers ask for, until the next plan; what of it is not there is fetched. */
  readonly pinned: ReadonlySet<number>;
  /** Lets go, to make room. */
  readonly evicted: readonly number[];
}

export function planParts(night: PartNight): PartPlan {
  const { region, date, startS, forecast, sizeOf, isHeld, capacityBytes } = night;
  const span = windowFor(date, region.window, region.timeZone);
  const nightBytes = nightBudgetBytes(region.budget, 0, span, span.startMs) * night.sampledShare;
  const valued = makeValuer(forecast.audience ?? null);
  const inventory = night.titles.flatMap(({ assetId, firstPart, parts }) =>
    Array.from({ length: parts }, (_, index) => index).flatMap((index) =>
      isHeld(firstPart + index)
        ? [{ key: `${assetId}/${versionName}/${index}`, heldBytes: sizeOf(firstPart + index) }]
        : [],
    ),
  );
  const plan = planFill({
    region: { ...region, budget: { ...region.budget, bytesPerNight: nightBytes } },
    date,
    run: 1,
    fillId: date,
    start: 'now',
    frozenAt: new Date(startS * 1_000).toISOString(),
    forecast,
    forecastKey: date,
    versions: night.titles.map((title) => valued(versionOf(title, sizeOf))),
    appliances: [{ appliance: applianceOf(region, capacityBytes), inventory }],
    spentBytes: 0,
    pulledRoom: { share: night.pulledShare, key: null, reason: '' },
  });
  const firstPart = new Map(night.titles.map((title) => [title.assetId, title.firstPart]));
  const partsOf = (keys: readonly string[]): number[] =>
    keys.flatMap((key) => {
      const index = Number(key.slice(key.lastIndexOf('/') + 1));
      // The manifest is a file, too, and no part.
      return Number.isInteger(index) ? [(firstPart.get(key.slice(0, key.indexOf('/'))) ?? 0) + index] : [];
    });
  return {
    pinned: new Set(plan.appliances.flatMap((part) => partsOf(pinsOf(part).pinned))),
    evicted: plan.appliances.flatMap(({ evict }) => partsOf(evict.map(({ key }) => key))),
  };
}

const versionName = 'parts';

function versionOf({ assetId, firstPart, parts }: PartedTitle, sizeOf: (part: number) => number): PlannableVersion {
  const files = Array.from({ length: parts }, (_, index) => fileOf(index, sizeOf(firstPart + index)));
  const manifest = { assetId, version: versionName, durationS: parts, renditions: [], files };
  return { manifest, manifestFile: { sizeBytes: 0, sha256: '' } };
}

/** Parts lie in the title one after the other, a second each. */
const fileOf = (index: number, sizeBytes: number): PlannableFile => ({
  path: String(index),
  role: 'segment',
  sizeBytes,
  sha256: '',
  rendition: null,
  index,
  startS: index,
  durationS: 1,
});

const applianceOf = ({ id, createdAt, updatedAt }: Region, capacityBytes: number): Appliance => ({
  id,
  regionId: id,
  role: 'edge',
  mode: 'active',
  publicUrl: '',
  internalUrl: '',
  capacityBytes,
  weight: 1,
  createdAt,
  updatedAt,
});
