/**
 * Keeps the queue's schedules in step with the regions: a plan before each window, a score each morning, both on the
 * region's own clock.
 *
 * Run at start and every minute: a region that was added, moved or removed is followed within a minute, and schedules
 * that were lost with Redis come back. A window whose planning time passed while nobody kept schedules is planned at once.
 */
import type { Region } from '../../shared/domain/fleet.ts';
import { comingWindow, cronBeforeWindow } from '../../shared/domain/time/fill-window.ts';
import { jobMap, type PlanRegionPayload } from '../../shared/jobs/map.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import type { Fleet } from '../../shared/ports/fleet.ts';
import type { JobQueue, JobSchedule } from '../../shared/ports/job-queue.ts';

export interface ScheduleDeps {
  readonly fleet: Fleet;
  readonly documents: Documents;
  readonly jobs: JobQueue;
  readonly clock: Clock;
  /** How long before a window opens it is planned. */
  readonly planLeadMs: number;
}

const scheduledJobs = ['plan-region', 'score-region'] as const;
type ScheduledJob = (typeof scheduledJobs)[number];

/** Late telemetry of the evening has come by then. */
const scorePattern = '0 6 * * *';
const scheduleId = (name: ScheduledJob, regionId: string): string => `${name}-${regionId}`;

/** Returns how many schedules and jobs it changed. */
export function makeKeepSchedules({ fleet, documents, jobs, clock, planLeadMs }: ScheduleDeps): () => Promise<number> {
  const wantedFor = (region: Region, name: ScheduledJob): JobSchedule | null => {
    if (name === 'score-region') return { pattern: scorePattern, timeZone: region.timeZone };
    if (!region.fillEnabled) return null;
    return { pattern: cronBeforeWindow(region.window, Math.ceil(planLeadMs / 60_000)), timeZone: region.timeZone };
  };

  async function keep(name: ScheduledJob, regions: readonly Region[]): Promise<number> {
    let changed = 0;
    const present = new Map((await jobs.listSchedules(name)).map((schedule) => [schedule.id, schedule]));
    for (const region of regions) {
      const wanted = wantedFor(region, name);
      const id = scheduleId(name, region.id);
      const known = present.get(id);
      if (!wanted) continue;
      present.delete(id);
      if (known?.pattern === wanted.pattern && known.timeZone === wanted.timeZone) continue;
      await jobs.putSchedule(id, wanted, name, { regionId: region.id });
      changed += 1;
    }
    for (const id of present.keys()) {
      await jobs.removeSchedule(name, id);
      changed += 1;
    }
    return changed;
  }

  /**
   * A window whose planning time has passed and that nobody planned for: the worker was away, or an operator has moved the window
   * onto the present, perhaps from under a fill that was to wait for it. A region that is newer than that time waits for its first
   * whole night.
   */
  async function missed(region: Region): Promise<PlanRegionPayload | null> {
    const span = comingWindow(clock.now(), region.window, region.timeZone);
    const plannedAtMs = span.startMs - planLeadMs;
    if (!region.fillEnabled || clock.now() < plannedAtMs || Date.parse(region.createdAt) > plannedAtMs) return null;
    const fills = await documents.listFills({ regionId: region.id, date: span.date });
    const ofNight = fills.filter(({ start }) => start === 'window');
    const night = { regionId: region.id, date: span.date };
    if (ofNight.length === 0) return night;
    for (const { id, state } of ofNight) {
      const job =
        state === 'scheduled' && (await jobs.get('plan-region', jobMap['plan-region'].id({ ...night, fillId: id })));
      if (job && job.state === 'delayed' && job.attempts === 0) return { ...night, fillId: id };
    }
    return null;
  }

  return async () => {
    const regions = await fleet.listRegions();
    let changed = 0;
    for (const name of scheduledJobs) changed += await keep(name, regions);
    for (const region of regions) {
      const night = await missed(region);
      if (night === null) continue;
      if (night.fillId !== undefined) await jobs.cancel('plan-region', jobMap['plan-region'].id(night));
      await jobs.add('plan-region', night);
      changed += 1;
    }
    return changed;
  };
}
