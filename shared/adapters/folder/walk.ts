/** The objects below a folder, in byte order of their whole keys. */
import type { BigIntStats } from 'node:fs';
import { lstat, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { compareKeys, keyFault } from '../object-store/keys.ts';
import { unless } from './folder-errors.ts';

export interface WalkOptions {
  readonly prefix: string;
  /** Only keys behind this one. */
  readonly after?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface FoundFile {
  readonly key: string;
  readonly stat: BigIntStats;
}

/** Facts of so many files are read at once. */
const batchSize = 32;

/**
 * Reads one folder at a time, and none that can hold no wanted key. What is not an object, such as a link or a name
 * that is no key, is passed over, and so is what vanishes meanwhile.
 */
export async function* walkFiles(root: string, options: WalkOptions): AsyncGenerator<FoundFile> {
  const first = options.prefix.slice(0, options.prefix.lastIndexOf('/') + 1);
  const folder = join(root, first, '.');
  const real = await unless(['ENOENT', 'ENOTDIR'], null, () => realpath(folder));
  if (real === folder) yield* walkFolder(root, first, options);
}

async function* walkFolder(root: string, folder: string, options: WalkOptions): AsyncGenerator<FoundFile> {
  options.signal?.throwIfAborted();
  let batch: string[] = [];
  for (const name of await wantedNames(root, folder, options)) {
    const isFolder = name.endsWith('/');
    if (!isFolder) batch.push(name);
    if (isFolder || batch.length === batchSize) {
      yield* readFacts(root, batch);
      options.signal?.throwIfAborted();
      batch = [];
    }
    if (isFolder) yield* walkFolder(root, name, options);
  }
  yield* readFacts(root, batch);
}

/**
 * Keys of files, and of folders with their `/`: sorted so, a folder stands where its objects do (`a-b`, `a.b`, `a/b`),
 * because no other name of the folder can begin with it.
 */
async function wantedNames(root: string, folder: string, options: WalkOptions): Promise<string[]> {
  const entries = await unless(['ENOENT', 'ENOTDIR'], [], () => readdir(join(root, folder), { withFileTypes: true }));
  const names: string[] = [];
  for (const entry of entries) {
    const key = folder + entry.name;
    if (keyFault(key) !== null) continue;
    if (entry.isFile() && wantsFile(key, options)) names.push(key);
    else if (entry.isDirectory() && wantsFolder(`${key}/`, options)) names.push(`${key}/`);
  }
  return names.sort(compareKeys);
}

const wantsFile = (key: string, { prefix, after }: WalkOptions): boolean =>
  key.startsWith(prefix) && (after === undefined || compareKeys(key, after) > 0);

const wantsFolder = (key: string, { prefix, after }: WalkOptions): boolean =>
  (key.startsWith(prefix) || prefix.startsWith(key)) &&
  (after === undefined || after.startsWith(key) || compareKeys(key, after) > 0);

async function* readFacts(root: string, keys: readonly string[]): AsyncGenerator<FoundFile> {
  const stats = await Promise.all(
    keys.map((key) => unless(['ENOENT', 'ENOTDIR'], null, () => lstat(join(root, key), { bigint: true }))),
  );
  for (const [index, key] of keys.entries()) {
    const stat = stats[index];
    if (stat?.isFile()) yield { key, stat };
  }
}
