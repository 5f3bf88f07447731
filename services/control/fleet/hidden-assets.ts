import type { Catalogue } from '../../../shared/ports/catalogue.ts';
import type { Clock } from '../../../shared/ports/clock.ts';

const rememberedMs = 1_000;
/** As many as an appliance takes; older deletions than these are few days from their end. */
const mostHidden = 100_000;

/**
 * The ids of all assets that are deleted and whose documents are still there, in the order of ids. Appliances ask often
 * and all at once, so an answer is shared for a second.
 */
export function makeListHidden(catalogue: Pick<Catalogue, 'list'>, clock: Pick<Clock, 'now'>) {
  let last: { readonly at: number; readonly ids: Promise<readonly string[]> } | null = null;

  async function read(): Promise<readonly string[]> {
    const ids: string[] = [];
    let after: string | null = null;
    do {
      const page: Awaited<ReturnType<Catalogue['list']>> = await catalogue.list({
        state: 'deleted',
        limit: 500,
        ...(after === null ? {} : { after }),
      });
      ids.push(...page.items.map(({ id }) => id));
      after = page.next;
    } while (after !== null && ids.length < mostHidden);
    return ids.slice(0, mostHidden).sort();
  }

  return (): Promise<readonly string[]> => {
    if (last && clock.now() - last.at < rememberedMs) return last.ids;
    const ids = read();
    last = { at: clock.now(), ids };
    ids.catch(() => {
      last = null;
    });
    return ids;
  };
}
