/**
 * The choice: through all blocks from the most to the least valuable, taking what fits; where files are not small beside what
 * they have to fit into, the choice at the margin is then searched for the best one (`search.ts`).
 *
 * Value per byte in falling order, with the night's bytes at their price, is the optimum of the linear relaxation; whole
 * files lose at most about one file an appliance against it. Invariants: an appliance never plans more than it may hold; the region never
 * brings more across than its budget; once a held file found no room, nothing of less worth is fetched to its appliance.
 */
import type { PlanReason } from '../fill.ts';
import { budgetPrice, type Room } from './budget-price.ts';
import { type Block, byRank, type Spot, worthOf } from './candidates.ts';
import { crossingBytes, mark } from './crossing.ts';
import { addFreeCopies } from './free-copies.ts';
import { type Night, type Shelf, searchMargin } from './search.ts';

export type { Room } from './budget-price.ts';

export interface Choice {
  /** In the order to push; what is chosen is marked in each block's spot. */
  readonly order: readonly Block[];
  /** Why what is left out of a block is; by the block's place in `order`. */
  readonly reasons: readonly (PlanReason | null)[];
  /** Missing files of less rank than this were not looked at: whatever they were, the choice would be the same. */
  readonly settledAbove: number;
  /** Bytes that cross into the region. */
  readonly crossingBytes: number;
  /** Why more of nothing was taken: for titles that were never looked at. */
  readonly closedBy: ReadonlyMap<string, PlanReason>;
}

/** Room, and bytes of a night, count as used up with so little left, once something found no room. */
const negligibleShare = 0.001;
/** A file larger than this share of what it has to fit into makes the margin worth a search. */
const coarseShare = 0.002;

export function chooseFiles(blocks: Block[], rooms: readonly Room[], budgetBytes: number): Choice {
  const { price, settledAbove } = budgetPrice(blocks, rooms, budgetBytes);
  const order = blocks.sort(byRank(price));
  const shelves = new Map(
    rooms.map(({ applianceId, usableBytes }): [string, Shelf] => [
      applianceId,
      { applianceId, usableBytes, usedBytes: 0, keptBytes: 0, squeezed: false, refused: false },
    ]),
  );
  const reasons: (PlanReason | null)[] = [];
  const night = { leftBytes: budgetBytes, budgetBytes, refused: false };
  const openShelves = new Set(shelves.values());
  /** Worth of the block that closed the last shelf: what is worth less finds all of them closed. */
  let openDownTo = Number.POSITIVE_INFINITY;
  let largestBytes = 0;

  for (const block of order) {
    const shelf = shelves.get(block.spot.applianceId);
    if (openShelves.size > 0) openDownTo = worthOf(block, price);
    if (!shelf) reasons.push('no-appliance');
    else if (block.held) {
      const reason = keepBlock(block, shelf, night);
      if (reason) largestBytes = Math.max(largestBytes, ...sizesOf(block));
      reasons.push(reason);
    } else if (isFull(shelf) || (isSpent(night) && block.spot.copies === null))
      reasons.push(closedReason(shelf, night));
    else {
      largestBytes = Math.max(largestBytes, ...sizesOf(block));
      reasons.push(fetchBlock(block, shelf, night));
    }
    for (const open of isSpent(night) ? openShelves : shelf ? [shelf] : [])
      if (openShelves.has(open) && isClosed(open, night)) openShelves.delete(open);
  }
  const limits = [...shelves.values()].map(({ usableBytes }) => usableBytes);
  const leastLimit = Math.min(...limits, price > 0 || night.refused ? budgetBytes : Number.POSITIVE_INFINITY);
  const isCoarse = largestBytes > leastLimit * coarseShare && reasons.some((reason) => reason !== null);
  const searchedDownTo = isCoarse
    ? searchMargin({ order, shelves: [...shelves.values()], night, price })
    : Number.POSITIVE_INFINITY;
  if (isCoarse) addFreeCopies(order, shelves);
  return {
    order,
    reasons,
    settledAbove: openShelves.size === 0 ? Math.min(settledAbove, openDownTo + price, searchedDownTo) : 0,
    crossingBytes: budgetBytes - night.leftBytes,
    closedBy: new Map([...shelves].map(([id, shelf]) => [id, closedReason(shelf, night)])),
  };
}

