/**
 * The uploaded file on the worker's disk, kept while chunks of it come: several jobs at once share one copy, and the next
 * chunk finds it there.
 *
 * A copy that nobody uses goes after a while, and at once when another is wanted.
 */
import { join } from 'node:path';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { fetchSource, type SourceToFetch } from './fetch-source.ts';
import type { Scratch } from './scratch.ts';

export interface SourceCache {
  /** @throws as `fetchSource`, and the signal's reason. */
  withSource<T>(
    source: SourceToFetch,
    options: { readonly signal: AbortSignal; readonly onShare?: (share: number) => void },
    use: (path: string) => Promise<T>,
  ): Promise<T>;
  /** Removes what is not in use. */
  close(): Promise<void>;
}

export interface SourceCacheOptions {
  readonly store: Pick<ObjectStore, 'get'>;
  readonly scratch: Pick<Scratch, 'withFolder'>;
  readonly idleMs: number;
}

interface Copy {
  readonly path: Promise<string>;
  readonly onShare: Set<(share: number) => void>;
  users: number;
  isWhole: boolean;
  timer: NodeJS.Timeout | undefined;
  remove(): void;
}

export function makeSourceCache({ store, scratch, idleMs }: SourceCacheOptions): SourceCache {
  const copies = new Map<string, Copy>();
  /** Of copies that are being removed, until nothing of them is left. */
  const leaving = new Set<Promise<void>>();

  function fetch(source: SourceToFetch): Copy {
    const fetched = Promise.withResolvers<string>();
    const released = Promise.withResolvers<void>();
    const stop = new AbortController();
    const onShare = new Set<(share: number) => void>();
    const gone = scratch
      .withFolder(async (dir) => {
        const path = join(dir, 'source');
        await fetchSource(store, source, path, stop.signal, (share) => {
          for (const tell of onShare) tell(share);
        });
        copy.isWhole = true;
        fetched.resolve(path);
        await released.promise;
      })
      .catch(fetched.reject)
      .finally(() => copies.get(source.sha256) === copy && copies.delete(source.sha256))
      .then(() => undefined);
    // Whoever waits for it hears of a failure; nobody may be left.
    fetched.promise.catch(() => undefined);
    const remove = (): void => {
      if (copies.get(source.sha256) === copy) copies.delete(source.sha256);
      stop.abort(new Error('nobody needs the source any more'));
      released.resolve();
      leaving.add(gone);
      void gone.then(() => leaving.delete(gone));
    };
    const copy: Copy = { path: fetched.promise, onShare, users: 0, isWhole: false, timer: undefined, remove };
    copies.set(source.sha256, copy);
    return copy;
  }

  function removeIdle(): void {
    for (const copy of [...copies.values()].filter(({ users }) => users === 0)) {
      clearTimeout(copy.timer);
      copy.remove();
    }
  }

  return {
    async withSource(source, { signal, onShare }, use) {
      signal.throwIfAborted();
      let copy = copies.get(source.sha256);
      if (!copy) {
        removeIdle();
        copy = fetch(source);
      }
      clearTimeout(copy.timer);
      copy.users += 1;
      if (onShare) copy.onShare.add(onShare);
      try {
        return await use(await abortable(copy.path, signal));
      } finally {
        if (onShare) copy.onShare.delete(onShare);
        copy.users -= 1;
        if (copy.users === 0 && copy.isWhole) copy.timer = setTimeout(copy.remove, idleMs).unref();
        else if (copy.users === 0) copy.remove();
      }
    },
    async close() {
      removeIdle();
      await Promise.all(leaving);
    },
  };
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', onAbort));
}
