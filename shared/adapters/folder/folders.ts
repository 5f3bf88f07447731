/** Folders of the store: made durably, removed only when empty, and without taking one away from a concurrent put. */
import { mkdir, open, readdir, rmdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { unless } from './folder-errors.ts';

/** Makes a folder and those above it such that they outlive a loss of power. */
export async function makeFolders(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

/** Makes names in a folder durable. One that is gone has no names to keep. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await unless(['ENOENT'], null, () => open(folder, 'r'));
  try {
    await handle?.sync();
  } finally {
    await handle?.close();
  }
}

/** Removes `folder` and the folders above it as long as they are empty; never `top` itself. */
export async function removeEmptyFolders(folder: string, top: string): Promise<void> {
  for (let current = folder; current.startsWith(`${top}/`); current = dirname(current)) {
    const stop = ['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EBUSY'];
    if (!(await unless(stop, false, () => rmdir(current).then(() => true)))) return;
  }
}

/** Removes all below a folder, and the folder unless something was put into it meanwhile; returns how many files. */
export async function removeTree(folder: string): Promise<number> {
  const entries = await unless(['ENOENT', 'ENOTDIR'], [], () => readdir(folder, { withFileTypes: true }));
  let removed = 0;
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) removed += await removeTree(path);
    else if (await unless(['ENOENT'], false, () => unlink(path).then(() => entry.isFile()))) removed += 1;
  }
  if (removed > 0) await syncFolder(folder);
  await removeEmptyFolders(folder, dirname(folder));
  return removed;
}
