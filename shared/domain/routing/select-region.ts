/**
 * Which region a viewer belongs to, and why.
 *
 * In order: the region that was asked for; the longest coverage network that holds the viewer's address; the nearest
 * region where the viewer's location is known; the default. Whatever cannot be used (an unknown region, a text that is no
 * address) is said in `notes` and passed over, so that a viewer is never refused for it.
 */
import type { GeoPoint, Region } from '../fleet.ts';
import type { CoverageIndex } from './coverage.ts';
import { distanceKm } from './distance.ts';
import { parseAddress } from './network.ts';

export const regionReasons = ['requested', 'coverage', 'distance', 'default'] as const;
export type RegionReason = (typeof regionReasons)[number];

/** What is known of a viewer; all of it may be missing. */
export interface Viewer {
  readonly regionId?: string;
  readonly ip?: string;
  readonly location?: GeoPoint;
}

export interface RegionCandidate {
  readonly regionId: string;
  readonly reason: RegionReason;
  /** The reason in words. */
  readonly explanation: string;
}

export interface RegionChoice extends RegionCandidate {
  /** The other regions, in the order to fall back on. */
  readonly alternatives: readonly RegionCandidate[];
  readonly notes: readonly string[];
}

export interface SelectRegionInput {
  readonly viewer: Viewer;
  readonly regions: readonly Region[];
  readonly coverage: CoverageIndex;
  /** The operator's default; without one, or when it does not exist, the region whose id sorts first. */
  readonly defaultRegionId?: string;
}

/** Null only when there is no region at all. */
export function selectRegion({ viewer, regions, coverage, defaultRegionId }: SelectRegionInput): RegionChoice | null {
  const notes: string[] = [];
  const known = new Map(regions.map((region) => [region.id, region]));
  const found = new Map<string, RegionCandidate>();
  const add = (regionId: string, reason: RegionReason, explanation: string): void => {
    if (known.has(regionId) && !found.has(regionId)) found.set(regionId, { regionId, reason, explanation });
  };

  if (viewer.regionId !== undefined) {
    add(viewer.regionId, 'requested', `region ${viewer.regionId} was asked for`);
    if (!known.has(viewer.regionId)) notes.push(`there is no region ${viewer.regionId}`);
  }
  if (viewer.ip !== undefined) {
    for (const match of coverage.match(viewer.ip)) {
      add(match.regionId, 'coverage', `${viewer.ip} is in ${match.network}, which ${match.regionId} covers`);
    }
    if (!parseAddress(viewer.ip)) notes.push(`${JSON.stringify(viewer.ip)} is not an IP address`);
    else if (![...found.values()].some(({ reason }) => reason === 'coverage')) {
      notes.push(`no region's networks hold ${viewer.ip}`);
    }
  }
  if (viewer.location) {
    for (const { region, km } of byDistance(viewer.location, regions)) {
      add(region.id, 'distance', `${region.id} is ${Math.round(km)} km from the viewer`);
    }
  }
  const fallback = known.has(defaultRegionId ?? '') ? defaultRegionId : [...known.keys()].sort()[0];
  // Without a viewer's location, what is near the first choice is the best guess for a fall-back.
  const anchor = known.get([...found.keys()][0] ?? fallback ?? '')?.coverage.location;
  if (fallback !== undefined && found.size === 0) add(fallback, 'default', `${fallback} is the default region`);
  if (anchor) {
    const first = [...found.keys()][0] ?? '';
    for (const { region, km } of byDistance(anchor, regions)) {
      add(region.id, 'distance', `${region.id} is ${Math.round(km)} km from ${first}`);
    }
  }
  for (const id of [...known.keys()].sort()) add(id, 'default', `${id} remains`);

  const [first, ...alternatives] = found.values();
  return first ? { ...first, alternatives, notes } : null;
}

function byDistance(from: GeoPoint, regions: readonly Region[]): { readonly region: Region; readonly km: number }[] {
  return regions
    .flatMap((region) => {
      const { location } = region.coverage;
      return location ? [{ region, km: distanceKm(from, location) }] : [];
    })
    .sort((a, b) => a.km - b.km || (a.region.id < b.region.id ? -1 : 1));
}
