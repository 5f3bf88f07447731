import type { Fill } from './fill.ts';
import { fillId } from './keys.ts';
import { noCount } from './reporting/fill-report.ts';

/** A fill before anything was planned for it: what control and the nightly schedule reserve a run with. */
export const newFill = (of: Pick<Fill, 'regionId' | 'date' | 'run' | 'start' | 'createdAt' | 'mustHave'>): Fill => ({
  id: fillId(of.regionId, of.date, of.run),
  regionId: of.regionId,
  date: of.date,
  run: of.run,
  state: 'scheduled',
  start: of.start,
  createdAt: of.createdAt,
  startedAt: null,
  finishedAt: null,
  message: null,
  planned: noCount,
  pushed: noCount,
  skipped: noCount,
  failed: noCount,
  rateBps: 0,
  ...(of.mustHave ? { mustHave: of.mustHave } : {}),
});
