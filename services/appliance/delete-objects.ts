import { isId, parseObjectKey } from '../../shared/domain/keys.ts';
import { Problem } from '../../shared/platform/problem.ts';
import type { SegmentCache } from '../../shared/ports/segment-cache.ts';
import type { Provenance } from './provenance.ts';
import type { Tombstones } from './tombstones.ts';
import type { Versions } from './versions.ts';

/** Resolves with the freed bytes. @throws Problem `invalid-request` */
export type DeleteObjects = (target: string) => Promise<number>;

export interface DeleteDeps {
  readonly cache: SegmentCache;
  readonly versions: Versions;
  readonly tombstones: Tombstones;
  readonly provenance: Pick<Provenance, 'purged'>;
}

/** Deletes an asset (`a/`), a version (`a/v/`) or one object. The mark comes first: nothing is pulled in between. */
export const makeDeleteObjects =
  ({ cache, versions, tombstones, provenance }: DeleteDeps): DeleteObjects =>
  async (target) => {
    if (isPrefix(target)) await tombstones.add(target);
    else if (!parseObjectKey(target))
      throw new Problem('invalid-request', 'Name an asset (a/), a version (a/v/) or an object (a/v/path).');
    else provenance.purged(target);
    versions.forget(target);
    return cache.remove(target);
  };

function isPrefix(target: string): boolean {
  const parts = target.split('/');
  return target.endsWith('/') && parts.length <= 3 && parts.slice(0, -1).every(isId);
}
