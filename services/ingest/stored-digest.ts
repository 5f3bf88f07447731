import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { Problem } from '../../shared/platform/problem.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';

/**
 * SHA-256 of a stored object, lower-case hex: for bytes some of which came before a restart.
 *
 * @throws Problem `not-ready` where it cannot be found; ObjectStoreError.
 */
export async function digestOfStored(store: Pick<ObjectStore, 'get'>, key: string): Promise<string> {
  const found = await store.get(key);
  if (!found) throw new Problem('not-ready', 'The stored upload cannot be found now. Try again in a moment.');
  const hash = createHash('sha256');
  await pipeline(found.body, hash);
  return hash.digest('hex');
}
