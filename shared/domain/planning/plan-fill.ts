/**
 * The planner: from forecast, manifests and inventories to what each appliance fetches, keeps and evicts, and why
 * everything else is left out. Pure and deterministic: the same documents give the same plan.
 */
import type {
  AppliancePlan,
  FillPlan,
  Forecast,
  LentFile,
  PlannedEviction,
  PlannedFile,
  PlanRejection,
  PlanRoom,
} from '../fill.ts';
import type { Region } from '../fleet.ts';
import { windowFor } from '../time/fill-window.ts';
import { type Block, candidatesOf, plannedFile } from './candidates.ts';
import { type Choice, chooseFiles } from './choose.ts';
import { evictionsFor } from './evictions.ts';
import { expectedOf, placesIn } from './expected.ts';
import type { ValuedVersion } from './file-values.ts';
import { makeShelves, type PlannableAppliance, type Shelves } from './held.ts';
import { lendersOf } from './lending.ts';
import { copiesOf, nightBudgetBytes, usableBytes } from './limits.ts';
import { chain } from './lines.ts';
import { makeRejections, type Rejections, rejectUnread } from './rejections.ts';
import type { TitleOutline } from './shortlist.ts';
import { leastSureRequests } from './sure.ts';

export interface PlanFillInput {
  readonly region: Region;
  readonly date: string;
  readonly run: number;
  readonly fillId: string;
  /** ISO 8601, UTC. Of an open window only what is left of it counts. */
  readonly frozenAt: string;
  /** `now` is an operator's decision: the night's bytes bound it, the window does not. */
  readonly start: 'now' | 'window';
  readonly forecast: Forecast;
  readonly forecastKey: string;
  /**
   * The published version of each asset, valued for the forecast's audience (`makeValuer`). An asset of the forecast that is not here
   * counts as deleted.
   */
  readonly versions: readonly ValuedVersion[];
  /** Assets that come first, also without any expected demand; capacity and budget bind them as all others. */
  readonly mustHave?: ReadonlySet<string>;
  /** Those that can be filled now. */
  readonly appliances: readonly PlannableAppliance[];
  /** What earlier runs of the same date brought into the region. */
  readonly spentBytes: number;
  /** What stays free for pulled slices; the default share without it. */
  readonly pulledRoom?: PlanRoom;
}

/** A plan as it is made: its lists are arrays. */
export interface PlanInArrays extends FillPlan {
  readonly appliances: readonly AppliancePlanInArrays[];
  readonly rejected: readonly PlanRejection[];
}

export interface AppliancePlanInArrays extends AppliancePlan {
  readonly fetch: readonly PlannedFile[];
  readonly keep: readonly PlannedFile[];
  readonly evict: readonly PlannedEviction[];
  readonly lend: readonly LentFile[];
}

export function planFill(input: PlanFillInput): PlanInArrays {
  const plan = planFillOf(input, () => []);
  if (!plan) throw new Error('a plan from all versions is always settled');
  return plan;
}

/**
 * A plan from a part of the published titles.
 *
 * @param rest given the value below which no file can change the plan (0: any could), the titles that were left unread, or
 * null when one of them could matter. There is no plan then.
 */
