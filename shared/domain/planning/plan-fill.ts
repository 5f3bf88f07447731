/**
 * The planner: from forecast, manifests and inventories to what each appliance fetches, keeps and evicts, and why
 * everything else is left out. Pure and deterministic: the same documents give the same plan.
 */
import type { AppliancePlan, FillPlan, Forecast, PlannedFile, PlanRoom } from '../fill.ts';
import type { Region } from '../fleet.ts';
import { windowFor } from '../time/fill-window.ts';
import { type Block, candidatesOf, type PlannableAppliance, plannedFile } from './candidates.ts';
import { type Choice, chooseFiles } from './choose.ts';
import { evictionsFor } from './evictions.ts';
import { nightBudgetBytes, usableBytes } from './limits.ts';
import { makeRejections, type Rejections, rejectUnread } from './rejections.ts';
import type { TitleOutline } from './shortlist.ts';
import { keyOf, type PlannableVersion } from './version-files.ts';

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
  /** The published version of each asset. An asset of the forecast that is not here counts as deleted. */
  readonly versions: readonly PlannableVersion[];
  /** Assets that come first, also without any expected demand; capacity and budget bind them as all others. */
  readonly mustHave?: ReadonlySet<string>;
  /** Those that can be filled now. */
  readonly appliances: readonly PlannableAppliance[];
  /** What earlier runs of the same date brought into the region. */
  readonly spentBytes: number;
  /** What stays free for pulled slices; the default share without it. */
  readonly pulledRoom?: PlanRoom;
}

export function planFill(input: PlanFillInput): FillPlan {
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
): FillPlan | null {
  const { region, date, forecast, versions, frozenAt } = input;
  const appliances = [...input.appliances].sort((a, b) => (a.appliance.id < b.appliance.id ? -1 : 1));
  const forecasts = new Map(forecast.assets.map((asset) => [asset.assetId, asset]));
  const heldBytes = new Map(
    appliances.map(({ appliance, inventory }) => [
      appliance.id,
      new Map(inventory.map((object) => [object.key, object.heldBytes])),
    ]),
  );
  const rejections = makeRejections();

  const blocks: Block[] = [];
  for (const version of versions) {
    const { assetId, files } = version.manifest;
    const mustHave = input.mustHave?.has(assetId) ?? false;
    const asset = forecasts.get(assetId) ?? { assetId, expectedBytes: 0 };
    const isWanted = mustHave || asset.expectedBytes > 0;
    if (isWanted && appliances.length > 0) {
      const found = candidatesOf({
        forecast: asset,
        version,
        audience: forecast.audience ?? null,
        regionExpectedBytes: forecast.expectedBytes,
        appliances,
        heldOn: (applianceId, key) => heldBytes.get(applianceId)?.get(key) ?? 0,
        mustHave,
      });
      for (const block of found) blocks.push(block);
      continue;
    }
    const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, version.manifestFile.sizeBytes);
    rejections.add(assetId, isWanted ? 'no-appliance' : 'no-demand-forecast', {
      files: files.length + 1,
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
  const unread = rest(choice.settledAbove);
  if (!unread) return null;
  const shelves = collect(choice, rejections);
  rejectUnread({ unread, forecasts, forecast, appliances, closedBy: choice.closedBy }, rejections);
  const present = new Set([
    ...versions.map(({ manifest }) => manifest.assetId),
    ...unread.map(({ assetId }) => assetId),
  ]);
  for (const { assetId, expectedBytes } of forecast.assets)
    if (!present.has(assetId)) rejections.add(assetId, 'asset-deleted', { files: 0, sizeBytes: 0, expectedBytes });

  const plans = appliances.map(({ appliance, inventory }): AppliancePlan => {
    const { keep, fetch, values } = shelves.get(appliance.id) ?? emptyShelf();
    return {
      applianceId: appliance.id,
      capacityBytes: appliance.capacityBytes,
      fetch,
      keep,
      evict: evictionsFor({
        inventory,
        chosen: { keep, fetch },
        capacityBytes: appliance.capacityBytes,
        valueHere: (key) => values.get(key) ?? 0,
        demandOf: (assetId) => forecasts.get(assetId)?.expectedBytes ?? 0,
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
    fetchFiles,
    appliances: plans,
    rejected: rejections.list(),
  };
}

interface ChosenHere {
  readonly keep: PlannedFile[];
  readonly fetch: PlannedFile[];
  /** Worth of what lies there, chosen or not, wholly or in part. */
  readonly values: Map<string, number>;
}

const emptyShelf = (): ChosenHere => ({ keep: [], fetch: [], values: new Map() });

/** What was chosen for each appliance, in the order to push; the rest goes to the rejections. */
function collect({ order, reasons }: Choice, rejections: Rejections): ReadonlyMap<string, ChosenHere> {
  const shelves = new Map<string, ChosenHere>();
  for (const [place, { spot, held, files }] of order.entries()) {
    const shelf = shelves.get(spot.applianceId) ?? emptyShelf();
    shelves.set(spot.applianceId, shelf);
    const left = { files: 0, sizeBytes: 0, expectedBytes: 0 };
    for (const at of files) {
      const file = spot.files[at];
      const value = spot.values[at] ?? 0;
      if (!file) continue;
      if (spot.partly[at]) shelf.values.set(keyOf(spot, file), value);
      if (!spot.planned[at]) {
        left.files += 1;
        left.sizeBytes += file.sizeBytes;
        left.expectedBytes += value * file.sizeBytes;
        continue;
      }
      (held ? shelf.keep : shelf.fetch).push(plannedFile(spot, at, held));
    }
    // The search at the margin may have left out what found room at first: for something better.
    if (left.files > 0)
      rejections.add(spot.assetId, reasons[place] ?? (held ? 'over-capacity' : 'worth-less-than-held'), left);
  }
  return shelves;
}

/** On how many appliances a plan wants each asset, as far as it wants it at all; what viewers are shared out by. */
export function copiesInPlan({ appliances }: Pick<FillPlan, 'appliances'>): ReadonlyMap<string, number> {
  const copies = new Map<string, number>();
  for (const { keep, fetch } of appliances) {
    for (const assetId of new Set([...keep, ...fetch].map((file) => file.assetId))) {
      copies.set(assetId, (copies.get(assetId) ?? 0) + 1);
    }
  }
  return copies;
}

/** `copiesInPlan` without the assets that have one copy, which is most of them. */
export const severalCopies = (plan: Pick<FillPlan, 'appliances'>): Readonly<Record<string, number>> =>
  Object.fromEntries([...copiesInPlan(plan)].filter(([, copies]) => copies > 1));

/** 0 … 1; 0 where nothing is expected. */
export const coverageShare = (coveredBytes: number, expectedBytes: number): number =>
  expectedBytes > 0 ? Math.min(1, Math.round((coveredBytes / expectedBytes) * 1e6) / 1e6) : 0;
