/**
 * What a byte of the night is worth where the night is shorter than the wishes: the least worth that is charged for each
 * missing byte so that what is still worth fetching fits. Without it an appliance would spend bytes on what gains little over
 * what it holds, and another lack them. (The dual price of the budget in the linear relaxation, found by bisection.)
 */
import type { Block } from './candidates.ts';

export interface Room {
  readonly applianceId: string;
  readonly usableBytes: number;
}

export interface BudgetPrice {
  readonly price: number;
  /** Missing files of less rank do not bear on it. */
  readonly settledAbove: number;
}

/** Blocks of one appliance by falling rank. */
interface Column {
  readonly ranks: Float64Array;
  readonly bytes: Float64Array;
}
interface Shelf {
  readonly usableBytes: number;
  readonly held: Column;
  readonly missing: Column;
}

/** Enough for what goes before everything, which ranks far above all values. */
const steps = 100;
const closeEnough = 1 - 1e-12;

export function budgetPrice(blocks: readonly Block[], rooms: readonly Room[], budgetBytes: number): BudgetPrice {
  const byAppliance = Map.groupBy(blocks, ({ spot }) => spot.applianceId);
  const shelves = rooms.map(({ applianceId, usableBytes }): Shelf => {
    const here = byAppliance.get(applianceId) ?? [];
    return {
      usableBytes,
      held: columnOf(here.filter(({ held }) => held)),
      missing: columnOf(here.filter(({ held }) => !held)),
    };
  });
  const wantedBytes = (price: number): number =>
    shelves.reduce((sum, shelf) => sum + fill(shelf, price).missingBytes, 0);
  let high = 0;
  if (wantedBytes(0) > budgetBytes) {
    let low = 0;
    high = shelves.reduce((most, { missing }) => Math.max(most, missing.ranks[0] ?? 0), 0);
    for (let step = 0; step < steps && low < high * closeEnough; step += 1) {
      const middle = (low + high) / 2;
      if (wantedBytes(middle) > budgetBytes) low = middle;
      else high = middle;
    }
  }
  const settled = shelves.map((shelf) => high + fill(shelf, high).leastTaken);
  return { price: high, settledAbove: settled.length > 0 ? Math.min(...settled) : 0 };
}

function columnOf(blocks: readonly Block[]): Column {
  const sorted = [...blocks].sort((a, b) => b.rank - a.rank);
  return {
    ranks: Float64Array.from(sorted, ({ rank }) => rank),
    bytes: Float64Array.from(sorted, ({ spot, files }) => files.reduce((sum, at) => sum + (spot.sizes[at] ?? 0), 0)),
  };
}

/** Both columns merged by worth, as far as the shelf goes and anything is worth its price. */
function fill({ usableBytes, held, missing }: Shelf, price: number): { missingBytes: number; leastTaken: number } {
  let [room, missingBytes, leastTaken] = [usableBytes, 0, Number.POSITIVE_INFINITY];
  let [kept, come] = [0, 0];
  while (room > 0) {
    const ofHeld = held.ranks[kept] ?? 0;
    const ofMissing = (missing.ranks[come] ?? 0) - price;
    const worth = Math.max(ofHeld, ofMissing);
    if (worth <= 0) return { missingBytes, leastTaken: 0 };
    leastTaken = worth;
    if (ofHeld >= ofMissing) {
      room -= held.bytes[kept] ?? 0;
      kept += 1;
    } else {
      const taken = Math.min(room, missing.bytes[come] ?? 0);
      missingBytes += taken;
      room -= taken;
      come += 1;
    }
  }
  return { missingBytes, leastTaken };
}
