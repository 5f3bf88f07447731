/**
 * The best choice at the margin where files are large beside what they have to fit into: branch and bound over the files
 * around the place where the greedy choice stopped. All else stays as it was chosen, and the choice only ever gets better.
 *
 * What is better: the sum of rank × size, so that what is held keeps its advantage. Kept as in the greedy choice: room, budget, base
 * files before media, and nothing fetched beside a held file of more rank that is left out.
 */
import { type Block, type Spot, worthOf } from './candidates.ts';
import { isCrossing, mark, shareOf } from './crossing.ts';

export interface Shelf {
  readonly applianceId: string;
  readonly usableBytes: number;
  usedBytes: number;
  keptBytes: number;
  /** A held file found no room. */
  squeezed: boolean;
  /** Something that was missing found no room. */
  refused: boolean;
}

export interface Night {
  readonly budgetBytes: number;
  leftBytes: number;
  /** A missing file found no bytes left. */
  refused: boolean;
}

export interface SearchInput {
  /** All blocks, in order. */
  readonly order: readonly Block[];
  readonly shelves: readonly Shelf[];
  readonly night: Night;
  readonly price: number;
}

/** One file, or all base files that a spot holds, or misses: they stay, or come, together. */
interface Item {
  readonly spot: Spot;
  readonly files: readonly number[];
  readonly shelf: number;
  readonly held: boolean;
  readonly isBase: boolean;
  readonly rank: number;
  /** Rank less its share of the night's price, for a byte. */
  readonly worth: number;
  /** Its share of the price, for all of it. */
  readonly bears: number;
  readonly sizeBytes: number;
  readonly wasIn: boolean;
}

/** Files that are decided anew; with more, a search would take longer than it gains. */
const mostItems = 36;
const mostSteps = 40_000;
/** Choices closer to the best one than this are as good. */
const goodEnough = 1.002;

/** Returns the rank below which no missing file was looked at; 0 where there were no more. */
export function searchMargin({ order, shelves, night, price }: SearchInput): number {
  const items = itemsOf(order, shelves, price);
  const { core, leastWorth } = coreOf(items, shelves.length);
  for (const item of core) if (!item.wasIn) take(item, false, shelves[item.shelf], night);
  const settledAbove = leastWorth === null ? 0 : leastWorth + price;
  const barred = barredIn(core);
  for (const item of core) take(item, false, shelves[item.shelf], night);
  const chosen = search({ core, barred, all: items, shelves, night, price });
  for (const [at, item] of core.entries())
    take(item, chosen ? chosen[at] === 1 : item.wasIn, shelves[item.shelf], night);
  return settledAbove;
}

/** All files of an item, also where only some are in: of held base files some may have found no room. */
function take({ spot, files, held }: Item, isIn: boolean, shelf: Shelf | undefined, night: Night): void {
  for (const at of files) {
    if (!shelf || (spot.planned[at] === 1) === isIn) continue;
    const bytes = (isIn ? 1 : -1) * (spot.sizes[at] ?? 0);
    shelf.usedBytes += bytes;
    if (held) shelf.keptBytes += bytes;
    night.leftBytes -= mark(spot, at, isIn);
  }
}

/** Media whose base files are decided, and not to come, cannot come. */
function barredIn(core: readonly Item[]): boolean[] {
  const based = new Set(core.filter(({ isBase, held }) => isBase && !held).map(({ spot }) => spot));
  return core.map(
    ({ spot, held, isBase }) =>
      !held && !isBase && !based.has(spot) && spot.missingBase.some((file) => !spot.planned[file]),
  );
}

