/**
 * The job plan-region: forecast a region's day, freeze the plan, and hand it to the fill worker.
 *
 * May run any number of times for one fill: a frozen plan is found and handed on again, a fill that has ended is left
 * alone. A fill that cannot be planned ends as `failed`, with a message that names the mend.
 */
import { type Fill, type FillState, hasEnded } from '../../shared/domain/fill.ts';
import type { Region } from '../../shared/domain/fleet.ts';
import { fillId } from '../../shared/domain/keys.ts';
import { explainAsset } from '../../shared/domain/planning/explain.ts';
import { fetchedBy, outlineOf, type PlanOutline } from '../../shared/domain/planning/outline.ts';
import { aboutAsset, beginningOf, forecastPage } from '../../shared/domain/planning/plan-view.ts';
import { comingWindow, remainingMs, windowFor } from '../../shared/domain/time/fill-window.ts';
import type { DryRun, JobResults } from '../../shared/jobs/map.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import {
  JobAbortedError,
  type JobHandler,
  type JobQueue,
  UnrecoverableJobError,
} from '../../shared/ports/job-queue.ts';
import { makeMakePlan, type PlanSources } from './make-plan.ts';
import { nightFill } from './night-fill.ts';
import { makeDecideRoom } from './pulled-room.ts';

export interface PlanRegionDeps extends PlanSources {
  readonly jobs: JobQueue;
  readonly logger: Logger;
  /** A schedule that comes earlier than this before its window is late for the last one, and does nothing. */
  readonly longestLeadMs: number;
}

const isUnderway = (state: FillState): boolean =>
  state === 'running' || state === 'paused-window' || state === 'paused';

