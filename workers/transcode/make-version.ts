import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SourceText } from '../../shared/domain/asset.ts';
import type { Manifest } from '../../shared/domain/manifest.ts';
import { probeSource } from '../../shared/media/probe.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import type { ContentSecret } from '../../shared/tokens/content-keys.ts';
import { encode } from './encode.ts';
import { fetchSource, sourceOf } from './fetch-source.ts';
import { planEncode } from './plan.ts';
import { makeProgressReporter } from './progress.ts';
import { publishVersion, type VersionOrder } from './publish-version.ts';
import type { Scratch } from './scratch.ts';
import { textsOfSource } from './text/version-texts.ts';

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
  readonly contentSecrets: readonly ContentSecret[];
  /** Told of a subtitle track of the source that could not be read, for the log. */
  readonly onTextSkipped?: (assetId: string, track: SourceText, error: unknown) => void;
}

export type MakeVersion = (order: VersionOrder) => Promise<Manifest>;

/**
 * Source in the store → version in the store, its manifest last. Nothing is visible to viewers before that, and nothing
 * stays in the scratch folder after it, however it ends.
 */
export function makeMakeVersion(dependencies: MakeVersionDependencies): MakeVersion {
  const { store, catalogue, clock, scratch, encodeRuns, ffmpegPath, ffprobePath } = dependencies;

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
      const source = await probeSource(inputPath, { signal, ffprobePath, isWhole: true });
      const encodedDir = join(dir, 'encoded');
      const plan = planEncode(inputPath, encodedDir, source, recipe);
      const progress = report([...plan.video, ...plan.audio].map(({ id }) => id));
      progress.stage('encode');
      await mkdir(encodedDir);
      await encode(plan, { ffmpegPath, runs: encodeRuns, signal, onProgress: progress.encoded });

      const texts = await textsOfSource(store, asset, inputPath, source.textTracks, {
        dir: join(dir, 'text'),
        ffmpegPath,
        signal,
        onSkipped: (track, error) => dependencies.onTextSkipped?.(asset.id, track, error),
      });
      return publishVersion({ asset, version, recipe, signal }, plan, source, {
        ...dependencies,
        texts,
        progress,
        previewsDir: join(dir, 'previews'),
      });
    });
}
