/**
 * The use case of job `transcode-asset`: an uploaded asset becomes a published version.
 *
 * The version's id is known before anything is done, so the first question is whether its manifest, the commit, is
 * there already. Then only the catalogue is brought up to date. Otherwise everything is done from the start, in a
 * scratch folder of its own, and ends in the same bytes under the same keys. A run that is aborted leaves the asset as
 * it is, for the next one; only a deleted asset has its half version removed.
 *
 * A long source is divided among workers (`make-in-chunks.ts`). This job then ends its run and is called again when they
 * are done; what cannot be divided without a seam is made in one go, as another version.
 */
import type { Asset } from '../../shared/domain/asset.ts';
import { canTransition } from '../../shared/domain/asset.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import type { Manifest } from '../../shared/domain/manifest.ts';
import { codecsOfProfile, encoderNames } from '../../shared/media/profiles.ts';
import type { Announce } from '../../shared/platform/announce.ts';
import { type Catalogue, CatalogueError } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import {
  type JobContext,
  type JobHandler,
  JobWaitsError,
  UnrecoverableJobError,
} from '../../shared/ports/job-queue.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { failureOf, isPermanent, TranscodeRefusedError } from './failure.ts';
import { endGrowth } from './grow.ts';
import type { MakeInChunks } from './make-in-chunks.ts';
import type { MakeVersion } from './make-version.ts';
import { inOneGo, type Recipe, type RecipeSettings, recipeFor, versionIdOf, withTexts } from './recipe.ts';
import { discardVersion } from './work.ts';

export interface TranscodeDependencies {
  readonly store: ObjectStore;
  readonly catalogue: Catalogue;
  readonly documents: Pick<Documents, 'getManifest'>;
  readonly clock: Clock;
  readonly makeVersion: MakeVersion;
  readonly inChunks: MakeInChunks;
  readonly settings: TranscodeSettings;
  readonly announce: Announce;
  /** Called with a published asset whose text was changed while it was made. */
  readonly retext: (asset: Asset) => Promise<void>;
  /** Called with what ended an attempt, for the log. */
  readonly onFailure: (assetId: string, error: unknown, final: boolean) => void;
}

export interface TranscodeSettings extends RecipeSettings {
  /** The encoders that ffmpeg has. */
  readonly encoders: ReadonlySet<string>;
  /** Keep the uploaded bytes after publication. */
  readonly keepSource: boolean;
}

type Job = JobContext<'transcode-asset'>;