function itemsOf(order: readonly Block[], shelves: readonly Shelf[], price: number): Item[] {
  const places = new Map(shelves.map(({ applianceId }, at) => [applianceId, at]));
  const based = [new Set<Spot>(), new Set<Spot>()];
  return order.flatMap((block) => {
    const { spot, held, rank } = block;
    const item = (files: readonly number[], isBase: boolean): Item => {
      const sizeBytes = files.reduce((sum, at) => sum + (spot.sizes[at] ?? 0), 0);
      const bears = held ? 0 : files.reduce((sum, at) => sum + price * shareOf(spot, at) * (spot.sizes[at] ?? 0), 0);
      return {
        spot,
        shelf: places.get(spot.applianceId) ?? 0,
        held,
        rank,
        files,
        isBase,
        sizeBytes,
        bears,
        worth: sizeBytes > 0 ? rank - bears / sizeBytes : worthOf(block, price),
        wasIn: files.every((at) => spot.planned[at] === 1),
      };
    };
    const items = block.files.filter((at) => at >= spot.baseCount).map((at) => item([at], false));
    const seen = based[Number(held)];
    if (seen?.has(spot)) return items;
    seen?.add(spot);
    const base = held ? heldBaseOf(spot) : spot.missingBase;
    return base.length > 0 ? [item(base, true), ...items] : items;
  });
}

const heldBaseOf = ({ baseCount, held }: Spot): number[] => [...Array(baseCount).keys()].filter((at) => held[at] === 1);

/** The items around each shelf's first one that was left out, in order; and their least worth, null where they go to the end of a shelf's list. */
function coreOf(
  items: readonly Item[],
  shelves: number,
): { readonly core: Item[]; readonly leastWorth: number | null } {
  const near = Array.from({ length: shelves }, (_, shelf) => {
    // What must be there is decided: beside its rank nothing else would count.
    const here = items.filter((item) => item.shelf === shelf && !item.spot.mustHave);
    const stop = here.findIndex(({ wasIn }) => !wasIn);
    return here
      .map((item, at) => ({ item, distance: Math.abs(at - (stop < 0 ? here.length : stop)) }))
      .sort((a, b) => a.distance - b.distance);
  });
  const picked = new Set<Item>();
  for (let depth = 0; picked.size < mostItems && near.some((list) => depth < list.length); depth += 1)
    for (const list of near) {
      const one = list[depth];
      if (one && picked.size < mostItems) picked.add(one.item);
    }
  // Base files whose media are decided already are too.
  const outside = new Set(
    items.filter((item) => !picked.has(item) && item.wasIn && !item.held).map(({ spot }) => spot),
  );
  const lasts = new Map(items.map((item) => [item.shelf, item]));
  return {
    core: items.filter((item) => picked.has(item) && !(item.isBase && outside.has(item.spot))),
    leastWorth: [...lasts.values()].some((item) => picked.has(item))
      ? null
      : [...picked].reduce((least, { worth }) => Math.min(least, worth), Number.POSITIVE_INFINITY),
  };
}

interface CoreSearch extends Omit<SearchInput, 'order'> {
  /** None of it in the choice now. */
  readonly core: readonly Item[];
  readonly barred: readonly boolean[];
  readonly all: readonly Item[];
}

