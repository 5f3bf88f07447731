/**
 * What lies on an appliance where the plan does not want it, and is wanted on another: after an appliance joined or left, or where
 * viewers pulled it. It is lent: kept until the other has taken it, so that it does not cross again.
 *
 * Only as much is lent as is certain to find room beside all that could be planned there: what plans leave to pulled slices.
 */
import { rankAppliances } from '../routing/rendezvous.ts';
import type { ValuedVersion } from './file-values.ts';
import type { PlannableAppliance, Shelves } from './held.ts';

/** Where a title is lent from. Lists are by the place of a file in the version. */
export interface Lender {
  readonly applianceId: string;
  readonly held: Uint8Array;
  /** In the appliance's inventory. */
  readonly places: Int32Array;
}

export interface LendingInput {
  readonly versions: readonly ValuedVersion[];
  readonly shelves: Shelves;
  readonly appliances: readonly PlannableAppliance[];
  /** 0 where nobody wants the title. */
  readonly copiesOf: (assetId: string) => number;
  /** What a byte of the title is worth: the most valuable are lent first. */
  readonly worthOf: (version: ValuedVersion) => number;
  /** Bytes that plans leave free on each. */
  readonly roomOf: (appliance: PlannableAppliance['appliance']) => number;
}

/** By asset. */
export function lendersOf(input: LendingInput): ReadonlyMap<string, Lender> {
  const { shelves } = input;
  const offers = input.versions.flatMap((version) => {
    const copies = input.copiesOf(version.assetId);
    if (copies === 0 || copies >= shelves.appliances.length || !shelves.holdsAnything(version.assetId)) return [];
    const others = rankAppliances(version.assetId, shelves.appliances).slice(copies);
    const found = others.flatMap(({ id }) => offerOf(shelves, id, version) ?? []);
    const [most] = found.sort((a, b) => b.bytes - a.bytes || (a.lender.applianceId < b.lender.applianceId ? -1 : 1));
    return most ? [{ ...most, assetId: version.assetId, worth: input.worthOf(version) }] : [];
  });
  offers.sort((a, b) => b.worth - a.worth || (a.assetId < b.assetId ? -1 : 1));
  const rooms = new Map(input.appliances.map(({ appliance }) => [appliance.id, input.roomOf(appliance)]));
  const lenders = new Map<string, Lender>();
  for (const { assetId, bytes, lender } of offers) {
    const room = rooms.get(lender.applianceId) ?? 0;
    if (bytes > room) continue;
    rooms.set(lender.applianceId, room - bytes);
    lenders.set(assetId, lender);
  }
  return lenders;
}

function offerOf(shelves: Shelves, applianceId: string, version: ValuedVersion) {
  const places = shelves.placesOf(applianceId, version);
  if (!places) return null;
  const held = new Uint8Array(version.sizes.length);
  let bytes = 0;
  for (const [at, size] of version.sizes.entries()) {
    if (shelves.heldBytes(applianceId, places[at] ?? -1) < Math.max(1, size)) continue;
    held[at] = 1;
    bytes += size;
  }
  return bytes > 0 ? { bytes, lender: { applianceId, held, places } } : null;
}
