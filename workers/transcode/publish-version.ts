/** From encoded renditions, wherever they lie, to a version in the store: packaged, checked, uploaded, its manifest last. */
import type { Asset } from '../../shared/domain/asset.ts';
import type { Manifest } from '../../shared/domain/manifest.ts';
import type { ProbedSource } from '../../shared/media/probe.ts';
import { UnplayableSourceError } from '../../shared/media/unplayable.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import type { ContentSecret } from '../../shared/tokens/content-keys.ts';
import { refuseNotConformant } from './conformance.ts';
import type { EncodeOutput, EncodePlan } from './encode-args.ts';
import { packageAsset } from './package.ts';
import type { ProgressReporter } from './progress.ts';
import { makeManifest, uploadFiles } from './publish.ts';
import { type Recipe, versionIdOf } from './recipe.ts';
import type { EncodedTrack } from './rendition.ts';
import { makeSealing, type Sealing } from './seal.ts';
import { addText } from './text/add-text.ts';
import { textFacts, type VersionTexts } from './text/version-texts.ts';

export interface VersionOrder {
  readonly asset: Asset;
  readonly version: string;
  readonly recipe: Recipe;
  readonly signal: AbortSignal;
}

export interface PublishOptions {
  readonly store: Pick<ObjectStore, 'put'>;
  readonly documents: Pick<Documents, 'getManifest' | 'putManifest'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly ffmpegPath: string;
  readonly progress: ProgressReporter;
  readonly texts: VersionTexts;
  /** Of the worker; must not be there yet. */
  readonly previewsDir: string;
  /** Where each rendition lies; by default in the local file that the plan names. */
  readonly encoded?: (output: EncodeOutput) => Promise<EncodedTrack | null>;
  readonly contentSecrets: readonly ContentSecret[];
}

/** @throws UnplayableSourceError, NotConformantError; the signal's reason. */
export async function publishVersion(
  { asset, version, recipe, signal }: VersionOrder,
  plan: EncodePlan,
  expected: Pick<ProbedSource, 'durationS' | 'clockS'>,
  { store, documents, clock, ffmpegPath, progress, texts, previewsDir, encoded, contentSecrets }: PublishOptions,
): Promise<Manifest> {
  progress.stage('package');
  const media = await packageAsset(
    plan,
    { dir: previewsDir, ffmpegPath, signal },
    encoded,
    sealingOf(asset, recipe, contentSecrets),
  );
  const packaged = await addText(media, texts.shown, recipe.packaging);
  checkDuration(packaged.durationS, expected);
  await refuseNotConformant(packaged, signal);

  progress.stage('upload');
  await uploadFiles(store, { assetId: asset.id, version }, packaged.files, signal, (share) =>
    progress.stage('upload', share),
  );
  progress.stage('publish');
  signal.throwIfAborted();
  const manifest: Manifest = {
    ...makeManifest(asset, version, recipe, packaged, new Date(clock.now()).toISOString()),
    ...textFacts(version, versionIdOf(asset.source.sha256, recipe), texts.ofSource),
  };
  const first = await documents.putManifest(manifest);
  await progress.flush();
  return first ? manifest : ((await documents.getManifest(asset.id, version)) ?? manifest);
}

/** By keys of the version without uploaded text, whose media all versions with some share. */
function sealingOf({ id, source }: Asset, recipe: Recipe, secrets: readonly ContentSecret[]): Sealing | null {
  const { encryption } = recipe;
  if (!encryption) return null;
  const secret = secrets.find((known) => known.id === encryption.secretId);
  if (!secret) throw new Error(`the content secret ${encryption.secretId} is gone`);
  return makeSealing(encryption.scheme, secret, { assetId: id, version: versionIdOf(source.sha256, recipe) });
}

/** ffmpeg reads a file that was cut off, or whose middle is missing, to where it can and reports success. */
function checkDuration(
  encodedS: number,
  { durationS, clockS = durationS }: Pick<ProbedSource, 'durationS' | 'clockS'>,
) {
  // Where the clock jumps, neither is exact.
  const [expectedS, mostS] = [Math.min(durationS, clockS), Math.max(durationS, clockS)];
  const missingS = expectedS - encodedS;
  if (missingS > Math.max(1, Math.min(10, expectedS * 0.02)))
    throw new UnplayableSourceError(
      'truncated',
      `The file says that it lasts ${expectedS.toFixed(1)} s, but only ${encodedS.toFixed(1)} s could be decoded; it was cut off or is damaged. Upload the whole file.`,
    );
  if (encodedS - mostS > Math.max(10, mostS * 0.2))
    throw new UnplayableSourceError(
      'not-decodable',
      `The file says that it lasts ${mostS.toFixed(1)} s, but its time stamps run to ${encodedS.toFixed(1)} s or more. Re-export it and upload that.`,
    );
}
