/** A plan without its lists: all that most who ask for one want to know. */
import type {
  AppliancePlan,
  FillCount,
  FillPlan,
  LentFile,
  PlannedEviction,
  PlannedFile,
  PlanRejection,
} from '../fill.ts';
import { countFiles } from '../reporting/fill-report.ts';
import type { Lines } from './lines.ts';
import { severalCopies } from './plan-fill.ts';

/** The lists of a plan by name, and what a line of each is. */
export interface PlanLists {
  readonly fetch: PlannedFile;
  readonly keep: PlannedFile;
  readonly evict: PlannedEviction;
  readonly lend: LentFile;
  readonly rejected: PlanRejection;
}
export type PlanListName = keyof PlanLists;
export const applianceLists = ['fetch', 'keep', 'evict', 'lend'] as const;
export const planListNames: readonly PlanListName[] = [...applianceLists, 'rejected'];

export interface ApplianceOutline extends Pick<AppliancePlan, 'applianceId' | 'capacityBytes'> {
  readonly fetch: FillCount;
  readonly keep: FillCount;
  readonly evict: FillCount;
  /** Absent in plans from before there was any. */
  readonly lend?: FillCount;
}

export interface PlanOutline extends Omit<FillPlan, 'appliances' | 'rejected'> {
  readonly appliances: readonly ApplianceOutline[];
  /** Lines. */
  readonly rejected: number;
  /** Assets that the plan puts on several appliances, and on how many. */
  readonly copies: Readonly<Record<string, number>>;
}

export const outlineOf = (plan: FillPlan): PlanOutline => ({
  ...plan,
  appliances: plan.appliances.map(({ applianceId, capacityBytes, fetch, keep, evict, lend }) => ({
    applianceId,
    capacityBytes,
    fetch: countFiles(fetch),
    keep: countFiles(keep),
    evict: countFiles(evict),
    ...(lend ? { lend: countFiles(lend) } : {}),
  })),
  rejected: plan.rejected.length,
  copies: severalCopies(plan),
});

/** @param applianceId null for what the plan leaves out */
export function listIn<L extends PlanListName>(
  plan: Pick<FillPlan, 'appliances' | 'rejected'>,
  list: L,
  applianceId: string | null,
): Lines<PlanLists[L]> {
  const part = plan.appliances.find((one) => one.applianceId === applianceId);
  const lists: { readonly [N in PlanListName]: Lines<PlanLists[N]> } = {
    fetch: part?.fetch ?? [],
    keep: part?.keep ?? [],
    evict: part?.evict ?? [],
    lend: part?.lend ?? [],
    rejected: plan.rejected,
  };
  return lists[list];
}

/** Of all appliances. */
export const fetchedBy = ({ fetchFiles, fetchBytes }: Pick<FillPlan, 'fetchFiles' | 'fetchBytes'>): FillCount => ({
  files: fetchFiles,
  bytes: fetchBytes,
});
