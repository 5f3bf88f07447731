/** The file of an object: found without following a link, described in the words of the port. */
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, open, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { contentTypeOf } from '../../domain/keys.ts';
import type { ObjectInfo } from '../../ports/object-store.ts';
import { assertKey } from '../object-store/keys.ts';
import { isMissing } from './folder-errors.ts';

/** Facts of the object below the folder `objects`, or null when there is none. */
export async function headFile(objects: string, key: string): Promise<ObjectInfo | null> {
  assertKey(key);
  const path = join(objects, key);
  try {
    if (!(await isInside(dirname(path)))) return null;
    const stat = await lstat(path, { bigint: true });
    return stat.isFile() ? infoOf(key, stat) : null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Opens what may be an object, for reading; null when nothing is there. */
export async function openObject(path: string): Promise<FileHandle | null> {
  try {
    if (!(await isInside(dirname(path)))) return null;
    // Without O_NONBLOCK a named pipe that someone left in the root would hold a thread for ever.
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** True when the folder is there and no link leads away on the path to it; the root itself was resolved at opening. */
export async function isInside(folder: string): Promise<boolean> {
  try {
    return (await realpath(folder)) === folder;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

export const infoOf = (key: string, stat: BigIntStats): ObjectInfo => ({
  key,
  sizeBytes: Number(stat.size),
  etag: `"${[stat.size, stat.mtimeNs, stat.ino].map((part) => part.toString(36)).join('-')}"`,
  lastModified: new Date(Number(stat.mtimeMs)),
  contentType: contentTypeOf(key),
});
