/**
 * The weekly decision how much of a region's disks plans leave to what viewers pull (docs/decisions/0063): read from the
 * demand log, replayed, and stored, so that the plans that keep to it can name it.
 */
import { setImmediate } from 'node:timers/promises';
import type { PlanRoom } from '../../shared/domain/fill.ts';
import type { Region } from '../../shared/domain/fleet.ts';
import { pulledReserveShare } from '../../shared/domain/planning/limits.ts';
import { decideRoom, readDays, sampleBounds } from '../../shared/domain/pulled-room/decide-room.ts';
import { type PulledRoom, planRoomOf } from '../../shared/domain/pulled-room/pulled-room.ts';
import { makeLogSampler, type SampledLog } from '../../shared/domain/pulled-room/sampled-log.ts';
import { addDays } from '../../shared/domain/time/local-time.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { DemandLog } from '../../shared/ports/demand-log.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import type { Fleet } from '../../shared/ports/fleet.ts';
import { readAudience } from './read-audience.ts';
import { lastWholeDay } from './read-history.ts';
import { playableAssets } from './read-versions.ts';

export interface PulledRoomDeps {
  readonly fleet: Fleet;
  readonly catalogue: Catalogue;
  readonly documents: Documents;
  readonly demandLog: DemandLog;
  readonly clock: Clock;
}

/** A week less some hours: a plan is made at about the same time each night, and may be a little early. */
const decideEveryMs = (7 * 24 - 6) * 3_600_000;
/** Replays work so long before others have their turn. */
const portionMs = 10;

/** What a plan that is made now is to leave. */
export const roomNow = async (documents: Documents, { id, pulledShare = null }: Region): Promise<PlanRoom> =>
  planRoomOf(pulledShare, pulledShare === null ? await documents.getPulledRoom(id) : null);

/** Returns what was decided; null when it was not yet time, an operator has set it, or the log is too short. */
export function makeDecideRoom({ fleet, catalogue, documents, demandLog, clock }: PulledRoomDeps) {
  async function sample(regionId: string, until: string): Promise<SampledLog> {
    const sampler = makeLogSampler(sampleBounds);
    // A local day lies within the UTC days around it; rows of today are left out by the decision.
    const days = { from: addDays(until, -readDays), to: addDays(until, 1) };
    for await (const row of demandLog.read({ regionId, ...days })) sampler.add(row);
    return sampler.read();
  }

  async function sizesOf(wanted: ReadonlySet<string>): Promise<ReadonlyMap<string, number>> {
    const sizes = new Map<string, number>();
    for await (const page of playableAssets(catalogue))
      for (const { id, sizeBytes } of page) if (sizeBytes && wanted.has(id)) sizes.set(id, sizeBytes);
    return sizes;
  }

  return async (region: Region, signal: AbortSignal): Promise<PulledRoom | null> => {
    if (typeof region.pulledShare === 'number') return null;
    const last = await documents.getPulledRoom(region.id);
    const nowMs = clock.now();
    if (last && nowMs - Date.parse(last.decidedAt) < decideEveryMs) return null;
    const until = lastWholeDay(nowMs, region.timeZone);
    const log = await sample(region.id, until);
    const sizes = await sizesOf(new Set(log.assets.map(({ assetId }) => assetId)));
    const appliances = await fleet.listAppliances({ regionId: region.id });
    const room = await inPortions(
      decideRoom({
        region,
        decidedAt: new Date(nowMs).toISOString(),
        until,
        log,
        sizeOf: (assetId) => sizes.get(assetId),
        audience: await readAudience(demandLog, region.id, nowMs),
        capacityBytes: appliances
          .filter(({ role, mode }) => role === 'edge' && mode === 'active')
          .reduce((sum, { capacityBytes }) => sum + capacityBytes, 0),
        present: last?.share ?? pulledReserveShare,
      }),
      signal,
    );
    return room && (await documents.putPulledRoom(room)) ? room : null;
  };
}

async function inPortions<T>(work: Iterator<void, T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    const untilMs = performance.now() + portionMs;
    while (performance.now() < untilMs) {
      const step = work.next();
      if (step.done) return step.value;
    }
    await setImmediate();
    signal.throwIfAborted();
  }
}
