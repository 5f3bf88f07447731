import { parseObjectKey, storeKeys } from '../../shared/domain/keys.ts';
import { type ByteSpan, type ObjectStore, ObjectStoreError } from '../../shared/ports/object-store.ts';
import { collectExactly, collectUpTo } from './pulling/collect.ts';
import { type Patience, withPatience } from './pulling/patience.ts';
import { type Attempt, type GrowingRequest, PullError, type PullSource, type ReadWhole } from './upstream.ts';

/** The object store as a source: what it does not have does not exist. */
export function makeStoreSource(store: ObjectStore, timeoutMs: number): PullSource {
  async function readKey<T>(
    key: string,
    range: ByteSpan | null,
    patience: Patience,
    collect: (body: AsyncIterable<Uint8Array>) => Promise<T>,
  ): Promise<T> {
    const { signal } = patience;
    const opening = store.get(key, { signal, ...(range ? { range } : {}) });
    opening.then(
      (found) => {
        found?.body.on('error', () => {});
        // What comes after all is nobody's any more.
        if (signal.aborted) found?.body.destroy();
      },
      () => {},
    );
    const found = await patience.race(opening);
    if (!found) throw new PullError('not-found', 'it does not have it');
    patience.headArrived();
    try {
      return await patience.race(collect(found.body));
    } finally {
      found.body.destroy();
    }
  }

  async function newestKey({ assetId, version }: GrowingRequest['id'], signal: AbortSignal): Promise<string> {
    let newest: string | null = null;
    for await (const { key } of store.list(storeKeys.growingPrefix(assetId, version), { signal })) newest = key;
    if (newest === null) throw new PullError('not-found', 'it has no revision of it');
    return newest;
  }

  const during = <T>(attempt: Attempt | undefined, action: (patience: Patience) => Promise<T>): Promise<T> =>
    withPatience(timeoutMs, attempt, explain, action);

  const mediaKey = (key: string): string => {
    const object = parseObjectKey(key);
    if (!object) throw new PullError('not-found', `${key} is no object`);
    return storeKeys.media(object);
  };

  const readDocument = (key: string, maxBytes: number, patience: Patience): Promise<ReadWhole> =>
    readKey(key, null, patience, async (body) => ({
      bytes: await collectUpTo(body, maxBytes, patience),
      sha256: null,
    }));

  return {
    id: 'object-store',
    outcome: 'pull-origin',
    readPart: ({ key, offset, sizeBytes, whole, attempt }) =>
      during(attempt, (patience) => {
        const range = whole ? null : { start: offset, end: offset + sizeBytes - 1 };
        return readKey(mediaKey(key), range, patience, (body) => collectExactly(body, sizeBytes, patience));
      }),
    readWhole: ({ key, maxBytes, attempt }) =>
      during(attempt, (patience) => readDocument(mediaKey(key), maxBytes, patience)),
    readGrowing: ({ id, known, maxBytes, attempt }) =>
      during(attempt, async (patience) => {
        const newest = await patience.race(newestKey(id, patience.signal));
        if (known && newest === storeKeys.growing(id.assetId, id.version, known.revision)) return 'unchanged';
        return readDocument(newest, maxBytes, patience);
      }),
  };
}

function explain(error: unknown): PullError {
  if (error instanceof PullError) return new PullError(error.code, `the object store: ${error.message}`);
  const shorter = error instanceof ObjectStoreError && error.code === 'range-not-satisfiable';
  const message = `the object store could not be read: ${(error as Error).message}`;
  return new PullError(shorter ? 'mismatch' : 'failed', message, { cause: error });
}
