/** Which planned files an appliance held, written down in few numbers: mostly one run, or two where a fill was cut. */
import type { AppliancePlan, FillPlan, HeldFiles, PlannedFile } from '../fill.ts';
import { chain, sliceOf } from '../planning/lines.ts';

export const heldRuns = (plan: FillPlan, held: ReadonlyMap<string, ReadonlySet<string>>): HeldFiles[] =>
  plan.appliances.map((part) => ({
    applianceId: part.applianceId,
    runs: runsOf(part, held.get(part.applianceId) ?? new Set()),
  }));

/** Where the keys stand in the plan's list of one appliance. */
export function runsOf({ keep, fetch }: AppliancePlan, keys: ReadonlySet<string>): HeldFiles['runs'] {
  const runs: { first: number; files: number }[] = [];
  if (keys.size === 0) return runs;
  let at = 0;
  for (const { key } of chain(keep, fetch)) {
    const last = runs.at(-1);
    if (keys.has(key)) {
      if (last && last.first + last.files === at) last.files += 1;
      else runs.push({ first: at, files: 1 });
    }
    at += 1;
  }
  return runs;
}

/** The files again. */
export function filesIn({ keep, fetch }: AppliancePlan, runs: HeldFiles['runs']): PlannedFile[] {
  return runs.flatMap(({ first, files }) => [
    ...sliceOf(keep, first, files),
    ...sliceOf(fetch, Math.max(0, first - keep.length), Math.min(files, first + files - keep.length)),
  ]);
}

/** The keys again, as `forecastCoverage` takes them. */
export function heldKeys(plan: FillPlan, held: readonly HeldFiles[]): Map<string, Set<string>> {
  const known = new Map(held.map(({ applianceId, runs }) => [applianceId, runs]));
  return new Map(
    plan.appliances.map((part) => {
      const files = filesIn(part, known.get(part.applianceId) ?? []);
      return [part.applianceId, new Set(files.map(({ key }) => key))];
    }),
  );
}
