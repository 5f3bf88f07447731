/**
 * Versions that are being made: what of them plays by now, asked for again as they grow.
 *
 * | known of a version     | asked again |
 * |------------------------|-------------|
 * | a revision             | half a target duration after the last question; for what it lists already, half a minute |
 * | that there is none     | a second later |
 * | a manifest             | never: it has taken over for good |
 *
 * A question is one, however many wait for it. Revisions never go back, whatever an upstream says; where none answers, what
 * is known is played on. What is neither published nor growing any more is gone, and so is what was stored of it.
 */
import { LRUCache } from 'lru-cache';
import { formatObjectKey, manifestName, type ObjectKey } from '../../shared/domain/keys.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { SegmentCache } from '../../shared/ports/segment-cache.ts';
import { parseGrowing, type Version } from './manifest-shape.ts';
import type { Puller } from './pull.ts';
import { PullError } from './upstream.ts';

type VersionId = Pick<ObjectKey, 'assetId' | 'version'>;
/** A path says what of it is wanted. */
export type Wanted = VersionId & { readonly path?: string };

export interface GrowingVersions {
  /** What is known, without asking anybody. */
  peek(id: VersionId): Version | null;
  /** @throws PullError */
  load(wanted: Wanted, loop: string | undefined): Promise<Version>;
  forget(prefix: string): void;
}

export interface GrowingVersionsDeps {
  readonly cache: Pick<SegmentCache, 'remove'>;
  readonly puller: Pick<Puller, 'pullGrowing'>;
  readonly clock: Pick<Clock, 'now'>;
  /** Asks for the manifest; `again` when it was not there a moment ago. @throws PullError */
  readonly pullManifest: (id: VersionId, loop: string | undefined, again: boolean) => Promise<Version>;
}

interface Known {
  readonly version: Version;
  askedAtMs: number;
}

const leastAgeMs = 1_000;
/** What is listed stays as it is; only whether it was all given up has to be asked now and then. */
const listedAgeMs = 30_000;
const missingMs = 1_000;
const maxMemoryBytes = 32 * 1024 * 1024;
/** As for manifests: documents, parsed. */
const memoryFactor = 4;

export function makeGrowingVersions({ cache, puller, clock, pullManifest }: GrowingVersionsDeps): GrowingVersions {
  const known = new LRUCache<string, Known>({
    maxSize: maxMemoryBytes,
    sizeCalculation: ({ version }) => Math.max(1, version.bytes.length * memoryFactor),
  });
  const missing = new LRUCache<string, { readonly error: PullError; readonly untilMs: number }>({ max: 1_000 });
  const asking = new Map<string, Promise<Version>>();
  const nameOf = (id: VersionId): string => formatObjectKey({ ...id, path: manifestName });

  function isFresh({ version, askedAtMs }: Known, path: string | undefined): boolean {
    const ageMs = clock.now() - askedAtMs;
    const isListed = path !== undefined && version.files.has(path) && !version.growing?.texts.has(path);
    const maxAgeMs = Math.max(leastAgeMs, (version.growing?.targetDurationS ?? 0) * 500);
    return ageMs < (isListed ? listedAgeMs : maxAgeMs);
  }

  /** The manifest is asked for once more where both are missing: it may have come in between. */
  async function newest(id: VersionId, loop: string | undefined, before: Version | undefined): Promise<Version> {
    try {
      return await pullManifest(id, loop, before !== undefined);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    try {
      return await growth(id, loop, before);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    return pullManifest(id, loop, true);
  }

  async function growth(id: VersionId, loop: string | undefined, before: Version | undefined): Promise<Version> {
    const revision = before?.growing?.revision ?? 0;
    const found = await puller.pullGrowing({
      id: { assetId: id.assetId, version: id.version },
      loop,
      known: before ? { revision, sha256: before.sha256 } : null,
      accept: (bytes, sha256) => parseGrowing(bytes, sha256, id),
    });
    if (before && (found?.growing?.revision ?? 0) <= revision) return before;
    if (!found) throw new PullError('failed', 'an upstream says that nothing changed, but nothing is known');
    return found;
  }

  async function ask(id: VersionId, loop: string | undefined): Promise<Version> {
    const name = nameOf(id);
    const before = known.get(name);
    try {
      const version = await newest(id, loop, before?.version);
      if (version.growing) known.set(name, { version, askedAtMs: clock.now() });
      else known.delete(name);
      return version;
    } catch (error) {
      const isGone = isMissing(error) || (error instanceof PullError && error.code === 'gone');
      if (!before || isGone) throw isGone ? await giveUp(id, before, error) : error;
      before.askedAtMs = clock.now();
      return before.version;
    }
  }

  async function giveUp(id: VersionId, before: Known | undefined, error: PullError): Promise<PullError> {
    const name = nameOf(id);
    const told = before ? new PullError('gone', 'it was given up before it was finished', { cause: error }) : error;
    known.delete(name);
    missing.set(name, { error: told, untilMs: clock.now() + missingMs });
    if (before) await cache.remove(`${id.assetId}/${id.version}/`);
    return told;
  }

  return {
    peek: (id) => known.get(nameOf(id))?.version ?? null,

    load(wanted, loop) {
      const name = nameOf(wanted);
      const absent = missing.get(name);
      if (absent && clock.now() < absent.untilMs) return Promise.reject(absent.error);
      const before = known.get(name);
      if (before && isFresh(before, wanted.path)) return Promise.resolve(before.version);
      const begun = asking.get(name) ?? ask(wanted, loop).finally(() => asking.delete(name));
      asking.set(name, begun);
      return begun;
    },

    forget(prefix) {
      for (const name of known.keys()) if (name.startsWith(prefix)) known.delete(name);
    },
  };
}

const isMissing = (error: unknown): error is PullError => error instanceof PullError && error.code === 'not-found';
