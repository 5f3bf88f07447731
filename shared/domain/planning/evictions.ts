/** What an appliance must let go of for what comes: the least valuable first, and no more than is needed. */
import type { AppliancePlan, PlannedFile } from '../fill.ts';
import { parseObjectKey } from '../keys.ts';
import type { HeldObject } from './candidates.ts';

export interface EvictionInput {
  readonly inventory: readonly HeldObject[];
  readonly chosen: { readonly keep: readonly PlannedFile[]; readonly fetch: readonly PlannedFile[] };
  readonly capacityBytes: number;
  /** Value of a file on this appliance: 0 where the forecast sends it no viewers. */
  readonly valueHere: (key: string) => number;
  /** Expected bytes of an asset anywhere in the region; the order among files of no value here. */
  readonly demandOf: (assetId: string) => number;
}

export function evictionsFor({
  inventory,
  chosen,
  capacityBytes,
  valueHere,
  demandOf,
}: EvictionInput): AppliancePlan['evict'] {
  const heldBytes = new Map(inventory.map((object) => [object.key, object.heldBytes]));
  const storedBytes = inventory.reduce((sum, object) => sum + object.heldBytes, 0);
  const comingBytes = chosen.fetch.reduce(
    (sum, file) => sum + Math.max(0, file.sizeBytes - (heldBytes.get(file.key) ?? 0)),
    0,
  );
  let excessBytes = storedBytes + comingBytes - capacityBytes;
  if (excessBytes <= 0) return [];
  const needed = new Set([...chosen.keep, ...chosen.fetch].map(({ key }) => key));
  const evictable = inventory
    .filter(({ key }) => !needed.has(key))
    .map(({ key, heldBytes: sizeBytes }) => ({ key, sizeBytes, value: valueHere(key) }))
    .map((entry) => ({ entry, demand: demandOf(parseObjectKey(entry.key)?.assetId ?? '') }))
    .sort((a, b) => a.entry.value - b.entry.value || a.demand - b.demand || (a.entry.key < b.entry.key ? 1 : -1));
  const evict: { key: string; sizeBytes: number; value: number }[] = [];
  for (const { entry } of evictable) {
    if (excessBytes <= 0) break;
    evict.push(entry);
    excessBytes -= entry.sizeBytes;
  }
  return evict;
}