export function planFillOf(
  input: PlanFillInput,
  rest: (settledAbove: number) => readonly TitleOutline[] | null,
): PlanInArrays | null {
  const { region, date, forecast, versions, frozenAt } = input;
  const appliances = [...input.appliances].sort((a, b) => (a.appliance.id < b.appliance.id ? -1 : 1));
  const shelves = makeShelves(appliances);
  const rejections = makeRejections();

  const copiesFor = (assetId: string): number => {
    const expectedBytes = expectedOf(forecast, assetId)?.expectedBytes ?? 0;
    const isWanted = expectedBytes > 0 || input.mustHave?.has(assetId);
    return isWanted ? copiesOf(expectedBytes, forecast.expectedBytes, appliances.length) : 0;
  };
  const lenders = lendersOf({
    versions,
    shelves,
    appliances,
    copiesOf: copiesFor,
    worthOf: ({ assetId, sizeBytes }) => (expectedOf(forecast, assetId)?.expectedBytes ?? 0) / Math.max(1, sizeBytes),
    roomOf: ({ capacityBytes }) => capacityBytes - usableBytes(capacityBytes, input.pulledRoom?.share),
  });
  const blocks: Block[] = [];
  for (const version of versions) {
    const { assetId, paths, sizeBytes } = version;
    const mustHave = input.mustHave?.has(assetId) ?? false;
    const asset = expectedOf(forecast, assetId) ?? { assetId, expectedBytes: 0, lowBytes: 0 };
    const isWanted = mustHave || asset.expectedBytes > 0;
    if (isWanted && appliances.length > 0) {
      const found = candidatesOf({
        forecast: asset,
        version,
        regionExpectedBytes: forecast.expectedBytes,
        shelves,
        mustHave,
        lender: lenders.get(assetId),
      });
      for (const block of found) {
        if (block.barred) rejections.add(assetId, 'not-sure', leftOut(block));
        else blocks.push(block);
      }
      continue;
    }
    rejections.add(assetId, isWanted ? 'no-appliance' : 'no-demand-forecast', {
      files: paths.length,
      sizeBytes,
      expectedBytes: asset.expectedBytes,
    });
  }

  const span = input.start === 'window' ? windowFor(date, region.window, region.timeZone) : null;
  const choice = chooseFiles(
    blocks,
    appliances.map(({ appliance }) => ({
      applianceId: appliance.id,
      usableBytes: usableBytes(appliance.capacityBytes, input.pulledRoom?.share),
    })),
    nightBudgetBytes(region.budget, input.spentBytes, span, Date.parse(frozenAt)),
  );
  // Where all disks are full, nothing that is not sure could come.
  const areFull = appliances.every(({ appliance }) => shelves.isFull(appliance.id));
  const unread = rest(Math.max(choice.settledAbove, areFull ? leastSureRequests : 0));
  if (!unread) return null;
  const chosen = collect(choice, appliances, shelves, rejections);
  rejectUnread({ unread, forecast, appliances, closedBy: choice.closedBy }, rejections);
  rejectDeleted(forecast, [versions, unread], rejections);

  const plans = appliances.map(({ appliance, inventory }): AppliancePlanInArrays => {
    const { keep, fetch, comingBytes, values, needed, lent } = chosen.get(appliance.id) ?? emptyShelf(0);
    return {
      applianceId: appliance.id,
      capacityBytes: appliance.capacityBytes,
      fetch,
      keep,
      lend: [...lent]
        .sort((a, b) => a - b)
        .flatMap((place) => inventory[place] ?? [])
        .map(({ key, heldBytes }) => ({ key, sizeBytes: heldBytes })),
      evict: evictionsFor({
        inventory,
        comingBytes,
        capacityBytes: appliance.capacityBytes,
        isNeeded: (place) => needed[place] === 1,
        valueHere: (place) => values[place] ?? 0,
        demandOf: (assetId) => expectedOf(forecast, assetId)?.expectedBytes ?? 0,
      }),
    };
  });
  let [plannedBytes, fetchBytes, fetchFiles] = [0, 0, 0];
  for (const { keep, fetch } of plans) {
    for (const file of keep) plannedBytes += file.expectedBytes;
    for (const file of fetch) {
      plannedBytes += file.expectedBytes;
      fetchBytes += file.sizeBytes;
    }
    fetchFiles += fetch.length;
  }
  return {
    schema: 1,
    id: input.fillId,
    regionId: region.id,
    date,
    run: input.run,
    frozenAt,
    window: region.window,
    timeZone: region.timeZone,
    budget: region.budget,
    forecastKey: input.forecastKey,
    forecastModel: forecast.model,
    ...(input.pulledRoom ? { pulledRoom: input.pulledRoom } : {}),
    expectedBytes: forecast.expectedBytes,
    plannedCoverage: coverageShare(plannedBytes, forecast.expectedBytes),
    fetchBytes,
    crossingBytes: choice.crossingBytes,
    fetchFiles,
    appliances: plans,
    rejected: rejections.list(),
  };
}

const leftOut = ({ spot, files }: Block) => {
  const sizeBytes = files.reduce((sum, at) => sum + (spot.sizes[at] ?? 0), 0);
  const expectedBytes = files.reduce((sum, at) => sum + (spot.sizes[at] ?? 0) * (spot.values[at] ?? 0), 0);
  return { files: files.length, sizeBytes, expectedBytes };
};

