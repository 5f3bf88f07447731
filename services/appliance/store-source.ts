import { setTimeout as delay } from 'node:timers/promises';
import { parseObjectKey, storeKeys } from '../../shared/domain/keys.ts';
import { type ObjectBody, type ObjectStore, ObjectStoreError } from '../../shared/ports/object-store.ts';
import { collectExactly, collectUpTo } from './http-source.ts';
import { type GrowingRequest, PullError, type PullSource } from './upstream.ts';

/** The object store as a source: what it does not have does not exist. */
export function makeStoreSource(store: ObjectStore, timeoutMs: number): PullSource {
  const read = <T>(
    key: string,
    range: { readonly start: number; readonly end: number } | null,
    collect: (body: AsyncIterable<Uint8Array>) => Promise<T>,
  ): Promise<T> =>
    asking(async (silence) => {
      const object = parseObjectKey(key);
      if (!object) throw new PullError('not-found', `${key} is no object`);
      return readKey(storeKeys.media(object), range, collect, silence);
    });

  async function readKey<T>(
    key: string,
    range: { readonly start: number; readonly end: number } | null,
    collect: (body: AsyncIterable<Uint8Array>) => Promise<T>,
    silence: Silence,
  ): Promise<T> {
    const found = await silence.race(store.get(key, { signal: silence.signal, ...(range ? { range } : {}) }));
    if (!found) throw new PullError('not-found', 'the object store does not have it');
    return collect(noting(found.body, silence.note));
  }

  async function newestKey({ assetId, version }: GrowingRequest['id'], signal: AbortSignal): Promise<string> {
    let newest: string | null = null;
    for await (const { key } of store.list(storeKeys.growingPrefix(assetId, version), { signal })) newest = key;
    if (newest === null) throw new PullError('not-found', 'the object store has no revision of it');
    return newest;
  }

  async function asking<T>(ask: (silence: Silence) => Promise<T>): Promise<T> {
    const silence = watchSilence(timeoutMs);
    try {
      return await ask(silence);
    } catch (error) {
      if (error instanceof PullError) throw error;
      const shorter = error instanceof ObjectStoreError && error.code === 'range-not-satisfiable';
      const message = `the object store could not be read: ${(error as Error).message}`;
      throw new PullError(shorter ? 'mismatch' : 'failed', message, { cause: error });
    } finally {
      silence.end();
    }
  }

  return {
    id: 'object-store',
    outcome: 'pull-origin',
    readPart: ({ key, offset, sizeBytes, whole }) =>
      read(key, whole ? null : { start: offset, end: offset + sizeBytes - 1 }, (body) =>
        collectExactly(body, sizeBytes),
      ),
    readWhole: ({ key, maxBytes }) =>
      read(key, null, async (body) => ({ bytes: await collectUpTo(body, maxBytes), sha256: null })),
    readGrowing: ({ id, known, maxBytes }) =>
      asking(async (silence) => {
        const newest = await silence.race(newestKey(id, silence.signal));
        if (known && newest === storeKeys.growing(id.assetId, id.version, known.revision)) return 'unchanged';
        const collect = async (body: AsyncIterable<Uint8Array>) => ({
          bytes: await collectUpTo(body, maxBytes),
          sha256: null,
        });
        return readKey(newest, null, collect, silence);
      }),
  };
}

async function* noting(body: ObjectBody['body'], note: () => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    note();
    yield chunk;
  }
}

type Silence = ReturnType<typeof watchSilence>;

/** Aborts when nothing was noted for `timeoutMs`. */
function watchSilence(timeoutMs: number) {
  const abort = new AbortController();
  const over = new AbortController();
  const timer = setTimeout(() => abort.abort(new Error(`silent for ${timeoutMs} ms`)), timeoutMs);
  return {
    signal: abort.signal,
    note: () => void timer.refresh(),
    /** For adapters that look at the signal only now and then. */
    race: <T>(work: Promise<T>): Promise<T> =>
      Promise.race([
        work,
        delay(timeoutMs, undefined, { signal: over.signal }).then(
          () => Promise.reject(new Error(`silent for ${timeoutMs} ms`)),
          () => work,
        ),
      ]),
    end: () => {
      clearTimeout(timer);
      over.abort();
    },
  };
}
