import { isId, parseObjectKey } from '../../shared/domain/keys.ts';
import { Problem } from '../../shared/platform/problem.ts';
import type { SegmentCache } from '../../shared/ports/segment-cache.ts';
import type { Provenance } from './provenance.ts';
import type { Tombstones } from './tombstones.ts';
import type { Versions } from './versions.ts';

/** Resolves with the freed bytes. @throws Problem `invalid-request`, `disk-failed` */
export type DeleteObjects = (target: string) => Promise<number>;

export interface DeleteDeps {
  readonly cache: SegmentCache;
  readonly versions: Versions;
  readonly tombstones: Tombstones;
  readonly provenance: Pick<Provenance, 'purged'>;
}

/**
 * Deletes an asset (`a/`), a version (`a/v/`) or one object. The mark comes first: nothing is pulled in between. On a disk that
 * does not keep the mark it is deleted all the same, and has to be deleted again: a restart would not know of it.
 */
export const makeDeleteObjects =
  ({ cache, versions, tombstones, provenance }: DeleteDeps): DeleteObjects =>
  async (target) => {
    let unkept: unknown = null;
    if (isPrefix(target))
      await tombstones.add(target).catch((error: unknown) => {
        unkept = error;
      });
    else if (!parseObjectKey(target))
      throw new Problem('invalid-request', 'Name an asset (a/), a version (a/v/) or an object (a/v/path).');
    else provenance.purged(target);
    versions.forget(target);
    const freedBytes = await cache.remove(target);
    if (unkept === null) return freedBytes;
    const words = 'It is deleted, but the disk does not keep that. Delete it again when the disk is mended.';
    throw new Problem('disk-failed', words, { cause: unkept });
  };

function isPrefix(target: string): boolean {
  const parts = target.split('/');
  return target.endsWith('/') && parts.length <= 3 && parts.slice(0, -1).every(isId);
}
