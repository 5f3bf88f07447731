/**
 * Days that the morning's schedule did not score, because nobody ran then, and those whose late telemetry has come since.
 *
 * | a date's reports           | once                                   | what happens            |
 * |----------------------------|----------------------------------------|-------------------------|
 * | one has no score           | its morning has come                   | it is scored            |
 * | all have one               | two days after its end, scored before  | it is scored once more  |
 * | scored after these two days| —                                      | nothing; not read again |
 *
 * Scoring writes the same numbers from the same logs, so that asking twice does no harm.
 */
import type { FillReport } from '../../shared/domain/fill.ts';
import type { Region } from '../../shared/domain/fleet.ts';
import { dayBounds } from '../../shared/domain/time/local-time.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import type { Fleet } from '../../shared/ports/fleet.ts';
import type { JobQueue } from '../../shared/ports/job-queue.ts';

export interface MissedScoresDeps {
  readonly fleet: Fleet;
  readonly documents: Documents;
  readonly jobs: JobQueue;
  readonly clock: Clock;
  /** Given the newest scored report of each region that has one. */
  readonly show: (reports: readonly FillReport[]) => void;
}

/** Dates with reports that are looked at, newest first. */
const caughtUpDates = 14;
const mostRuns = 1_000;
const hourMs = 3_600_000;
/** The schedule's own hour, and one to do its work in. */
const afterEndMs = 7 * hourMs;
const settledMs = 48 * hourMs;

/** Returns how many days it had scored. */
export function makeCatchUpScores({ fleet, documents, jobs, clock, show }: MissedScoresDeps): () => Promise<number> {
  const settled = new Set<string>();
  const newest = new Map<string, FillReport>();

  async function reportsOf(regionId: string, date: string): Promise<readonly FillReport[]> {
    const fills = await documents.listFills({ regionId, date, limit: mostRuns });
    const found = await Promise.all(fills.map(({ run }) => documents.getReport(regionId, date, run)));
    return found.filter((report) => report !== null);
  }

  async function look({ id, timeZone }: Region): Promise<readonly string[]> {
    const due: string[] = [];
    for (const date of await documents.listReportDates(id, caughtUpDates)) {
      const { endMs } = dayBounds(date, timeZone);
      if (settled.has(`${id} ${date}`) || clock.now() < endMs + afterEndMs) continue;
      const reports = await reportsOf(id, date);
      const [last] = reports.filter(({ score }) => score !== null);
      const known = newest.get(id);
      if (last && (!known || known.date <= last.date)) newest.set(id, last);
      const scoredMs = Math.min(...reports.map(({ score }) => (score ? Date.parse(score.scoredAt) : 0)));
      const isSettled = clock.now() >= endMs + settledMs;
      if (scoredMs >= endMs + settledMs) settled.add(`${id} ${date}`);
      else if (reports.length > 0 && (scoredMs === 0 || isSettled)) due.push(date);
    }
    return due;
  }

  return async () => {
    let added = 0;
    const regions = await fleet.listRegions();
    for (const region of regions) {
      for (const date of await look(region)) {
        await jobs.add('score-region', { regionId: region.id, date }, { replaceEnded: true });
        added += 1;
      }
    }
    const present = new Set(regions.map(({ id }) => id));
    for (const id of newest.keys()) if (!present.has(id)) newest.delete(id);
    show([...newest.values()]);
    return added;
  };
}
