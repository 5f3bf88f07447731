/**
 * Deletes parts of long lists that no document names: of a writer that died before its document, or of a forecast that was made anew
 * meanwhile.
 *
 * A part that was written since `before` is left alone, since its writer may live. Where a document is missing altogether, the fill
 * that it was written for must be there: a store that knows nothing of it is more likely half restored than forgetful.
 */
import pLimit from 'p-limit';
import { fillId, storeKeys } from '../../domain/keys.ts';
import type { ObjectInfo, ObjectStore } from '../../ports/object-store.ts';
import { parseDatedKey } from './dated-key.ts';
import { readDocument, UnreadableDocumentError, type Versioned } from './store-json.ts';
import { type Part, partKey, partsFolder } from './store-parts.ts';

const parallelFolders = 4;
const inFolder = /^(.+)\.parts\/[^/]+$/;

/** Returns how many it deleted. */
export async function sweepParts(store: ObjectStore, before: Date, signal?: AbortSignal): Promise<number> {
  const isOld = ({ lastModified }: ObjectInfo): boolean => lastModified < before;

  async function sweepFolder(documentKey: string, keys: readonly string[]): Promise<number> {
    signal?.throwIfAborted();
    const named = await namedBy(store, documentKey);
    if (!named) return 0;
    let deleted = 0;
    for (const key of keys) {
      if (named.has(key)) continue;
      // Another writer may have made the very same part in the meantime.
      const now = await store.head(key, signal);
      if (!now || !isOld(now)) continue;
      await store.delete(key);
      deleted += 1;
    }
    return deleted;
  }

  const atOnce = pLimit(parallelFolders);
  const sweeps: Promise<number>[] = [];
  for (const prefix of [storeKeys.forecastsPrefix(), storeKeys.plansPrefix()])
    for await (const [documentKey, keys] of foldersIn(store.list(prefix, signal ? { signal } : {}), isOld))
      sweeps.push(atOnce(() => sweepFolder(documentKey, keys)));
  return (await Promise.all(sweeps)).reduce((sum, deleted) => sum + deleted, 0);
}

/** Of each document that has some, the keys of its parts that are wanted. */
async function* foldersIn(
  objects: AsyncIterable<ObjectInfo>,
  isWanted: (object: ObjectInfo) => boolean,
): AsyncGenerator<readonly [documentKey: string, keys: readonly string[]]> {
  let [folder, keys] = ['', [] as string[]];
  for await (const object of objects) {
    const stem = inFolder.exec(object.key)?.[1];
    if (stem === undefined || !isWanted(object)) continue;
    const documentKey = `${stem}.json`;
    if (documentKey !== folder) {
      if (keys.length > 0) yield [folder, keys];
      [folder, keys] = [documentKey, []];
    }
    keys.push(object.key);
  }
  if (keys.length > 0) yield [folder, keys];
}

/** Keys of the parts that a document names; null where nothing can be said of them. */
async function namedBy(store: ObjectStore, documentKey: string): Promise<ReadonlySet<string> | null> {
  try {
    const found = await readDocument<Versioned & { readonly parts?: readonly Part[] }>(store, documentKey, [1, 2]);
    if (!found && !(await isOfKnownFill(store, documentKey))) return null;
    const folder = partsFolder(documentKey);
    return new Set(found?.parts?.map((part) => partKey(folder, part)));
  } catch (error) {
    if (error instanceof UnreadableDocumentError) return null;
    throw error;
  }
}

async function isOfKnownFill(store: ObjectStore, documentKey: string): Promise<boolean> {
  const [kind, regionId] = documentKey.split('/');
  if (regionId === undefined) return false;
  const name = parseDatedKey(documentKey, `${kind}/${regionId}/`);
  if (name?.owner !== '') return false;
  return (await store.head(storeKeys.fill(fillId(regionId, name.date, name.run)))) !== null;
}
