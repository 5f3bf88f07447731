/** Which planned files an appliance held, written down in few numbers: mostly one run, or two where a fill was cut. */
import type { FillPlan, HeldFiles } from '../fill.ts';

export function heldRuns(plan: FillPlan, held: ReadonlyMap<string, ReadonlySet<string>>): HeldFiles[] {
  return plan.appliances.map(({ applianceId, keep, fetch }) => {
    const keys = held.get(applianceId);
    const runs: { first: number; files: number }[] = [];
    let at = 0;
    for (const { key } of [...keep, ...fetch]) {
      const last = runs.at(-1);
      if (keys?.has(key)) {
        if (last && last.first + last.files === at) last.files += 1;
        else runs.push({ first: at, files: 1 });
      }
      at += 1;
    }
    return { applianceId, runs };
  });
}

/** The keys again, as `forecastCoverage` takes them. */
export function heldKeys(plan: FillPlan, held: readonly HeldFiles[]): Map<string, Set<string>> {
  const runsOf = new Map(held.map(({ applianceId, runs }) => [applianceId, runs]));
  return new Map(
    plan.appliances.map(({ applianceId, keep, fetch }) => {
      const files = [...keep, ...fetch];
      const runs = runsOf.get(applianceId) ?? [];
      return [
        applianceId,
        new Set(runs.flatMap((run) => files.slice(run.first, run.first + run.files).map(({ key }) => key))),
      ];
    }),
  );
}
