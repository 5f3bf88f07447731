import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Asset, SourceText } from '../../shared/domain/asset.ts';
import type { Manifest } from '../../shared/domain/manifest.ts';
import { probeSource } from '../../shared/media/probe.ts';
import { UnplayableSourceError } from '../../shared/media/unplayable.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { refuseNotConformant } from './conformance.ts';
import { encode } from './encode.ts';
import { TranscodeRefusedError } from './failure.ts';
import { fetchSource } from './fetch-source.ts';
import { packageAsset } from './package.ts';
import { planEncode } from './plan.ts';
import { makeProgressReporter } from './progress.ts';
import { makeManifest, uploadFiles } from './publish.ts';
import { type Recipe, versionIdOf } from './recipe.ts';
import type { Scratch } from './scratch.ts';
import { addText } from './text/add-text.ts';
import { textFacts, textsOfSource } from './text/version-texts.ts';

export interface MakeVersionDependencies {
  readonly store: ObjectStore;
  readonly catalogue: Pick<Catalogue, 'setProgress'>;
  readonly documents: Pick<Documents, 'getManifest' | 'putManifest'>;
  readonly clock: Clock;
  readonly scratch: Pick<Scratch, 'withFolder'>;
  /** Runs of ffmpeg at once for one asset. */
  readonly encodeRuns: number;
  readonly ffmpegPath: string;
  readonly ffprobePath: string;
  /** Told of a subtitle track of the source that could not be read, for the log. */
  readonly onTextSkipped?: (assetId: string, track: SourceText, error: unknown) => void;
}

export interface VersionOrder {
  readonly asset: Asset;
  readonly version: string;
  readonly recipe: Recipe;
  readonly signal: AbortSignal;
}

export type MakeVersion = (order: VersionOrder) => Promise<Manifest>;

/**
 * Source in the store → version in the store, its manifest last. Nothing is visible to viewers before that, and nothing
 * stays in the scratch folder after it, however it ends.
 */
export function makeMakeVersion(dependencies: MakeVersionDependencies): MakeVersion {
  const { store, catalogue, documents, clock, scratch, encodeRuns, ffmpegPath, ffprobePath } = dependencies;

  return ({ asset, version, recipe, signal }) =>
    scratch.withFolder(async (dir) => {
      const inputPath = join(dir, 'source');
      const report = (ids: readonly string[]) =>
        makeProgressReporter(ids, clock.now, (progress) => catalogue.setProgress(asset.id, progress));

      const fetching = report([]);
      fetching.stage('download');
      await fetchSource(store, sourceOf(asset), inputPath, signal, (share) => fetching.stage('download', share));
      await fetching.flush();

      // The bytes are asked again rather than the document: what is encoded must fit what is there.
      const source = await probeSource(inputPath, { signal, ffprobePath });
      const encodedDir = join(dir, 'encoded');
      const plan = planEncode(inputPath, encodedDir, source, recipe);
      const progress = report([...plan.video, ...plan.audio].map(({ id }) => id));
      progress.stage('encode');
      await mkdir(encodedDir);
      await encode(plan, { ffmpegPath, runs: encodeRuns, signal, onProgress: progress.encoded });

      progress.stage('package');
      const texts = await textsOfSource(store, asset, inputPath, source.textTracks, {
        dir: join(dir, 'text'),
        ffmpegPath,
        signal,
        onSkipped: (track, error) => dependencies.onTextSkipped?.(asset.id, track, error),
      });
      const packaged = await addText(
        await packageAsset(plan, { dir: join(dir, 'previews'), ffmpegPath, signal }),
        texts.shown,
        recipe.packaging,
      );
      checkDuration(packaged.durationS, source.durationS);
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
    });
}

function sourceOf({ sourceKey, source }: Asset): Parameters<typeof fetchSource>[1] {
  if (sourceKey === null)
    throw new TranscodeRefusedError(
      'source-missing',
      'The uploaded bytes were deleted already. Upload the file again.',
    );
  return { key: sourceKey, sizeBytes: source.sizeBytes, sha256: source.sha256 };
}

/** ffmpeg reads a file that was cut off, or whose middle is missing, to where it can and reports success. */
function checkDuration(encodedS: number, expectedS: number): void {
  const missingS = expectedS - encodedS;
  if (missingS > Math.max(1, Math.min(10, expectedS * 0.02)))
    throw new UnplayableSourceError(
      'truncated',
      `The file says that it lasts ${expectedS.toFixed(1)} s, but only ${encodedS.toFixed(1)} s could be decoded; it was cut off or is damaged. Upload the whole file.`,
    );
  if (-missingS > Math.max(10, expectedS * 0.2))
    throw new UnplayableSourceError(
      'not-decodable',
      `The file says that it lasts ${expectedS.toFixed(1)} s, but its time stamps run to ${encodedS.toFixed(1)} s or more. Re-export it and upload that.`,
    );
}
