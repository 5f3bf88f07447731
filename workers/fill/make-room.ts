/**
 * Room on an appliance that says it has none: viewers pulled objects after the plan was frozen, and planned bytes come first.
 *
 * Only what the plan neither keeps nor fetches may go; the plan's own files never do.
 */
import type { AppliancePlan } from '../../shared/domain/fill.ts';
import { chain } from '../../shared/domain/planning/lines.ts';
import { pinsOf } from '../../shared/domain/planning/pins.ts';
import type { ApplianceApi, ApplianceTarget, HeldKey } from '../../shared/ports/appliance-api.ts';

/** More than asked for is freed at once, so that not every file has to ask. */
const sparesBytes = 32 * 1024 * 1024;

export interface RoomMade {
  readonly evicted: readonly { readonly key: string; readonly sizeBytes: number }[];
}

/** Null when there is nothing more that may go. */
export async function makeRoom(
  api: ApplianceApi,
  target: ApplianceTarget,
  plan: AppliancePlan,
  neededBytes: number,
  signal: AbortSignal,
): Promise<RoomMade | null> {
  const planned = new Set<string>();
  for (const { key } of chain<{ readonly key: string }>(plan.keep, plan.fetch, plan.lend ?? [])) planned.add(key);
  const evicted: { key: string; sizeBytes: number }[] = [];
  let freedBytes = 0;
  for await (const { key, heldBytes } of api.inventory(target, signal) as AsyncIterable<HeldKey>) {
    if (planned.has(key) || heldBytes === 0) continue;
    evicted.push({ key, sizeBytes: heldBytes });
    freedBytes += heldBytes;
    if (freedBytes >= neededBytes + sparesBytes) break;
  }
  if (evicted.length === 0) return null;
  await api.applyPlan(target, { ...pinsOf(plan), evict: evicted.map(({ key }) => key) }, signal);
  return { evicted };
}
