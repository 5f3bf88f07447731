/** What the file system says, in the words of the object store port. */
import { ObjectStoreError } from '../../ports/object-store.ts';

/** The errno name of a system error, or undefined for any other value. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('errno' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Nothing is there: neither the file nor, perhaps, the folders above it. A link where a file belongs counts as none. */
export const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '');

/** Runs `action`; where it throws one of the errnos, gives `fallback` instead. */
export async function unless<T, F>(errnos: readonly string[], fallback: F, action: () => Promise<T>): Promise<T | F> {
  try {
    return await action();
  } catch (error) {
    if (errnos.includes(errnoOf(error) ?? '')) return fallback;
    throw error;
  }
}

const advice: Readonly<Record<string, string>> = {
  EACCES: 'the process may not write there: give its user the folder',
  EPERM: 'the file system forbids it',
  EROFS: 'the file system is mounted read-only',
  EMFILE: 'the process has too many open files: raise its limit (ulimit -n)',
  ENFILE: 'the machine has too many open files',
  EIO: 'the disk reports an error: check it',
  ESTALE: 'the network file system lost the file: check the mount',
};

/** A system error as an `ObjectStoreError`; any other error as it is. */
export function asStoreError(key: string, error: unknown): unknown {
  const errno = errnoOf(error);
  if (error instanceof ObjectStoreError || errno === undefined) return error;
  const make = (code: ObjectStoreError['code'], message: string) =>
    new ObjectStoreError(code, key, `${key || 'store'}: ${message} (${errno})`, { cause: error });
  if (errno === 'ENOSPC' || errno === 'EDQUOT') return make('no-space', 'the disk is full: free space on it');
  if (errno === 'ENOTDIR' || errno === 'EISDIR' || errno === 'EEXIST') {
    return make('key-conflict', 'an object has the name of a folder that another one lies in');
  }
  return make('unavailable', advice[errno] ?? 'the folder store failed');
}

/** The store's own folder cannot be made or read: whatever the reason, no key is at fault. */
export function asRootError(root: string, error: unknown): ObjectStoreError {
  const errno = errnoOf(error) ?? String(error);
  const code = errno === 'ENOSPC' || errno === 'EDQUOT' ? 'no-space' : 'unavailable';
  const message = advice[errno] ?? "it cannot be used as the store's folder";
  return new ObjectStoreError(code, '', `${root}: ${message} (${errno})`, { cause: error });
}
