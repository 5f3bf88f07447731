import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { formatObjectKey, manifestName, type ObjectKey } from '../../shared/domain/keys.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { SegmentCache } from '../../shared/ports/segment-cache.ts';
import { makeGrowingVersions, type Wanted } from './growing-versions.ts';
import { parseVersion, type Version } from './manifest-shape.ts';
import type { Puller } from './pull.ts';
import { readWhole, writeWhole } from './whole-object.ts';

export type VersionId = Pick<ObjectKey, 'assetId' | 'version'>;

/** The manifests by which this appliance answers: from memory, else from its disk, else pulled. */
export interface Versions {
  /** What is known without asking anybody; looks into memory only. */
  peek(id: VersionId): Version | null;
  held(id: VersionId): Promise<Version | null>;
  /** What is known of a version that is being made, from memory only. */
  peekGrowing(id: VersionId): Version | null;
  /** What is published, else what can be played by now. @throws PullError */
  load(wanted: Wanted, loop: string | undefined): Promise<Version>;
  /** Forgets everything below `<assetId>/` or `<assetId>/<version>/`. */
  forget(prefix: string): void;
}

export const manifestKey = (id: VersionId): string => formatObjectKey({ ...id, path: manifestName });

/** A parsed manifest takes about three times its text, which is kept as well. */
const memoryFactor = 4;

export interface VersionsDeps {
  readonly cache: SegmentCache;
  readonly puller: Puller;
  readonly clock: Pick<Clock, 'now'>;
  readonly maxMemoryBytes?: number;
}

export function makeVersions({ cache, puller, clock, maxMemoryBytes = 96 * 1024 * 1024 }: VersionsDeps): Versions {
  const known = new LRUCache<string, Version>({
    maxSize: maxMemoryBytes,
    sizeCalculation: ({ bytes }) => Math.max(1, bytes.length * memoryFactor),
  });
  const reading = new Map<string, Promise<Version | null>>();

  async function readHeld(id: VersionId): Promise<Version | null> {
    const key = manifestKey(id);
    const bytes = await readWhole(cache, key);
    if (!bytes) return null;
    const version = parseVersion(bytes, hash('sha256', bytes, 'hex'), id);
    // Only a part is left, or the disk held something else: what cannot be used must not stay in the way.
    if (!version) await cache.remove(key);
    else known.set(key, version);
    return version;
  }

  function held(id: VersionId): Promise<Version | null> {
    const key = manifestKey(id);
    const found = known.get(key);
    if (found) return Promise.resolve(found);
    const begun = reading.get(key) ?? readHeld(id).finally(() => reading.delete(key));
    reading.set(key, begun);
    return begun;
  }

  async function pullManifest(id: VersionId, loop: string | undefined, again: boolean): Promise<Version> {
    const key = manifestKey(id);
    const { value } = await puller.pullWhole({
      assetId: id.assetId,
      key,
      loop,
      accept: (bytes, sha256) => parseVersion(bytes, sha256, id),
      keep: (bytes) => writeWhole(cache, key, bytes, { pinned: false }),
      withoutPeers: again,
    });
    known.set(key, value);
    return value;
  }

  const growing = makeGrowingVersions({ cache, puller, clock, pullManifest });

  return {
    held,
    peek: (id) => known.get(manifestKey(id)) ?? null,

    peekGrowing: growing.peek,

    async load(wanted, loop) {
      return (await held(wanted)) ?? growing.load(wanted, loop);
    },

    forget(prefix) {
      for (const key of known.keys()) if (key.startsWith(prefix)) known.delete(key);
      growing.forget(prefix);
    },
  };
}