/** What is to be chosen of the core, or null where nothing better than what was in was found. */
function search({ core, barred, all, shelves, night, price }: CoreSearch): Uint8Array | null {
  const inCore = new Set(core);
  const rooms = shelves.map(({ usableBytes, usedBytes }) => usableBytes - usedBytes);
  let left = night.leftBytes;
  const leftHeld = shelves.map(() => 0);
  const leastFetched = shelves.map(() => Number.POSITIVE_INFINITY);
  for (const item of all) {
    const { shelf, rank, held, wasIn } = item;
    if (inCore.has(item)) continue;
    if (held && !wasIn) leftHeld[shelf] = Math.max(leftHeld[shelf] ?? 0, rank);
    if (!held && wasIn) leastFetched[shelf] = Math.min(leastFetched[shelf] ?? 0, rank);
  }
  let best = 0;
  for (const item of core) {
    if (item.wasIn) best += item.rank * item.sizeBytes;
  }
  const baseAt = [new Map<Spot, number>(), new Map<Spot, number>()];
  for (const [at, item] of core.entries()) if (item.isBase) baseAt[Number(item.held)]?.set(item.spot, at);
  /** Places of what has to be in before: what is held of the base files, and for missing ones what is missing of them. */
  const needs = core.map(({ spot, held, isBase }) =>
    [isBase && held ? undefined : baseAt[1]?.get(spot), isBase || held ? undefined : baseAt[0]?.get(spot)].filter(
      (at) => at !== undefined,
    ),
  );
  const isIn = new Uint8Array(core.length);
  let found: Uint8Array | null = null;
  let steps = 0;

  /** Base files of which some have to cross and others not are worth less than their place says. */
  const byWorth = core.map((item, at) => ({ item, at })).sort((a, b) => b.item.worth - a.item.worth);
  /** No choice of the rest brings more: each shelf filled by worth, in parts too, and the night's bytes paid for. */
  function mostFrom(from: number): number {
    const free = [...rooms];
    let sum = price * left;
    for (const { item, at } of byWorth) {
      if (at < from || barred[at]) continue;
      if (needs[at]?.some((base) => base < from && !isIn[base])) continue;
      // What is decided may have paid for it already, or cost less with it.
      sum += sparedBy(item, price);
      if (item.worth <= 0) continue;
      const taken = Math.min(free[item.shelf] ?? 0, item.sizeBytes);
      free[item.shelf] = (free[item.shelf] ?? 0) - taken;
      sum += taken * item.worth;
    }
    return sum;
  }

  /** Base files alone play nothing. */
  const isPlayable = (): boolean =>
    [...(baseAt[0] ?? [])].every(
      ([spot, base]) =>
        isIn[base] === 0 ||
        !hasMissingMedia(spot) ||
        core.some((item, at) => isIn[at] === 1 && item.spot === spot && !item.isBase && !item.held),
    );

  function decide(at: number, gain: number): void {
    steps += 1;
    const item = core[at];
    if (!item) {
      if (gain <= best * (1 + 1e-9) || left < 0 || !isPlayable()) return;
      best = gain;
      found = isIn.slice();
      return;
    }
    if (steps > mostSteps || gain + mostFrom(at) <= best * goodEnough) return;
    const { shelf, held, sizeBytes, rank } = item;
    const fits = (rooms[shelf] ?? 0) >= sizeBytes;
    const hasBase = needs[at]?.every((base) => isIn[base] === 1) ?? true;
    const mayCome = hasBase && (held || (!barred[at] && rank >= (leftHeld[shelf] ?? 0)));
    if (fits && mayCome) {
      const before = leastFetched[shelf] ?? 0;
      const across = markAll(item, true);
      if (across <= 0 || left >= across) {
        isIn[at] = 1;
        rooms[shelf] = (rooms[shelf] ?? 0) - sizeBytes;
        left -= across;
        if (!held) leastFetched[shelf] = Math.min(before, rank);
        decide(at + 1, gain + rank * sizeBytes);
        isIn[at] = 0;
        rooms[shelf] = (rooms[shelf] ?? 0) + sizeBytes;
        left += across;
        leastFetched[shelf] = before;
      }
      markAll(item, false);
    }
    if (held && rank > (leastFetched[shelf] ?? 0)) return;
    const before = leftHeld[shelf] ?? 0;
    if (held) leftHeld[shelf] = Math.max(before, rank);
    decide(at + 1, gain);
    leftHeld[shelf] = before;
  }

  decide(0, 0);
  return found;
}

const hasMissingMedia = ({ sizes, baseCount, held }: Spot): boolean =>
  sizes.some((_, at) => at >= baseCount && !held[at]);

const markAll = ({ spot, files }: Item, isIn: boolean): number =>
  files.reduce((bytes, at) => bytes + mark(spot, at, isIn), 0);

/** Of the price that an item bears what it would not cost, as far as other copies are in; and what a held one would take off their cost. */
function sparedBy({ spot, files, held }: Item, price: number): number {
  const { copies } = spot;
  if (!copies || price === 0) return 0;
  let spared = 0;
  for (const at of files) {
    const bytes = price * (spot.sizes[at] ?? 0);
    if (held) spared += isCrossing(copies, at) ? bytes : 0;
    else if (isCrossing(copies, at)) spared += bytes * (copies.shares[at] ?? 0);
  }
  return spared;
}
