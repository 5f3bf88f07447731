/** What lies on each appliance, found by title: of most titles nothing does, and then no key has to be made to see it. */
import type { Appliance } from '../fleet.ts';
import type { ValuedVersion } from './file-values.ts';
import { fullShare } from './sure.ts';

/** What an appliance says that it holds. */
export interface HeldObject {
  readonly key: string;
  readonly heldBytes: number;
}

export interface PlannableAppliance {
  readonly appliance: Appliance;
  readonly inventory: readonly HeldObject[];
}

export interface Shelves {
  readonly appliances: readonly Appliance[];
  /** For each file of the version its place in the appliance's inventory, -1 for what is not there; null where nothing is. */
  placesOf(applianceId: string, version: Pick<ValuedVersion, 'assetId' | 'version' | 'paths'>): Int32Array | null;
  /** Whether any appliance holds any file of any version of it. */
  holdsAnything(assetId: string): boolean;
  /** 0 for a place that is not there. */
  heldBytes(applianceId: string, place: number): number;
  keyAt(applianceId: string, place: number): string | undefined;
  /** What comes takes the place of something else. */
  isFull(applianceId: string): boolean;
}

export function makeShelves(appliances: readonly PlannableAppliance[]): Shelves {
  const shelves = new Map(
    appliances.map(({ appliance, inventory }) => {
      const storedBytes = inventory.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
      const gapShare = Math.min(mostGapShare, largestBytes(inventory) / appliance.capacityBytes);
      const isFull = storedBytes > appliance.capacityBytes * (fullShare - gapShare);
      return [appliance.id, { inventory, byAsset: placesByAsset(inventory), isFull }];
    }),
  );
  return {
    appliances: appliances.map(({ appliance }) => appliance),
    placesOf(applianceId, { assetId, version, paths }) {
      const shelf = shelves.get(applianceId);
      const here = shelf?.byAsset.get(assetId);
      if (!shelf || !here) return null;
      const prefix = `${assetId}/${version}/`;
      const byPath = new Map<string, number>();
      for (const place of here) {
        const key = shelf.inventory[place]?.key;
        if (key?.startsWith(prefix)) byPath.set(key.slice(prefix.length), place);
      }
      return byPath.size > 0 ? Int32Array.from(paths, (path) => byPath.get(path) ?? -1) : null;
    },
    holdsAnything: (assetId) => [...shelves.values()].some(({ byAsset }) => byAsset.has(assetId)),
    heldBytes: (applianceId, place) => shelves.get(applianceId)?.inventory[place]?.heldBytes ?? 0,
    keyAt: (applianceId, place) => shelves.get(applianceId)?.inventory[place]?.key,
    isFull: (applianceId) => shelves.get(applianceId)?.isFull ?? false,
  };
}

/** What had to leave for a large file lies free in part: a gap smaller than another such file is no room. Beyond so much of a disk it is. */
const mostGapShare = 0.25;
const largestBytes = (inventory: readonly HeldObject[]): number =>
  inventory.reduce((most, { heldBytes }) => Math.max(most, heldBytes), 0);

function placesByAsset(inventory: readonly HeldObject[]): ReadonlyMap<string, number[]> {
  const byAsset = new Map<string, number[]>();
  for (const [place, { key }] of inventory.entries()) {
    const assetId = key.slice(0, key.indexOf('/'));
    const places = byAsset.get(assetId);
    if (places) places.push(place);
    else byAsset.set(assetId, [place]);
  }
  return byAsset;
}
