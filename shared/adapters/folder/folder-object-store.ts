/**
 * The object store in a folder of one machine: key = path below `<root>/objects`.
 *
 * Lifecycle of an object: bytes are written to a file in `<root>/tmp`, checked, synced, and only then named (rename, or
 * link where it must not exist yet), so that no reader and no crash sees half of one. Any number of processes may share
 * a root. Both folders must be on one file system, and it must know hard links.
 *
 * Links in the root are never followed: a key leads to a regular file below the root or nowhere.
 */
import { type FileHandle, mkdir, realpath, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { addAbortSignal, Readable } from 'node:stream';
import type { GetOptions, ObjectBody, ObjectStore } from '../../ports/object-store.ts';
import { assertFolderPrefix, assertKey, assertPrefix } from '../object-store/keys.ts';
import { resolveSpan } from '../object-store/span.ts';
import { asRootError, asStoreError, isMissing } from './folder-errors.ts';
import { removeEmptyFolders, removeTree, syncFolder } from './folders.ts';
import { lendFile } from './lend-file.ts';
import { headFile, infoOf, isInside, openObject } from './object-file.ts';
import { putFile, type Rooms } from './put-file.ts';
import { createTempFile, sweepTempFiles } from './temp-files.ts';
import { walkFiles } from './walk.ts';

export interface FolderObjectStoreOptions {
  /** Made when it is not there. */
  readonly root: string;
}

/** Node's own 64 KiB would halve the throughput of large reads. */
const readChunkBytes = 1024 * 1024;

export function makeFolderObjectStore(options: FolderObjectStoreOptions): ObjectStore {
  let opening: Promise<Rooms> | undefined;

  const rooms = (): Promise<Rooms> => {
    opening ??= openRooms(options.root).catch((error: unknown) => {
      opening = undefined;
      throw asRootError(options.root, error);
    });
    return opening;
  };

  return {
    head: (key, signal) =>
      guarded(key, async () => {
        signal?.throwIfAborted();
        return headFile((await rooms()).objects, key);
      }),
    get: (key, getOptions = {}) =>
      guarded(key, async () => {
        getOptions.signal?.throwIfAborted();
        return get((await rooms()).objects, key, getOptions);
      }),
    put: (key, body, putOptions = {}) => putFile(rooms, key, body, putOptions),
    async *list(prefix, listOptions = {}) {
      assertPrefix(prefix);
      const { objects } = await guarded(prefix, rooms);
      try {
        for await (const { key, stat } of walkFiles(objects, { prefix, ...listOptions })) yield infoOf(key, stat);
      } catch (error) {
        throw asStoreError(prefix, error);
      }
    },
    delete: (key) =>
      guarded(key, async () => {
        assertKey(key);
        await remove((await rooms()).objects, key);
      }),
    deletePrefix: (prefix) =>
      guarded(prefix, async () => {
        assertFolderPrefix(prefix);
        const { objects } = await rooms();
        const folder = join(objects, prefix.slice(0, -1));
        if (!(await isInside(folder))) return 0;
        const removed = await removeTree(folder);
        await removeEmptyFolders(dirname(folder), objects);
        return removed;
      }),
    check: () =>
      guarded('', async () => {
        const probe = await createTempFile((await rooms()).tmp);
        try {
          await probe.handle.writeFile('check');
          await probe.handle.sync();
        } finally {
          await probe.handle.close();
          await rm(probe.path, { force: true });
        }
      }),
    close: async () => {},
  };
}

async function openRooms(root: string): Promise<Rooms> {
  await mkdir(join(root, 'objects'), { recursive: true });
  await mkdir(join(root, 'tmp'), { recursive: true });
  const base = await realpath(root);
  const opened = { objects: join(base, 'objects'), tmp: join(base, 'tmp') };
  await sweepTempFiles(opened.tmp, Date.now());
  return opened;
}

async function guarded<T>(key: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw asStoreError(key, error);
  }
}

async function get(objects: string, key: string, options: GetOptions): Promise<ObjectBody | null> {
  assertKey(key);
  const handle = await openObject(join(objects, key));
  if (!handle) return null;
  try {
    const stat = await handle.stat({ bigint: true });
    if (!stat.isFile()) {
      await handle.close();
      return null;
    }
    const info = infoOf(key, stat);
    const range = resolveSpan(key, options.range, info.sizeBytes);
    if (info.sizeBytes === 0) {
      await handle.close();
      return { info, range, body: Readable.from([], { objectMode: false }) };
    }
    options.signal?.throwIfAborted();
    let body: Readable | undefined;
    return {
      info,
      range,
      get body() {
        body ??= openBody(handle, range, options.signal);
        return body;
      },
      lend: () => lendFile(handle, range, options.signal),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function openBody(handle: FileHandle, range: ObjectBody['range'], signal: AbortSignal | undefined): Readable {
  const body = handle.createReadStream({ ...range, highWaterMark: readChunkBytes });
  return signal ? addAbortSignal(signal, body) : body;
}

async function remove(objects: string, key: string): Promise<void> {
  const path = join(objects, key);
  if ((await headFile(objects, key)) === null) return;
  try {
    await unlink(path);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  await syncFolder(dirname(path));
  await removeEmptyFolders(dirname(path), objects);
}
