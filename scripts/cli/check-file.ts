import { stat } from 'node:fs/promises';
import { usageError } from './exit.ts';

/** A file that can be uploaded. @throws CliError `usage` */
export async function checkFile(path: string): Promise<{ readonly sizeBytes: number; readonly mtimeMs: number }> {
  const found = await stat(path).catch((error: unknown) => {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw usageError(isMissing ? `${path} does not exist` : `${path} cannot be read: ${(error as Error).message}`);
  });
  if (!found.isFile()) throw usageError(`${path} is not a file`);
  if (found.size === 0) throw usageError(`${path} is empty`);
  return { sizeBytes: found.size, mtimeMs: found.mtimeMs };
}