interface ChosenHere {
  readonly keep: PlannedFile[];
  readonly fetch: PlannedFile[];
  /** Of `fetch`, less what lies there already. */
  comingBytes: number;
  /** By place in the inventory: the worth of what lies there, chosen or not, wholly or in part. */
  readonly values: Float64Array;
  /** By place in the inventory: what is kept, or of which the rest is fetched. */
  readonly needed: Uint8Array;
  /** Places in the inventory of what others take from here. */
  readonly lent: Set<number>;
}

const emptyShelf = (objects: number): ChosenHere => ({
  keep: [],
  fetch: [],
  comingBytes: 0,
  values: new Float64Array(objects),
  needed: new Uint8Array(objects),
  lent: new Set(),
});

/** What was chosen for each appliance, in the order to push; the rest goes to the rejections. */
function collect(
  { order, reasons }: Choice,
  appliances: readonly PlannableAppliance[],
  shelves: Shelves,
  rejections: Rejections,
): ReadonlyMap<string, ChosenHere> {
  const chosen = new Map(appliances.map(({ appliance, inventory }) => [appliance.id, emptyShelf(inventory.length)]));
  for (const [place, { spot, held, files }] of order.entries()) {
    const here = chosen.get(spot.applianceId);
    if (!here) continue;
    const left = { files: 0, sizeBytes: 0, expectedBytes: 0 };
    for (const at of files) {
      const sizeBytes = spot.sizes[at] ?? 0;
      const value = spot.values[at] ?? 0;
      const lies = spot.places?.[at] ?? -1;
      if (lies >= 0) here.values[lies] = value;
      if (!spot.planned[at]) {
        left.files += 1;
        left.sizeBytes += sizeBytes;
        left.expectedBytes += value * sizeBytes;
        continue;
      }
      if (lies >= 0) here.needed[lies] = 1;
      const lender = held ? null : spot.copies?.lender;
      if (lender?.held[at]) lend(chosen.get(lender.applianceId), lender.places[at] ?? -1);
      if (!held) here.comingBytes += Math.max(0, sizeBytes - shelves.heldBytes(spot.applianceId, lies));
      (held ? here.keep : here.fetch).push(plannedFile(spot, at, held, shelves.keyAt(spot.applianceId, lies)));
    }
    // The search at the margin may have left out what found room at first: for something better.
    if (left.files > 0)
      rejections.add(spot.assetId, reasons[place] ?? (held ? 'over-capacity' : 'worth-less-than-held'), left);
  }
  return chosen;
}

function lend(from: ChosenHere | undefined, place: number): void {
  if (!from) return;
  from.lent.add(place);
  from.needed[place] = 1;
}

/** What the forecast knows and nobody publishes any more. */
function rejectDeleted(
  forecast: Forecast,
  present: readonly (readonly { readonly assetId: string }[])[],
  rejections: Rejections,
): void {
  const places = placesIn(forecast);
  const isPresent = new Uint8Array(forecast.assets.length);
  for (const list of present) for (const { assetId } of list) isPresent[places.get(assetId) ?? -1] = 1;
  for (const [place, { assetId, expectedBytes }] of forecast.assets.entries())
    if (!isPresent[place]) rejections.addWhole(assetId, 'asset-deleted', { files: 0, sizeBytes: 0, expectedBytes });
}

/** On how many appliances a plan wants each asset, as far as it wants it at all; what viewers are shared out by. */
export function copiesInPlan({ appliances }: Pick<FillPlan, 'appliances'>): ReadonlyMap<string, number> {
  const copies = new Map<string, number>();
  for (const { keep, fetch } of appliances) {
    const here = new Set<string>();
    for (const { assetId } of chain(keep, fetch)) here.add(assetId);
    for (const assetId of here) copies.set(assetId, (copies.get(assetId) ?? 0) + 1);
  }
  return copies;
}

/** `copiesInPlan` without the assets that have one copy, which is most of them. */
export const severalCopies = (plan: Pick<FillPlan, 'appliances'>): Readonly<Record<string, number>> =>
  Object.fromEntries([...copiesInPlan(plan)].filter(([, copies]) => copies > 1));

/** 0 … 1; 0 where nothing is expected. */
export const coverageShare = (coveredBytes: number, expectedBytes: number): number =>
  expectedBytes > 0 ? Math.min(1, Math.round((coveredBytes / expectedBytes) * 1e6) / 1e6) : 0;
