/**
 * The use case of job `transcode-asset`: an uploaded asset becomes a published version.
 *
 * The version's id is known before anything is done, so the first question is whether its manifest, the commit, is
 * there already. Then only the catalogue is brought up to date. Otherwise everything is done from the start, in a
 * scratch folder of its own, and ends in the same bytes under the same keys. A run that is aborted leaves the asset as
 * it is, for the next one; only a deleted asset has its half version removed.
 */
import type { Asset } from '../../shared/domain/asset.ts';
import { canTransition } from '../../shared/domain/asset.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import type { Manifest } from '../../shared/domain/manifest.ts';
import { codecsOfProfile, encoderNames, findProfile, profileNames } from '../../shared/media/profiles.ts';
import type { Announce } from '../../shared/platform/announce.ts';
import { type Catalogue, CatalogueError } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import { type JobContext, type JobHandler, UnrecoverableJobError } from '../../shared/ports/job-queue.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { failureOf, isPermanent, TranscodeRefusedError } from './failure.ts';
import type { MakeVersion } from './make-version.ts';
import { gopSecondsFor, packager, type Recipe, versionIdOf, withTexts } from './recipe.ts';

export interface TranscodeDependencies {
  readonly store: ObjectStore;
  readonly catalogue: Catalogue;
  readonly documents: Pick<Documents, 'getManifest'>;
  readonly clock: Clock;
  readonly makeVersion: MakeVersion;
  readonly settings: TranscodeSettings;
  readonly announce: Announce;
  /** Called with a published asset whose text was changed while it was made. */
  readonly retext: (asset: Asset) => Promise<void>;
  /** Called with what ended an attempt, for the log. */
  readonly onFailure: (assetId: string, error: unknown, final: boolean) => void;
}

export interface TranscodeSettings {
  /** As ffmpeg names itself. */
  readonly encoder: string;
  /** The encoders that it has. */
  readonly encoders: ReadonlySet<string>;
  readonly segmentS: number;
  /** Keep the uploaded bytes after publication. */
  readonly keepSource: boolean;
}

type Job = JobContext<'transcode-asset'>;

export function makeTranscodeAsset(dependencies: TranscodeDependencies): JobHandler<'transcode-asset'> {
  const { store, catalogue, documents, clock, makeVersion, settings, announce, retext, onFailure } = dependencies;
  const nowIso = (): string => new Date(clock.now()).toISOString();

  return async (job) => {
    const { assetId } = job.payload;
    const asset = await catalogue.get(assetId);
    if (!asset || asset.state === 'deleted') throw new UnrecoverableJobError(`asset ${assetId} was deleted`);
    // Taken up again after all was done, and the source is gone: what is published stands, whatever the recipe is now.
    if (asset.state === 'published' && asset.version && asset.sourceKey === null) return { version: asset.version };
    try {
      const recipe = recipeOf(asset);
      const base = versionIdOf(asset.source.sha256, recipe);
      const version = withTexts(base, asset.textTracks);
      const manifest =
        (await documents.getManifest(assetId, version)) ??
        (await publishedFrom(asset, base)) ??
        (await make(asset, version, recipe, job));
      await publish(manifest);
      return { version: manifest.version };
    } catch (error) {
      throw await settle(asset, error, job);
    }
  };

  function recipeOf({ profile: profileName, packaging = 'segments' }: Asset): Recipe {
    const profile = findProfile(profileName);
    if (!profile)
      throw new TranscodeRefusedError(
        'unknown-profile',
        `There is no profile "${profileName}". Upload again with one of: ${profileNames.join(', ')}.`,
      );
    const { encoder, segmentS } = settings;
    return { profileName, profile, packaging, packager, encoder, segmentS, gopS: gopSecondsFor(segmentS) };
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

  async function make(asset: Asset, version: string, recipe: Recipe, job: Job): Promise<Manifest> {
    refuseWithoutEncoders(recipe);
    await changeState(asset.id, { state: 'transcoding', failure: null });
    await catalogue.clearProgress(asset.id);
    return makeVersion({ asset, version, recipe, signal: job.signal });
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
      publishedAt: now,
    });
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
      await removeVersion(asset);
      return new UnrecoverableJobError(`asset ${asset.id} was deleted`, { cause: error });
    }
    if (job.signal.aborted) return job.signal.reason;
    const permanent = isPermanent(error);
    const final = permanent || job.lastAttempt;
    onFailure(asset.id, error, final);
    if (!final) return error;
    const failure = failureOf(error);
    await changeState(asset.id, { state: 'failed', failure }).catch((cause: unknown) =>
      onFailure(asset.id, cause, false),
    );
    return new UnrecoverableJobError(`${failure.code}: ${failure.reason}`, { cause: error });
  }

  async function removeVersion(asset: Asset): Promise<void> {
    if (!findProfile(asset.profile)) return;
    const version = withTexts(versionIdOf(asset.source.sha256, recipeOf(asset)), asset.textTracks);
    await store.deletePrefix(storeKeys.mediaPrefix(asset.id, version));
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