const isSpent = (night: Night): boolean => night.refused && night.leftBytes <= night.budgetBytes * negligibleShare;

const isFull = (shelf: Shelf): boolean =>
  shelf.squeezed || (shelf.refused && shelf.usableBytes - shelf.usedBytes <= shelf.usableBytes * negligibleShare);

/** To what crosses; what peers have may still come to a shelf with room. */
const isClosed = (shelf: Shelf, night: Night): boolean => isFull(shelf) || isSpent(night);

function closedReason(shelf: Shelf, night: Night): PlanReason {
  if (shelf.squeezed) return 'worth-less-than-held';
  if (!isFull(shelf) && night.refused) return 'over-night-budget';
  return shelf.keptBytes > 0 ? 'worth-less-than-held' : 'over-capacity';
}

const sizesOf = ({ spot, files }: Block): number[] => files.map((at) => spot.sizes[at] ?? 0);

function keepBlock({ spot, files }: Block, shelf: Shelf, night: Night): PlanReason | null {
  let reason: PlanReason | null = null;
  for (const at of files) {
    const sizeBytes = spot.sizes[at] ?? 0;
    if (shelf.usedBytes + sizeBytes > shelf.usableBytes) {
      shelf.squeezed = true;
      reason = 'over-capacity';
      continue;
    }
    night.leftBytes -= mark(spot, at, true);
    shelf.usedBytes += sizeBytes;
    shelf.keptBytes += sizeBytes;
  }
  return reason;
}

function fetchBlock(block: Block, shelf: Shelf, night: Night): PlanReason | null {
  const { spot, files } = block;
  const isShort = spot.missingBase.some((at) => !spot.planned[at]);
  if (isShort) {
    // Without its playlists and init segments no media can be played, and they alone play nothing.
    const least = leastMedia(block);
    const needed = least === null ? spot.missingBase : [...spot.missingBase, least];
    const hindrance = refuse(shelf, night, spot, needed);
    if (hindrance) return hindrance;
  }
  let reason: PlanReason | null = null;
  for (const at of isShort ? new Set([...spot.missingBase, ...files]) : files) {
    // Base files that a peer has and those that cross are in two blocks, and come with the first.
    if (spot.planned[at]) continue;
    const sizeBytes = spot.sizes[at] ?? 0;
    const refusal = refuse(shelf, night, spot, [at]);
    if (refusal) {
      reason = refusal;
      continue;
    }
    night.leftBytes -= mark(spot, at, true);
    shelf.usedBytes += sizeBytes;
  }
  return reason;
}

/** Of the block, or of the whole spot where the block is but base files; null where all media are held. */
function leastMedia({ spot, files }: Block): number | null {
  const least = (places: Iterable<number>): number | null => {
    let found: number | null = null;
    for (const at of places) {
      if (at < spot.baseCount || spot.held[at]) continue;
      if (found === null || (spot.sizes[at] ?? 0) < (spot.sizes[found] ?? 0)) found = at;
    }
    return found;
  };
  return least(files) ?? least(spot.sizes.keys());
}

function refuse(shelf: Shelf, night: Night, spot: Spot, files: readonly number[]): PlanReason | null {
  const reason = refusal(shelf, spot, files, night.leftBytes);
  if (reason === 'over-night-budget') night.refused = true;
  else if (reason) shelf.refused = true;
  return reason;
}

/** Why missing files of a spot cannot come; null where they can. */
function refusal(shelf: Shelf, spot: Spot, files: readonly number[], leftBytes: number): PlanReason | null {
  if (shelf.squeezed) return 'worth-less-than-held';
  let [sizeBytes, acrossBytes] = [0, 0];
  for (const at of files) {
    sizeBytes += spot.sizes[at] ?? 0;
    acrossBytes += crossingBytes(spot, at);
  }
  if (shelf.usedBytes + sizeBytes > shelf.usableBytes) {
    return shelf.usedBytes - shelf.keptBytes + sizeBytes <= shelf.usableBytes
      ? 'worth-less-than-held'
      : 'over-capacity';
  }
  return acrossBytes > leftBytes ? 'over-night-budget' : null;
}
