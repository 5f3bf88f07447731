import { readFile } from 'node:fs/promises';

/** Slices that are kept open, connections to others, logs. */
const ownFiles = 2_500;

/**
 * How many connections may be taken so that files can still be opened: each is a file to the system, and a cache that can
 * open none is as good as empty. At most `wanted`; all of it where the system does not say what it allows.
 */
export async function connectionsWithin(wanted: number, limitsPath = '/proc/self/limits'): Promise<number> {
  const text = await readFile(limitsPath, 'utf8').catch(() => '');
  const allowed = Number(/^Max open files\s+(\d+)/m.exec(text)?.[1] ?? Number.POSITIVE_INFINITY);
  return Math.min(wanted, Math.max(allowed - ownFiles, Math.floor(allowed / 2)));
}
