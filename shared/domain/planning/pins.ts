/** What an appliance is told to keep for a plan, whatever viewers ask for; the rest of what is planned stays by its value. */
import type { AppliancePlan, PlannedFile } from '../fill.ts';

export const isPinned = ({ pinned }: Pick<PlannedFile, 'pinned'>): boolean => pinned !== false;

export interface Pins {
  readonly pinned: readonly string[];
  /** Planned, and to be told of if it lies there, but not kept by the plan. */
  readonly unpinned: readonly string[];
}

export function pinsOf({ keep, fetch, lend = [] }: Pick<AppliancePlan, 'keep' | 'fetch' | 'lend'>): Pins {
  const pinned: string[] = [];
  const unpinned: string[] = [];
  for (const file of keep) (isPinned(file) ? pinned : unpinned).push(file.key);
  for (const { key } of fetch) pinned.push(key);
  // Until the others have taken it.
  for (const { key } of lend) pinned.push(key);
  return { pinned, unpinned };
}
