import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { AssetView, ViewAsset } from './asset-view.ts';

export interface AssetEventsDependencies {
  readonly catalogue: Pick<Catalogue, 'get' | 'watch'>;
  readonly view: ViewAsset;
  readonly clock: Clock;
}

const heartbeatMs = 15_000;
const leastGapMs = 250;

/** States after which nothing more happens by itself. */
const isFinal = ({ state }: AssetView): boolean => state === 'published' || state === 'failed' || state === 'deleted';

const asDeleted = (last: AssetView | null): AssetView | null => last && { ...last, state: 'deleted', progress: null };

/**
 * The asset now and after every change, as server-sent events (`text/event-stream`), until it is final.
 *
 * At most four events a second, each with the newest state; a comment every 15 s keeps proxies from closing an idle
 * connection. The state is read anew then, so a notification lost in an outage of Redis delays an event and loses none.
 * An asset whose document disappears was deleted. Ends when `signal` aborts.
 */
export function makeAssetEvents({ catalogue, view, clock }: AssetEventsDependencies) {
  return async function* events(id: string, signal: AbortSignal): AsyncGenerator<string> {
    let change = Promise.withResolvers<void>();
    const unwatch = await catalogue.watch(id, () => change.resolve());
    let last: AssetView | null = null;
    let lastSent = '';
    try {
      while (!signal.aborted) {
        change = Promise.withResolvers();
        const asset = await catalogue.get(id);
        const shown: AssetView | null = asset ? await view(asset) : asDeleted(last);
        if (!shown) return;
        const body = JSON.stringify(shown);
        yield body === lastSent ? ': still here\n\n' : `event: asset\ndata: ${body}\n\n`;
        if (isFinal(shown)) return;
        last = shown;
        lastSent = body;
        await clock.sleep(leastGapMs, signal);
        await changeOrHeartbeat(change.promise, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await unwatch();
    }
  };

  async function changeOrHeartbeat(changed: Promise<void>, signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    const heartbeat = clock.sleep(heartbeatMs, AbortSignal.any([signal, done.signal]));
    heartbeat.catch(() => undefined);
    await Promise.race([changed, heartbeat]);
    done.abort();
  }
}