export function makeTranscodeAsset(dependencies: TranscodeDependencies): JobHandler<'transcode-asset'> {
  const { store, catalogue, documents, clock, makeVersion, inChunks, settings, announce, retext, onFailure } =
    dependencies;
  const nowIso = (): string => new Date(clock.now()).toISOString();

  return async (job) => {
    const { assetId } = job.payload;
    const asset = await catalogue.get(assetId);
    if (!asset || asset.state === 'deleted') throw new UnrecoverableJobError(`asset ${assetId} was deleted`);
    // Taken up again after all was done, and the source is gone: what is published stands, whatever the recipe is now.
    if (asset.state === 'published' && asset.version && asset.sourceKey === null) return { version: asset.version };
    try {
      const manifest = (await committed(asset)) ?? (await make(asset, job));
      await publish(manifest);
      return { version: manifest.version };
    } catch (error) {
      if (error instanceof JobWaitsError) throw error;
      throw await settle(asset, error, job);
    }
  };

  /** What the asset is made by: first choice, and where that is in chunks, what is done if it cannot be cut. */
  function ordersFor(asset: Asset): { readonly recipe: Recipe; readonly base: string; readonly version: string }[] {
    const recipe = recipeFor(asset, settings);
    const recipes = recipe.chunkS === undefined ? [recipe] : [recipe, inOneGo(recipe)];
    return recipes.map((one) => {
      const base = versionIdOf(asset.source.sha256, one);
      return { recipe: one, base, version: withTexts(base, asset.textTracks) };
    });
  }

  /** Before anything is fetched; what was made already needs no encoder. */
  function refuseWithoutEncoders({ profileName, profile }: Recipe): void {
    const missing = codecsOfProfile(profile)
      .map((codec) => encoderNames[codec])
      .filter((name) => !settings.encoders.has(name));
    if (missing.length === 0) return;
    throw new TranscodeRefusedError(
      'encoder-missing',
      `The profile "${profileName}" needs ${missing.join(' and ')}, which the transcode worker's ffmpeg does not have. Install an ffmpeg that has it there (nightfill doctor tells) and restart the worker, or choose another profile; then upload the file again.`,
    );
  }

  /** Published with text that was changed since: what is left to do needs no encoder. */
  async function publishedFrom({ id, state, version }: Asset, base: string): Promise<Manifest | null> {
    const manifest = state === 'published' && version ? await documents.getManifest(id, version) : null;
    return manifest && (manifest.base ?? manifest.version) === base ? manifest : null;
  }

  async function committed(asset: Asset): Promise<Manifest | null> {
    for (const { base, version } of ordersFor(asset)) {
      const manifest = (await documents.getManifest(asset.id, version)) ?? (await publishedFrom(asset, base));
      if (manifest) return manifest;
    }
    return null;
  }

  async function make(asset: Asset, job: Job): Promise<Manifest> {
    const { signal } = job;
    refuseWithoutEncoders(recipeFor(asset, settings));
    await changeState(asset.id, { state: 'transcoding', failure: null });
    const orders = ordersFor(asset);
    for (const { recipe, version } of orders) {
      const order = { asset, version, recipe, signal };
      if (recipe.chunkS !== undefined) {
        const manifest = await inChunks.make(order, job.children);
        if (manifest) return manifest;
      } else {
        if (orders.length === 1) await catalogue.clearProgress(asset.id);
        return makeVersion(order);
      }
    }
    throw new Error('no way to make a version');
  }

  /** The catalogue names the version only after its manifest is there; the source goes last. */
  async function publish({
    assetId,
    version,
    base = version,
    durationS,
    sizeBytes,
    renditions,
  }: Manifest): Promise<void> {
    const now = nowIso();
    const asset = await changeState(assetId, {
      state: 'published',
      version,
      durationS,
      sizeBytes,
      failure: null,
      early: null,
      publishedAt: now,
    });
    await store.deletePrefix(storeKeys.workPrefix(assetId));
    await endGrowth(store, { assetId, version });
    const done = Object.fromEntries(renditions.map(({ id }) => [id, 1]));
    await catalogue.setProgress(assetId, { stage: 'done', fraction: 1, renditions: done, speed: null }).catch(() => {});
    if (withTexts(base, asset.textTracks) !== version) await retext(asset);
    if (asset.sourceKey === null || settings.keepSource) return;
    await store.delete(asset.sourceKey);
    await catalogue.update(assetId, (present) => ({ ...present, sourceKey: null }));
  }

  /** @throws AssetGoneError when the asset was deleted meanwhile. */
  async function changeState(assetId: string, change: Partial<Asset> & Pick<Asset, 'state'>): Promise<Asset> {
    let before: Asset['state'] | null = null;
    const changed = await catalogue.update(assetId, (asset) => {
      if (asset.state === 'deleted') throw new AssetGoneError(assetId);
      before = asset.state;
      if (isPublishedAs(asset, change)) return asset;
      if (!canTransition(asset.state, change.state))
        throw new Error(`asset ${assetId} cannot go from ${asset.state} to ${change.state}`);
      return { ...asset, ...change, updatedAt: nowIso() };
    });
    // What is published is told again where the first telling may have been lost; it is one event all the same.
    if (before !== changed.state || changed.state === 'published') await announce(changed);
    return changed;
  }

  /** What the queue is told, after the catalogue was told. */
  async function settle(asset: Asset, error: unknown, job: Job): Promise<unknown> {
    const present = await catalogue.get(asset.id).catch(() => asset);
    if (!present || present.state === 'deleted') {
      await discard(asset);
      // Whoever deleted it may have been here before a manifest was written, which `discard` would take for a commit.
      if (!present) await store.deletePrefix(storeKeys.mediaPrefix(asset.id));
      return new UnrecoverableJobError(`asset ${asset.id} was deleted`, { cause: error });
    }
    if (job.signal.aborted) return job.signal.reason;
    const permanent = isPermanent(error);
    const final = permanent || job.lastAttempt;
    onFailure(asset.id, error, final);
    if (!final) return error;
    const failure = failureOf(error);
    await changeState(asset.id, { state: 'failed', failure, early: null }).catch((cause: unknown) =>
      onFailure(asset.id, cause, false),
    );
    await discard(asset).catch((cause: unknown) => onFailure(asset.id, cause, false));
    return new UnrecoverableJobError(`${failure.code}: ${failure.reason}`, { cause: error });
  }

  /** None where nothing can have been made. */
  function ordersIfAny(asset: Asset): ReturnType<typeof ordersFor> {
    try {
      return ordersFor(asset);
    } catch (error) {
      if (error instanceof TranscodeRefusedError) return [];
      throw error;
    }
  }

  /** Stops those that still work on it, and removes what they made. */
  async function discard(asset: Asset): Promise<void> {
    for (const { recipe, base, version } of ordersIfAny(asset)) {
      if (recipe.chunkS === undefined) await discardVersion(store, { assetId: asset.id, base, version });
      else await inChunks.discard({ assetId: asset.id, base, version });
    }
  }
}

/** The same publication once more, by a job that was taken up again after it. */
const isPublishedAs = (asset: Asset, change: Partial<Asset>): boolean =>
  change.state === 'published' && asset.state === 'published' && asset.version === change.version;

class AssetGoneError extends CatalogueError {
  constructor(assetId: string) {
    super('not-found', `asset ${assetId} was deleted`);
  }
}