export function makePlanRegion(deps: PlanRegionDeps): JobHandler<'plan-region'> {
  const { fleet, documents, jobs, clock, logger, longestLeadMs } = deps;
  const makePlan = makeMakePlan(deps);
  const decideRoom = makeDecideRoom(deps);

  /** A night without a decision keeps to the last one: it is no reason not to plan. */
  async function decide(region: Region, signal: AbortSignal): Promise<void> {
    try {
      const room = await decideRoom(region, signal);
      if (room) logger.info({ regionId: region.id, share: room.share, before: room.before }, room.reason);
    } catch (error) {
      signal.throwIfAborted();
      logger.warn({ err: error, regionId: region.id }, 'the room for pulled slices was not decided anew');
    }
  }

  async function dry(region: Region, asked: string | undefined, run: DryRun, signal: AbortSignal) {
    const date = asked ?? comingWindow(clock.now(), region.window, region.timeZone).date;
    const span = windowFor(date, region.window, region.timeZone);
    const start = remainingMs(span, clock.now()) > 0 ? 'window' : 'now';
    const { forecast, plan } = await makePlan({ region, date, run: 1, fillId: fillId(region.id, date), start }, signal);
    return {
      kind: 'dry' as const,
      forecast: forecastPage(forecast, run.lines, run.after),
      ...(run.asset === undefined
        ? { plan: await beginningOf(plan, run.lines) }
        : { plan: await aboutAsset(plan, run.asset), explanation: explainAsset(plan, forecast, run.asset) }),
    };
  }

  /** Puts a frozen plan's fill into the hands of the fill worker. */
  async function handOn(fill: Fill, plan: PlanOutline): Promise<JobResults['plan-region']> {
    const { startMs } = windowFor(plan.date, plan.window, plan.timeZone);
    const delayMs = fill.start === 'window' ? Math.max(0, startMs - clock.now()) : 0;
    await jobs.add('fill-region', { fillId: fill.id }, { delayMs, replaceEnded: true });
    return { kind: 'frozen', fillId: fill.id };
  }

  async function freeze(region: Region, fill: Fill, signal: AbortSignal, last: boolean): Promise<PlanOutline> {
    const span = windowFor(fill.date, region.window, region.timeZone);
    if (fill.start === 'window' && remainingMs(span, clock.now()) === 0) {
      throw new UnrecoverableJobError(`The window that prepares ${fill.date} is over; start a fill at once instead.`);
    }
    await documents.putFill({ ...fill, state: 'planning' });
    if (fill.start === 'window') await decide(region, signal);
    const made = await makePlan({ ...fill, region, fillId: fill.id }, signal);
    for (const { applianceId, reason } of made.silent) {
      logger.warn({ fillId: fill.id, applianceId, reason }, 'planned without an appliance that did not answer');
    }
    if (made.plan.appliances.length === 0) {
      const silent = made.silent.map(({ applianceId }) => applianceId).join(', ');
      const words = silent
        ? `No appliance of ${region.id} answered (${silent}); see that they run and are reachable.`
        : `${region.id} has no active edge; add one or set one active.`;
      // An edge that is being restarted is worth the job's retries; a region without any is not.
      throw silent && !last ? new Error(words) : new UnrecoverableJobError(words);
    }
    signal.throwIfAborted();
    await documents.putForecast(made.forecast, fill.run);
    if (await documents.putPlan(made.plan)) return outlineOf(made.plan);
    return (await documents.getPlanOutline(region.id, fill.date, fill.run)) ?? outlineOf(made.plan);
  }

  const end = async (id: string, state: 'failed' | 'cancelled', message: string): Promise<void> => {
    const fill = await documents.getFill(id);
    if (!fill || hasEnded(fill)) return;
    await documents.putFill({ ...fill, state, message, finishedAt: new Date(clock.now()).toISOString() });
  };

  async function plan(
    region: Region,
    fill: Fill,
    signal: AbortSignal,
    last: boolean,
  ): Promise<JobResults['plan-region']> {
    const frozen = await documents.getPlanOutline(fill.regionId, fill.date, fill.run);
    if (hasEnded(fill)) return { kind: 'frozen', fillId: fill.id };
    if (isUnderway(fill.state) && frozen) return handOn(fill, frozen);
    const made = frozen ?? (await freeze(region, fill, signal, last));
    const now = await documents.getFill(fill.id);
    // Cancelled meanwhile, or planned by another job of the same window and under way already.
    if (now && (hasEnded(now) || isUnderway(now.state))) return { kind: 'frozen', fillId: fill.id };
    await documents.putFill({
      ...(now ?? fill),
      state: 'scheduled',
      message: null,
      planned: fetchedBy(made),
      copies: made.copies,
    });
    return handOn(fill, made);
  }

  return async ({ payload, signal, lastAttempt }) => {
    const region = await fleet.getRegion(payload.regionId);
    if (payload.dry) {
      if (!region) throw new UnrecoverableJobError(`there is no region ${payload.regionId}`);
      return dry(region, payload.date, payload.dry, signal);
    }
    if (payload.fillId === undefined) {
      if (!region?.fillEnabled) return { kind: 'skipped', reason: `${payload.regionId} is not filled by schedule` };
      const span = comingWindow(clock.now(), region.window, region.timeZone);
      if (payload.date === undefined && span.startMs - clock.now() > longestLeadMs) {
        return { kind: 'skipped', reason: `the next window opens only at ${new Date(span.startMs).toISOString()}` };
      }
    }
    const fill = payload.fillId
      ? await documents.getFill(payload.fillId)
      : await nightFill(deps, payload.regionId, payload.date ?? comingDate(region, clock.now()));
    if (!fill) throw new UnrecoverableJobError(`there is no fill ${payload.fillId}`);
    try {
      if (!region) throw new UnrecoverableJobError(`Region ${payload.regionId} was removed.`);
      const handedOn = await plan(region, fill, signal, lastAttempt);
      // Somebody waits for this fill: what may take many seconds is for the next plan.
      if (fill.start === 'now') await decide(region, signal).catch(() => undefined);
      return handedOn;
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      if (signal.aborted) {
        const cancelled = signal.reason instanceof JobAbortedError && signal.reason.code === 'cancelled';
        if (cancelled) await end(fill.id, 'cancelled', 'Cancelled by an operator while it was planned.');
      } else if (lastAttempt || error instanceof UnrecoverableJobError) await end(fill.id, 'failed', words);
      logger.error({ err: error, fillId: fill.id }, 'planning failed');
      throw error;
    }
  };
}

const comingDate = (region: Region | null, nowMs: number): string => {
  if (!region) throw new UnrecoverableJobError('the region was removed');
  return comingWindow(nowMs, region.window, region.timeZone).date;
};
