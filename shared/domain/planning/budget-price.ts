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

/** Blocks of one appliance that bear the same share of the price, by falling rank. */
interface Column {
  readonly share: number;
  readonly ranks: Float64Array;
  readonly bytes: Float64Array;
}
interface Shelf {
  readonly usableBytes: number;
  readonly columns: readonly Column[];
}

/** Enough for what goes before everything, which ranks far above all values. */
const steps = 100;
const closeEnough = 1 - 1e-12;

export function budgetPrice(blocks: readonly Block[], rooms: readonly Room[], budgetBytes: number): BudgetPrice {
  const byAppliance = Map.groupBy(blocks, ({ spot }) => spot.applianceId);
  const shelves = rooms.map(({ applianceId, usableBytes }): Shelf => {
    const here = byAppliance.get(applianceId) ?? [];
    const byShare = Map.groupBy(here, ({ share }) => share);
    return { usableBytes, columns: [...byShare].map(([share, list]) => columnOf(share, list)) };
  });
  const wantedBytes = (price: number): number =>
    shelves.reduce((sum, shelf) => sum + fill(shelf, price).crossingBytes, 0);
  let high = 0;
  if (wantedBytes(0) > budgetBytes) {
    let low = 0;
    // A file of several copies bears only a part of the price, and may be worth it long after.
    for (const { columns } of shelves)
      for (const { share, ranks } of columns) if (share > 0) high = Math.max(high, (ranks[0] ?? 0) / share);
    for (let step = 0; step < steps && low < high * closeEnough; step += 1) {
      const middle = (low + high) / 2;
      if (wantedBytes(middle) > budgetBytes) low = middle;
      else high = middle;
    }
  }
  const settled = shelves.map((shelf) => high + fill(shelf, high).leastTaken);
  return { price: high, settledAbove: settled.length > 0 ? Math.min(...settled) : 0 };
}

function columnOf(share: number, blocks: readonly Block[]): Column {
  const sorted = [...blocks].sort((a, b) => b.rank - a.rank);
  return {
    share,
    ranks: Float64Array.from(sorted, ({ rank }) => rank),
    bytes: Float64Array.from(sorted, ({ spot, files }) => files.reduce((sum, at) => sum + (spot.sizes[at] ?? 0), 0)),
  };
}

/** All columns merged by worth, as far as the shelf goes and anything is worth its price. */
function fill({ usableBytes, columns }: Shelf, price: number): { crossingBytes: number; leastTaken: number } {
  let [room, crossingBytes, leastTaken] = [usableBytes, 0, Number.POSITIVE_INFINITY];
  const next = columns.map(() => 0);
  while (room > 0) {
    let [best, worth] = [-1, 0];
    for (const [at, { ranks, share }] of columns.entries()) {
      const rank = ranks[next[at] ?? 0];
      // At equal worth what costs the night less.
      const isBetter =
        rank !== undefined &&
        (rank - price * share > worth ||
          (rank - price * share === worth && best >= 0 && share < (columns[best]?.share ?? 0)));
      if (isBetter) [best, worth] = [at, rank - price * share];
    }
    const column = columns[best];
    if (!column) return { crossingBytes, leastTaken: 0 };
    leastTaken = worth;
    const place = next[best] ?? 0;
    const taken = Math.min(room, column.bytes[place] ?? 0);
    crossingBytes += taken * column.share;
    room -= taken;
    next[best] = place + 1;
  }
  return { crossingBytes, leastTaken };
}
