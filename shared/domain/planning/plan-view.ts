/** A plan as somebody looks at it: its totals, and of each list as many lines as fit into an answer. */
import type { FillPlan, Forecast } from '../fill.ts';
import { linesAbout } from './explain.ts';
import { sliceOf } from './lines.ts';
import {
  type ApplianceOutline,
  listIn,
  outlineOf,
  type PlanListName,
  type PlanLists,
  type PlanOutline,
} from './outline.ts';
import type { AppliancePlanInArrays, PlanInArrays } from './plan-fill.ts';

export interface ApplianceView extends AppliancePlanInArrays {
  /** Of the whole lists. */
  readonly totals: Pick<ApplianceOutline, 'fetch' | 'keep' | 'evict' | 'lend'>;
}

export interface PlanView extends Omit<PlanInArrays, 'appliances'> {
  readonly appliances: readonly ApplianceView[];
  /** Lines of the whole list. */
  readonly rejectedLines: number;
}

type ReadLines = <L extends PlanListName>(
  list: L,
  applianceId: string | null,
) => readonly PlanLists[L][] | Promise<readonly PlanLists[L][]>;

/** @param read the lines to be seen of a list */
export async function viewOf({ copies: _copies, ...outline }: PlanOutline, read: ReadLines): Promise<PlanView> {
  const appliances: ApplianceView[] = [];
  for (const { applianceId, capacityBytes, ...totals } of outline.appliances) {
    appliances.push({
      applianceId,
      capacityBytes,
      fetch: await read('fetch', applianceId),
      keep: await read('keep', applianceId),
      evict: await read('evict', applianceId),
      lend: await read('lend', applianceId),
      totals,
    });
  }
  return { ...outline, appliances, rejected: await read('rejected', null), rejectedLines: outline.rejected };
}

/** The first lines of each list. */
export const beginningOf = (plan: FillPlan, lines: number): Promise<PlanView> =>
  viewOf(outlineOf(plan), (list, applianceId) => sliceOf(listIn(plan, list, applianceId), 0, lines));

/** All lines about one asset, and no others; totals stay those of the whole plan. */
export const aboutAsset = (plan: FillPlan, assetId: string): Promise<PlanView> =>
  viewOf(outlineOf(plan), (list, applianceId) => linesAbout(listIn(plan, list, applianceId), assetId));

export interface ForecastView extends Forecast {
  /** Of the whole list. */
  readonly assetCount: number;
  /** Cursor of the next page of assets; null on the last. */
  readonly next: string | null;
}

/** Some of a forecast's assets. @param after `next` of the page before: how many came already */
export function forecastPage(forecast: Forecast, lines: number, after = 0): ForecastView {
  const assets = forecast.assets.slice(after, after + lines);
  const assetCount = forecast.assets.length;
  return { ...forecast, assets, assetCount, next: nextPage(after + assets.length, assetCount) };
}

/** The cursor behind a page; null on the last, and behind the end. @param seen lines up to its end */
export const nextPage = (seen: number, count: number): string | null => (seen < count ? String(seen) : null);
