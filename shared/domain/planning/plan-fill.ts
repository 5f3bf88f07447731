/**
 * The planner: from forecast, manifests and inventories to what each appliance fetches, keeps and evicts, and why
 * everything else is left out. Pure and deterministic: the same documents give the same plan.
 */
import type { AppliancePlan, FillPlan, Forecast, PlanReason, PlanRejection } from '../fill.ts';
import type { Region } from '../fleet.ts';
import { windowFor } from '../time/fill-window.ts';
import { byRank, candidatesOf, type PlannableAppliance } from './candidates.ts';
import { chooseFiles } from './choose.ts';
import { evictionsFor } from './evictions.ts';
import { nightBudgetBytes, usableBytes } from './limits.ts';
import { orderedFiles, type PlannableVersion } from './version-files.ts';

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
}

export function planFill(input: PlanFillInput): FillPlan {
  const { region, date, forecast, versions, frozenAt } = input;
  const appliances = [...input.appliances].sort((a, b) => (a.appliance.id < b.appliance.id ? -1 : 1));
  const forecasts = new Map(forecast.assets.map((asset) => [asset.assetId, asset]));
  const heldBytes = new Map(
    appliances.map(({ appliance, inventory }) => [
      appliance.id,
      new Map(inventory.map((object) => [object.key, object.heldBytes])),
    ]),
  );
  const rejections = new Rejections();

  const candidates = versions.flatMap((version) => {
    const { assetId } = version.manifest;
    const mustHave = input.mustHave?.has(assetId) ?? false;
    const asset = forecasts.get(assetId) ?? (mustHave ? { assetId, expectedBytes: 0 } : undefined);
    const reason = !asset || (asset.expectedBytes <= 0 && !mustHave) ? 'no-demand-forecast' : 'no-appliance';
    if (asset && reason === 'no-appliance' && appliances.length > 0) {
      return candidatesOf(
        asset,
        version,
        forecast.expectedBytes,
        appliances,
        (applianceId, key) => heldBytes.get(applianceId)?.get(key) ?? 0,
        mustHave,
      );
    }
    const files = orderedFiles(version);
    const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
    rejections.add(version.manifest.assetId, reason, files.length, sizeBytes, asset?.expectedBytes ?? 0);
    return [];
  });
  const present = new Set(versions.map(({ manifest }) => manifest.assetId));
  for (const { assetId, expectedBytes } of forecast.assets) {
    if (!present.has(assetId)) rejections.add(assetId, 'asset-deleted', 0, 0, expectedBytes);
  }

  const span = input.start === 'window' ? windowFor(date, region.window, region.timeZone) : null;
  const choice = chooseFiles(
    candidates.sort(byRank),
    appliances.map(({ appliance }) => ({
      applianceId: appliance.id,
      usableBytes: usableBytes(appliance.capacityBytes),
    })),
    nightBudgetBytes(region.budget, input.spentBytes, span, Date.parse(frozenAt)),
  );
  for (const { assetId, reason, file } of choice.leftOut) {
    rejections.add(assetId, reason, 1, file.sizeBytes, file.expectedBytes);
  }

  const values = new Map<string, Map<string, number>>();
  for (const { applianceId, files } of candidates) {
    const known = values.get(applianceId) ?? new Map<string, number>();
    for (const file of files) known.set(file.key, file.value);
    values.set(applianceId, known);
  }
  const plans = appliances.map(({ appliance, inventory }): AppliancePlan => {
    const chosen = choice.appliances.get(appliance.id) ?? { keep: [], fetch: [] };
    return {
      applianceId: appliance.id,
      capacityBytes: appliance.capacityBytes,
      fetch: chosen.fetch,
      keep: chosen.keep,
      evict: evictionsFor({
        inventory,
        chosen,
        capacityBytes: appliance.capacityBytes,
        valueHere: (key) => values.get(appliance.id)?.get(key) ?? 0,
        demandOf: (assetId) => forecasts.get(assetId)?.expectedBytes ?? 0,
      }),
    };
  });
  const planned = plans.flatMap(({ keep, fetch }) => [...keep, ...fetch]);
  const fetched = plans.flatMap(({ fetch }) => fetch);
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
    expectedBytes: forecast.expectedBytes,
    plannedCoverage: coverageShare(
      planned.reduce((sum, file) => sum + file.expectedBytes, 0),
      forecast.expectedBytes,
    ),
    fetchBytes: fetched.reduce((sum, file) => sum + file.sizeBytes, 0),
    fetchFiles: fetched.length,
    appliances: plans,
    rejected: rejections.list(),
  };
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

/** Sums what is left out by asset and reason. */
class Rejections {
  readonly #entries = new Map<string, PlanRejection>();

  add(assetId: string, reason: PlanReason, files: number, sizeBytes: number, expectedBytes: number): void {
    const name = `${assetId}/${reason}`;
    const sum = this.#entries.get(name) ?? { assetId, reason, files: 0, sizeBytes: 0, expectedBytes: 0 };
    this.#entries.set(name, {
      assetId,
      reason,
      files: sum.files + files,
      sizeBytes: sum.sizeBytes + sizeBytes,
      expectedBytes: sum.expectedBytes + expectedBytes,
    });
  }

  /** What would have mattered most first. */
  list(): PlanRejection[] {
    return [...this.#entries.values()]
      .map((entry) => ({ ...entry, expectedBytes: Math.round(entry.expectedBytes) }))
      .sort(
        (a, b) =>
          b.expectedBytes - a.expectedBytes ||
          (a.assetId < b.assetId ? -1 : a.assetId > b.assetId ? 1 : 0) ||
          (a.reason < b.reason ? -1 : 1),
      );
  }
}
