/** Putting an object into the folder: written apart, checked, synced, then named. */
import { type FileHandle, link, lstat, realpath, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { addAbortSignal, Readable } from 'node:stream';
import { ObjectStoreError, type PutOptions, type PutResult } from '../../ports/object-store.ts';
import { checkBytes, checkedBody, isOfSource } from '../object-store/checked-body.ts';
import { assertKey } from '../object-store/keys.ts';
import { asStoreError, errnoOf, unless } from './folder-errors.ts';
import { makeFolders, syncFolder } from './folders.ts';
import { headFile } from './object-file.ts';
import { createTempFile } from './temp-files.ts';

/** A delete beside a put may remove the folder just made for it; each time means that another delete succeeded. */
const maxNamingAttempts = 100;

/** The two folders below a store's root. */
export interface Rooms {
  readonly objects: string;
  readonly tmp: string;
}

export async function putFile(
  rooms: () => Promise<Rooms>,
  key: string,
  body: Uint8Array | Readable,
  options: PutOptions,
): Promise<PutResult> {
  const source = body instanceof Readable ? body : null;
  try {
    assertKey(key);
    options.signal?.throwIfAborted();
    source?.on('error', () => {}); // Heard where the bytes are read; without a listener, one that fails earlier would end the process.
    if (source && options.signal) addAbortSignal(options.signal, source);
    const { objects, tmp } = await rooms();
    if (options.ifNoneMatch && (await headFile(objects, key))) throw alreadyExists(key);
    return await writeThenName(tmp, objects, key, body, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw isOfSource(source, error) ? error : asStoreError(key, error);
  } finally {
    source?.destroy();
  }
}

async function writeThenName(
  tmp: string,
  objects: string,
  key: string,
  body: Uint8Array | Readable,
  options: PutOptions,
): Promise<PutResult> {
  const temp = await createTempFile(tmp);
  try {
    const result = await write(temp.handle, key, body, options);
    await temp.handle.sync();
    await temp.handle.close();
    options.signal?.throwIfAborted();
    await nameFile(temp.path, objects, key, options.ifNoneMatch !== undefined);
    return result;
  } finally {
    await temp.handle.close();
    await rm(temp.path, { force: true });
  }
}

async function write(
  handle: FileHandle,
  key: string,
  body: Uint8Array | Readable,
  options: PutOptions,
): Promise<PutResult> {
  if (!(body instanceof Readable)) {
    const result = checkBytes(key, body, options);
    await handle.writeFile(body);
    return result;
  }
  const checked = checkedBody(key, body, options);
  for await (const chunk of checked.chunks) await handle.writeFile(chunk);
  return checked.result();
}

/** Gives finished bytes their key, whole and durably. */
export async function nameFile(temp: string, objects: string, key: string, onlyCreate = false): Promise<void> {
  const path = join(objects, key);
  const folder = dirname(path);
  for (let attempt = 1; ; attempt += 1) {
    try {
      await makeFolders(folder);
      if ((await realpath(folder)) !== folder) throw keyLeadsAway(key);
      await (onlyCreate ? link(temp, path) : rename(temp, path));
      return await syncFolder(folder);
    } catch (error) {
      const again = attempt < maxNamingAttempts && (await mayTryAgain(error, path));
      if (again) continue;
      if (await wasTaken(error, path)) throw alreadyExists(key);
      throw error;
    }
  }
}

/** A folder that vanished is made again; an empty one that stands in the way of an object is removed. */
async function mayTryAgain(error: unknown, path: string): Promise<boolean> {
  const errno = errnoOf(error);
  if (errno === 'ENOENT') return true;
  if (errno !== 'EISDIR' && errno !== 'EEXIST') return false;
  return rmdir(path).then(
    () => true,
    () => false,
  );
}

/** True when link(2) found an object, which another process may have removed since, and not a folder. */
async function wasTaken(error: unknown, path: string): Promise<boolean> {
  if (errnoOf(error) !== 'EEXIST' || !(error instanceof Error && 'syscall' in error && error.syscall === 'link'))
    return false;
  const stat = await unless(['ENOENT', 'ENOTDIR'], null, () => lstat(path));
  return !stat?.isDirectory();
}

const alreadyExists = (key: string): ObjectStoreError =>
  new ObjectStoreError('already-exists', key, `${key} is there already`);

const keyLeadsAway = (key: string): ObjectStoreError =>
  new ObjectStoreError('key-conflict', key, `${key}: a link on its path leads out of the store: remove it`);
