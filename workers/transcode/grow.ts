/**
 * First play before the encode ends: who has made a part of a long film tells what can be played by now.
 *
 * No lock is needed: a worker stores its facts before it looks at those of the others, so that the last to store sees all,
 * and a revision is written once, under its own key (`shared/domain/growing.ts`). Whoever removes the version removes the
 * plan first; a revision that was written all the same is taken away by its writer.
 */
import { LRUCache } from 'lru-cache';
import type { Asset } from '../../shared/domain/asset.ts';
import type { EarlyPlayback } from '../../shared/domain/growing.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import type { Announce } from '../../shared/platform/announce.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { type ObjectStore, ObjectStoreError } from '../../shared/ports/object-store.ts';
import { growVersion } from './growing.ts';
import { seamOf } from './join.ts';
import { playlistPaths } from './package.ts';
import { planEncode } from './plan.ts';
import { uploadFiles } from './publish.ts';
import type { Recipe } from './recipe.ts';
import { discardVersion, type Part, type PartFacts, type Place, readFacts, readPlan, type WorkPlan } from './work.ts';

export interface GrowDependencies {
  readonly store: ObjectStore;
  readonly catalogue: Pick<Catalogue, 'update'>;
  readonly clock: Clock;
  readonly announce: Announce;
  /** For assets whose upload did not say. */
  readonly earlyPlay: boolean;
}

export interface GrowOrder {
  readonly asset: Asset;
  readonly recipe: Recipe;
  readonly place: Place;
  readonly work: WorkPlan;
  readonly signal: AbortSignal;
}

/** Tells what can be played by now, after a part was made; does nothing where that is no more than before. */
export type Grow = (order: GrowOrder) => Promise<void>;

/** Facts of parts never change; those of a film of two hours are about 120. */
const rememberedFacts = 150;

export function makeGrow({ store, catalogue, clock, announce, earlyPlay }: GrowDependencies): Grow {
  const remembered = new LRUCache<string, PartFacts>({ max: rememberedFacts });
  const nowIso = (): string => new Date(clock.now()).toISOString();

  async function factsOf({ place, signal }: GrowOrder, part: Part): Promise<PartFacts | null> {
    const name = `${place.assetId}/${place.base}/${part}`;
    const facts = remembered.get(name) ?? (await readFacts(store, place, part, signal));
    if (facts) remembered.set(name, facts);
    return facts;
  }

  /** The film's first chunks, as far as they are there and fit. */
  async function chunksOf(order: GrowOrder): Promise<PartFacts[]> {
    const chunks: PartFacts[] = [];
    for (const { index } of order.work.chunks) {
      const facts = await factsOf(order, index);
      if (!facts || seamOf([...chunks.slice(-1), facts]) !== null) break;
      chunks.push(facts);
    }
    return chunks;
  }

  /** In order. */
  async function revisionsOf({ place: { assetId, version } }: GrowOrder): Promise<number[]> {
    const revisions: number[] = [];
    for await (const { key } of store.list(storeKeys.growingPrefix(assetId, version)))
      revisions.push(Number(/(\d+)\.json$/.exec(key)?.[1]));
    return revisions;
  }

  /** False where nothing more is told before the end. */
  async function write(order: GrowOrder, sound: readonly PartFacts[], chunks: readonly PartFacts[]): Promise<boolean> {
    const { place, work, recipe, signal } = order;
    const { assetId, version } = place;
    const plan = planEncode('', '', work.source, recipe);
    const grown = await growVersion(store, place, plan, { sound, chunks }, nowIso());
    if (!grown) return false;
    await uploadFiles(store, place, grown.inits, signal, () => undefined);
    const body = Buffer.from(JSON.stringify(grown.document));
    await store
      .put(storeKeys.growing(assetId, version, chunks.length), body, { ifNoneMatch: '*', signal })
      .catch((error: unknown) => {
        if (!(error instanceof ObjectStoreError && error.code === 'already-exists')) throw error;
      });
    return true;
  }

  /** Once: the asset says that it plays. */
  async function tell({ asset, place: { version }, signal }: GrowOrder): Promise<void> {
    signal.throwIfAborted();
    const plays: EarlyPlayback = { version, hls: playlistPaths.hls, since: nowIso() };
    let isNews = false;
    const changed = await catalogue.update(asset.id, (present) => {
      isNews = present.state === 'transcoding' && present.version === null && present.early?.version !== version;
      return isNews ? { ...present, early: plays, updatedAt: plays.since } : present;
    });
    if (isNews) await announce(changed, 'playable');
  }

  return async (order) => {
    const { asset, recipe, place, work, signal } = order;
    const { assetId, version } = place;
    // Who has a version already goes on with it; single files grow in the middle, and keys are given for manifests only.
    const isOffered = recipe.packaging === 'segments' && !recipe.encryption && asset.version === null;
    if (!isOffered || !(asset.earlyPlay ?? earlyPlay)) return;
    const hasSound = work.source.audioTracks.length > 0;
    const sound = hasSound ? await factsOf(order, 'sound') : null;
    if (hasSound && !sound) return;
    const chunks = await chunksOf(order);
    if (chunks.length === 0) return;
    const before = await revisionsOf(order);
    const hasMore = chunks.length > (before.at(-1) ?? 0) && (await write(order, sound ? [sound] : [], chunks));
    if (!(await readPlan(store, place, signal))) {
      await endGrowth(store, place);
      await discardVersion(store, place);
      return;
    }
    if (hasMore || before.length > 0) await tell(order);
    // A reader may just be about to read the one before the newest.
    if (hasMore)
      for (const revision of before.slice(0, -1)) await store.delete(storeKeys.growing(assetId, version, revision));
  };
}

/** Nobody begins with what was told before the end; the manifest, if there is one, says what plays. */
export async function endGrowth(
  store: Pick<ObjectStore, 'deletePrefix'>,
  { assetId, version }: Pick<Place, 'assetId' | 'version'>,
): Promise<void> {
  await store.deletePrefix(storeKeys.growingPrefix(assetId, version));
}
