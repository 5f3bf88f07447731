/** The fill of the coming window, which a schedule plans for: found, or created once. */
import type { Fill } from '../../shared/domain/fill.ts';
import { newFill } from '../../shared/domain/new-fill.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Documents } from '../../shared/ports/documents.ts';

const mostRuns = 1_000;

/**
 * One window has one fill. Whoever made it (a schedule, an operator who asked for the window) made it for all; one that
 * an operator cancelled is not made again. Fills that were started at once count on, and do not stand in for the night's.
 */
export async function nightFill(
  { documents, clock }: { readonly documents: Documents; readonly clock: Clock },
  regionId: string,
  date: string,
): Promise<Fill> {
  for (let attempt = 0; attempt < mostRuns; attempt += 1) {
    const fills = await documents.listFills({ regionId, date, limit: mostRuns });
    const standing = fills.find(({ start, state }) => start === 'window' && state !== 'failed');
    if (standing) return standing;
    const run = Math.max(0, ...fills.map((fill) => fill.run)) + 1;
    const fill = newFill({ regionId, date, run, start: 'window', createdAt: new Date(clock.now()).toISOString() });
    if (await documents.createFill(fill)) return fill;
  }
  throw new Error(`${regionId} has too many fills for ${date}`);
}
