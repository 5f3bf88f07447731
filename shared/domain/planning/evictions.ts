/** What an appliance must let go of for what comes: the least valuable first, and no more than is needed. */
import type { PlannedEviction } from '../fill.ts';
import { parseObjectKey } from '../keys.ts';
import type { HeldObject } from './held.ts';

export interface EvictionInput {
  readonly inventory: readonly HeldObject[];
  /** Bytes of what is to be fetched, less what of it lies there already. */
  readonly comingBytes: number;
  readonly capacityBytes: number;
  /** Whether the plan wants what lies at this place of the inventory. */
  readonly isNeeded: (place: number) => boolean;
  /** Value of a file on this appliance: 0 where the forecast sends it no viewers. */
  readonly valueHere: (place: number) => number;
  /** Expected bytes of an asset anywhere in the region; the order among files of no value here. */
  readonly demandOf: (assetId: string) => number;
}

export function evictionsFor({
  inventory,
  comingBytes,
  capacityBytes,
  isNeeded,
  valueHere,
  demandOf,
}: EvictionInput): readonly PlannedEviction[] {
  const storedBytes = inventory.reduce((sum, object) => sum + object.heldBytes, 0);
  let excessBytes = storedBytes + comingBytes - capacityBytes;
  if (excessBytes <= 0) return [];
  const evictable = inventory
    .map(({ key, heldBytes: sizeBytes }, place) => ({ place, entry: { key, sizeBytes, value: valueHere(place) } }))
    .filter(({ place }) => !isNeeded(place))
    .map(({ entry }) => ({ entry, demand: demandOf(parseObjectKey(entry.key)?.assetId ?? '') }))
    .sort((a, b) => a.entry.value - b.entry.value || a.demand - b.demand || (a.entry.key < b.entry.key ? 1 : -1));
  const evict: { key: string; sizeBytes: number; value: number }[] = [];
  for (const { entry } of evictable) {
    if (excessBytes <= 0) break;
    evict.push(entry);
    excessBytes -= entry.sizeBytes;
  }
  return evict;
}
