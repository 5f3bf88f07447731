/**
 * What could lie on which appliance: each asset with demand, on its first appliances by rendezvous ranking, its files in
 * blocks of equal worth, those that lie there whole apart from those that do not.
 */
import type { AssetForecast, PlannedFile } from '../fill.ts';
import { formatObjectKey } from '../keys.ts';
import { rankAppliances } from '../routing/rendezvous.ts';
import { type Copies, makeCopies, shareOf } from './crossing.ts';
import { digestAt, type ValuedVersion } from './file-values.ts';
import type { Shelves } from './held.ts';
import type { Lender } from './lending.ts';
import { copiesOf, swapFactor } from './limits.ts';
import { isSure, lowShareOf } from './sure.ts';

/** One asset on one appliance. Lists are by the place of a file in the version. */
export interface Spot {
  readonly assetId: string;
  readonly applianceId: string;
  readonly version: ValuedVersion;
  readonly sizes: Float64Array;
  /** The first of them are base files. */
  readonly baseCount: number;
  /** Expected bytes per byte. */
  readonly values: Float64Array;
  readonly held: Uint8Array;
  /** Where each lies in the appliance's inventory, wholly or in part, -1 where it does not; null where none does. */
  readonly places: Int32Array | null;
  /** Chosen to be there; changed by `mark` alone. */
  readonly planned: Uint8Array;
  /** What it shares with the title's other spots; null for one that has no others and is not lent. */
  readonly copies: Copies | null;
  /** Base files that are missing there, and their bytes. */
  readonly missingBase: readonly number[];
  readonly missingBaseBytes: number;
  /** An operator wants it there: it goes before all that is only expected. */
  readonly mustHave: boolean;
  /** Low end of the title's forecast as a share of what is expected, if that is a rise, else 0. */
  readonly lowShare: number;
}

/** Files of one spot that are worth the same, and all held or all missing. */
export interface Block {
  readonly spot: Spot;
  readonly held: boolean;
  /** What blocks are compared by: the value, with the swap's cost in favour of what is held. */
  readonly rank: number;
  /** Of the price of a byte of the night, what a byte of it bears; 0 for what is held. */
  readonly share: number;
  /** Places in the spot's files, in their order. */
  readonly files: readonly number[];
  /** It would take the place of what viewers pulled, and is not sure to be asked for: it cannot come. */
  readonly barred: boolean;
}

/** Above every value that a forecast comes to. */
const mustHaveRank = 1e12;

export interface CandidateInput {
  readonly forecast: Pick<AssetForecast, 'assetId' | 'expectedBytes' | 'lowBytes' | 'rises'>;
  readonly version: ValuedVersion;
  readonly regionExpectedBytes: number;
  readonly shelves: Shelves;
  readonly mustHave?: boolean;
  readonly lender?: Lender | undefined;
}

export function candidatesOf(input: CandidateInput): Block[] {
  const { forecast, version, shelves, mustHave = false, lender = null } = input;
  const { baseCount, sizeBytes, sizes, factors } = version;
  const copies = copiesOf(forecast.expectedBytes, input.regionExpectedBytes, shelves.appliances.length);
  const mean = sizeBytes > 0 ? forecast.expectedBytes / copies / sizeBytes : 0;
  const lowShare = lowShareOf(forecast);
  const values = factors.map((factor) => mean * factor);
  const found = rankAppliances(forecast.assetId, shelves.appliances)
    .slice(0, copies)
    .map(({ id: applianceId }) => {
      const places = shelves.placesOf(applianceId, version);
      const held = new Uint8Array(sizes.length);
      for (const [at, size] of sizes.entries())
        if (shelves.heldBytes(applianceId, places?.[at] ?? -1) >= Math.max(1, size)) held[at] = 1;
      return { applianceId, places, held };
    });
  const isHeld = (at: number): boolean => found.some(({ held }) => held[at] === 1);
  const shared = copies > 1 || lender ? makeCopies(sizes.length, isHeld, copies, lender) : null;
  return found.flatMap(({ applianceId, places, held }) => {
    const missingBase: number[] = [];
    let missingBaseBytes = 0;
    for (let at = 0; at < baseCount; at += 1) {
      if (held[at]) continue;
      missingBase.push(at);
      missingBaseBytes += sizes[at] ?? 0;
    }
    const spot: Spot = {
      assetId: forecast.assetId,
      applianceId,
      version,
      sizes,
      baseCount,
      values,
      held,
      places,
      planned: new Uint8Array(sizes.length),
      copies: shared,
      missingBase,
      missingBaseBytes,
      mustHave,
      lowShare,
    };
    return blocksOf(spot, shelves.isFull(applianceId));
  });
}

function blocksOf(spot: Spot, isFull: boolean): Block[] {
  /** Those that cross, those that a peer holds, and those that are here. */
  const groups = [new Map<number, number[]>(), new Map<number, number[]>(), new Map<number, number[]>()];
  for (const [at, value] of spot.values.entries()) {
    const ofKind = groups[spot.held[at] ? 2 : shareOf(spot, at) > 0 ? 0 : 1];
    const files = ofKind?.get(value);
    if (files) files.push(at);
    else ofKind?.set(value, [at]);
  }
  return groups.flatMap((values, kind) =>
    [...values].map(([value, files]) => ({
      spot,
      held: kind === 2,
      rank: (spot.mustHave ? mustHaveRank : 0) + (kind === 2 ? value * swapFactor : value),
      share: kind === 0 ? shareOf(spot, files[0] ?? 0) : 0,
      // A list that grew has room to spare, which adds up over all blocks.
      files: files.slice(),
      barred: isFull && kind !== 2 && !spot.mustHave && !isSure(value, spot.lowShare),
    })),
  );
}

/** A file of a spot as the frozen plan tells it. @param heldKey its key where it lies there. */
export function plannedFile(spot: Spot, at: number, held: boolean, heldKey?: string): PlannedFile {
  const { assetId, version, sizes, values, mustHave, lowShare } = spot;
  const sizeBytes = sizes[at] ?? 0;
  const value = values[at] ?? 0;
  return {
    key: heldKey ?? formatObjectKey({ assetId, version: version.version, path: version.paths[at] ?? '' }),
    assetId,
    rendition: version.renditions[at] ?? null,
    sizeBytes,
    sha256: digestAt(version, at),
    expectedBytes: value * sizeBytes,
    value,
    reason: held ? 'already-held' : mustHave ? 'must-have' : 'expected-demand',
    ...(held && !mustHave && !isSure(value, lowShare) ? { pinned: false } : {}),
  };
}

/**
 * By falling rank, that of missing files less their share of the price of a byte of the night; at equal rank what is held, then by name, then in
 * the order of a title's files, so that equal inputs give equal plans.
 */
export const byRank =
  (price: number) =>
  (a: Block, b: Block): number =>
    worthOf(b, price) - worthOf(a, price) ||
    Number(b.held) - Number(a.held) ||
    compare(a.spot.assetId, b.spot.assetId) ||
    compare(a.spot.applianceId, b.spot.applianceId) ||
    (a.files[0] ?? 0) - (b.files[0] ?? 0);

export const worthOf = ({ rank, share }: Pick<Block, 'rank' | 'share'>, price: number): number => rank - price * share;

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
