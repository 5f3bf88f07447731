import pLimit from 'p-limit';
import { type Fill, hasEnded } from '../../../shared/domain/fill.ts';
import type { Region } from '../../../shared/domain/fleet.ts';
import { newFill } from '../../../shared/domain/new-fill.ts';
import { comingWindow } from '../../../shared/domain/time/fill-window.ts';
import { localDate } from '../../../shared/domain/time/local-time.ts';
import { jobMap } from '../../../shared/jobs/map.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { Documents } from '../../../shared/ports/documents.ts';
import type { Fleet } from '../../../shared/ports/fleet.ts';
import type { JobQueue } from '../../../shared/ports/job-queue.ts';
import { isDay } from '../demand/demand-table.ts';
import { planDelayMs } from './plan-delay.ts';

export interface FillDeps {
  readonly fleet: Fleet;
  readonly documents: Documents;
  readonly jobs: JobQueue;
  readonly clock: Clock;
  /** How long before a window opens its plan is frozen. */
  readonly planLeadMs: number;
}

export interface NewFillInput {
  readonly regionId: string;
  readonly start: 'now' | 'window';
  readonly date?: string;
  readonly mustHave?: readonly string[];
}

export type Fills = ReturnType<typeof makeFills>;

/** Callers that race for the next run's number. */
const maxAttempts = 20;
const maxRuns = 1_000;
/** Fills are listed by date, newest first: one that has not ended is among the first. */
const recentFills = 50;
/** How long a running fill may take to end by itself once it was asked to. */
const cancelWaitMs = 5_000;
const cancelPollMs = 100;

/** True for a fill beside which another of the region must not begin. */
const stands = (other: Fill, wanted: { readonly start: 'now' | 'window'; readonly date: string }): boolean => {
  if (hasEnded(other)) return false;
  // A fill that waits for its window leaves room for one that an operator starts now.
  const waits = other.state === 'scheduled' && other.start === 'window';
  return !waits || (wanted.start === 'window' && other.date === wanted.date);
};

export function makeFills({ fleet, documents, jobs, clock, planLeadMs }: FillDeps) {
  const get = async (id: string): Promise<Fill> => {
    const fill = await documents.getFill(id);
    if (!fill) throw new Problem('fill-not-found', `There is no fill ${id}; GET /v1/fills lists them.`);
    return fill;
  };

  /** Fills of one region and different dates have different documents, so looking and creating must not interleave. */
  const alone = pLimit(1);

  /** The fill's document is its reservation: of two callers one creates it, the other sees it and is refused. */
  async function reserve(region: Region, { start, mustHave }: NewFillInput, date: string): Promise<Fill> {
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const recent = await documents.listFills({ regionId: region.id, limit: recentFills });
      const other = recent.find((fill) => stands(fill, { start, date }));
      if (other) {
        throw new Problem(
          'fill-running',
          `Fill ${other.id} of region ${region.id} is ${other.state}; wait for it or cancel it with DELETE /v1/fills/${other.id}.`,
        );
      }
      const sameDate = await documents.listFills({ regionId: region.id, date, limit: maxRuns });
      const run = Math.max(0, ...sameDate.map((fill) => fill.run)) + 1;
      const createdAt = new Date(clock.now()).toISOString();
      const first = mustHave && mustHave.length > 0 ? { mustHave } : {};
      const fill = newFill({ regionId: region.id, date, run, start, createdAt, ...first });
      if (await documents.createFill(fill)) return fill;
    }
    throw new Problem('conflict', `Region ${region.id} has too many fills for ${date}.`);
  }

  const end = async (fill: Fill, state: 'failed' | 'cancelled', message: string): Promise<Fill> => {
    const ended: Fill = { ...fill, state, message, finishedAt: new Date(clock.now()).toISOString(), rateBps: 0 };
    await documents.putFill(ended);
    return ended;
  };

  async function create(input: NewFillInput): Promise<Fill> {
    const { regionId, start, date: asked } = input;
    const region = await fleet.getRegion(regionId);
    if (!region) throw new Problem('region-not-found', `There is no region ${regionId}; GET /v1/regions lists them.`);
    const date = asked ?? comingWindow(clock.now(), region.window, region.timeZone).date;
    const delayMs = start === 'window' ? delayUntilPlan(region, date) : notPast(region, date);
    const fill = await alone(() => reserve(region, input, date));
    try {
      await jobs.add('plan-region', { regionId, date, fillId: fill.id }, { delayMs });
    } catch (error) {
      await end(fill, 'failed', 'The fill could not be queued; start another one.');
      throw error;
    }
    return fill;
  }

  function notPast(region: Region, date: string): number {
    const today = localDate(clock.now(), region.timeZone);
    if (!isDay(date) || date < today) {
      throw new Problem(
        'invalid-request',
        `date must be ${today} or later on the clock of ${region.id} (got ${date}).`,
      );
    }
    return 0;
  }

  function delayUntilPlan(region: Region, date: string): number {
    notPast(region, date);
    const delayMs = planDelayMs(region, date, clock.now(), planLeadMs);
    if (delayMs !== null) return delayMs;
    throw new Problem(
      'invalid-request',
      `The window that prepares ${date} is over; choose a later date or start it now.`,
    );
  }

  /** Asks the fill's jobs to stop; a worker that runs it writes its report, and ends the document here if none does. */
  async function cancel(id: string): Promise<Fill> {
    const fill = await get(id);
    if (hasEnded(fill)) throw new Problem('conflict', `Fill ${id} is ${fill.state} already.`);
    await jobs.cancel('plan-region', jobMap['plan-region'].id({ regionId: fill.regionId, fillId: id }));
    await jobs.cancel('fill-region', jobMap['fill-region'].id({ fillId: id }));
    const deadline = clock.now() + (fill.state === 'scheduled' ? 0 : cancelWaitMs);
    let now = await get(id);
    while (!hasEnded(now) && clock.now() < deadline) {
      await clock.sleep(cancelPollMs);
      now = await get(id);
    }
    return hasEnded(now) ? now : end(now, 'cancelled', 'Cancelled by an operator.');
  }

  /** The worker that carries it out looks every second; whoever carries it out next finds the wish, too. */
  async function setPaused(id: string, paused: boolean): Promise<Fill> {
    const fill = await get(id);
    if (hasEnded(fill)) throw new Problem('conflict', `Fill ${id} is ${fill.state} already.`);
    await documents.setFillPaused(id, paused);
    const begun = fill.state === 'running' || fill.state === 'paused';
    const deadline = clock.now() + (begun ? cancelWaitMs : 0);
    let now = await get(id);
    while (!hasEnded(now) && (now.state === 'paused') !== paused && clock.now() < deadline) {
      await clock.sleep(cancelPollMs);
      now = await get(id);
    }
    return now;
  }

  return {
    create,
    get,
    cancel,
    pause: (id: string): Promise<Fill> => setPaused(id, true),
    resume: (id: string): Promise<Fill> => setPaused(id, false),
    list: (regionId: string | undefined, limit: number): Promise<readonly Fill[]> =>
      documents.listFills({ ...(regionId === undefined ? {} : { regionId }), limit }),
  };
}
