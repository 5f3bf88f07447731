/**
 * A long film, divided among workers and joined.
 *
 * prepare: the source is looked at and the cuts are written down → children: a job for each chunk's picture and one for
 * all sound, while this job holds no worker → join: their facts are read, and what is published is put together without
 * reading the media again, but for what is checked and for single files.
 *
 * Every step may be done again by another worker: the plan is written once, parts that are done stay done, and the
 * manifest is the commit.
 */
import { join } from 'node:path';
import type { SourceText } from '../../shared/domain/asset.ts';
import type { Manifest } from '../../shared/domain/manifest.ts';
import { jobMap } from '../../shared/jobs/map.ts';
import { probeSource } from '../../shared/media/probe.ts';
import { type Catalogue, CatalogueError } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import type { JobContext, JobQueue } from '../../shared/ports/job-queue.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import type { ContentSecret } from '../../shared/tokens/content-keys.ts';
import { planChunks } from './chunks.ts';
import { partFailureOf } from './failure.ts';
import { sourceOf } from './fetch-source.ts';
import { joinTrack, seamOf } from './join.ts';
import { planEncode } from './plan.ts';
import { makeProgressReporter, type ProgressReporter } from './progress.ts';
import { publishVersion, type VersionOrder } from './publish-version.ts';
import { versionIdOf } from './recipe.ts';
import type { Scratch } from './scratch.ts';
import { unseekable } from './seek-check.ts';
import type { SourceCache } from './source-cache.ts';
import { textsOfSource, textsOfVersion } from './text/version-texts.ts';
import {
  discardVersion,
  type Part,
  type PartFacts,
  type Place,
  readFacts,
  readPlan,
  WorkDamagedError,
  type WorkPlace,
  type WorkPlan,
  writePlan,
} from './work.ts';

export interface MakeInChunksDependencies {
  readonly store: ObjectStore;
  readonly catalogue: Pick<Catalogue, 'update' | 'setProgress' | 'clearProgress'>;
  readonly documents: Pick<Documents, 'getManifest' | 'putManifest'>;
  readonly jobs: Pick<JobQueue, 'cancel'>;
  readonly clock: Clock;
  readonly scratch: Pick<Scratch, 'withFolder'>;
  readonly sources: Pick<SourceCache, 'withSource'>;
  readonly ffmpegPath: string;
  readonly ffprobePath: string;
  readonly contentSecrets: readonly ContentSecret[];
  /** Told why a source is encoded in one go after all. */
  readonly onUncuttable: (assetId: string, reason: string) => void;
  /** Told of a subtitle track of the source that could not be read, for the log. */
  readonly onTextSkipped?: (assetId: string, track: SourceText, error: unknown) => void;
}

export interface MakeInChunks {
  /** Null when the source cannot be cut without a seam; nothing is left of the attempt then. */
  make(order: VersionOrder, children: JobContext<'transcode-asset'>['children']): Promise<Manifest | null>;
  /** Stops the workers of a version that will not be, and removes what they made. */
  discard(place: Place): Promise<void>;
}

export function makeMakeInChunks(dependencies: MakeInChunksDependencies): MakeInChunks {
  const { store, catalogue, jobs, clock, scratch, sources, ffmpegPath, ffprobePath, onUncuttable, onTextSkipped } =
    dependencies;

  const reporterOf = ({ asset }: VersionOrder, ids: readonly string[]): ProgressReporter =>
    makeProgressReporter(ids, clock.now, (progress) => catalogue.setProgress(asset.id, progress));

  return {
    async make(order, children) {
      const { asset, recipe, signal } = order;
      const work = { assetId: asset.id, base: versionIdOf(asset.source.sha256, recipe) };
      const giveUp = async (reason: string): Promise<null> => {
        onUncuttable(asset.id, reason);
        await discard({ ...work, version: order.version });
        return null;
      };
      const prepared = (await readPlan(store, work, signal)) ?? (await prepare(order, work));
      if ('uncuttable' in prepared) return giveUp(prepared.uncuttable);

      const parts = partsOf(prepared);
      const ended = await children(
        'encode-chunk',
        parts.map((part) => ({ assetId: asset.id, version: work.base, part })),
      );
      const flaw = ended.find(({ result }) => result?.uncuttable)?.result?.uncuttable;
      if (flaw) return giveUp(flaw);
      const failed = ended.find(({ state }) => state === 'failed');
      if (failed) throw partFailureOf(failed.failure);
      return joinParts(order, work, prepared, giveUp);
    },
    discard,
  };

  async function prepare(order: VersionOrder, place: WorkPlace): Promise<WorkPlan | { readonly uncuttable: string }> {
    const { asset, version, recipe, signal } = order;
    await catalogue.clearProgress(asset.id);
    const fetching = reporterOf(order, []);
    fetching.stage('download');
    const onShare = (share: number): void => fetching.stage('download', share);
    return sources.withSource(sourceOf(asset), { signal, onShare }, async (inputPath) => {
      await fetching.flush();
      const source = await probeSource(inputPath, { signal, ffprobePath, isWhole: true });
      const { ladder, recipe: planned } = planEncode(inputPath, '', source, recipe);
      const chunks = ladder ? planChunks(source.durationS, ladder, planned) : [];
      if (chunks.length < 2) return { uncuttable: 'it is shorter than was thought' };
      const farthestS = recipe.chunkS ?? 0;
      const flaw = await unseekable(inputPath, chunks, { ffprobePath, signal, farthestS });
      if (flaw !== null) return { uncuttable: flaw };
      const { ofSource } = await scratch.withFolder((dir) =>
        textsOfSource(store, asset, inputPath, source.textTracks, {
          dir: join(dir, 'text'),
          ffmpegPath,
          signal,
          onSkipped: (track, error) => onTextSkipped?.(asset.id, track, error),
        }),
      );
      const plan: WorkPlan = { version, textTracks: asset.textTracks ?? [], sourceTexts: ofSource, source, chunks };
      await writePlan(store, place, plan, signal);
      return plan;
    });
  }

  async function joinParts(
    asked: VersionOrder,
    place: WorkPlace,
    work: WorkPlan,
    giveUp: (reason: string) => Promise<null>,
  ): Promise<Manifest | null> {
    // Text that was changed since the plan was made makes another version, which comes after this one.
    const asset = { ...asked.asset, textTracks: work.textTracks };
    const order = { ...asked, asset, version: work.version };
    const { recipe, signal } = order;
    const facts = await allFacts(place, work, signal);
    if (!facts) return giveUp('a part that was done is not there any more');
    const chunks = facts.slice(-work.chunks.length);
    const seam = seamOf(chunks);
    if (seam !== null) return giveUp(seam);
    const sound = facts.slice(0, -work.chunks.length);
    const texts = await textsOfVersion(store, asset, work);
    return scratch.withFolder(async (dir) => {
      const plan = planEncode('', dir, work.source, recipe);
      return publishVersion(order, plan, work.source, {
        ...dependencies,
        progress: reporterOf(
          order,
          [...plan.video, ...plan.audio].map(({ id }) => id),
        ),
        texts,
        previewsDir: join(dir, 'previews'),
        encoded: async (output) => joinTrack(store, 'track' in output ? sound : chunks, output.id),
      });
    });
  }

  /** Of all parts in their order; null when one is missing or damaged. */
  async function allFacts(place: WorkPlace, work: WorkPlan, signal: AbortSignal): Promise<PartFacts[] | null> {
    const found: PartFacts[] = [];
    for (const part of partsOf(work)) {
      const facts = await readFacts(store, place, part, signal).catch((error: unknown) => {
        if (error instanceof WorkDamagedError) return null;
        throw error;
      });
      if (!facts) return null;
      found.push(facts);
    }
    return found;
  }

  /** Nobody begins any more what will not be finished. */
  async function withdraw(assetId: string): Promise<void> {
    await catalogue
      .update(assetId, (asset) => (asset.early ? { ...asset, early: null } : asset))
      .catch((error: unknown) => {
        if (!(error instanceof CatalogueError && error.code === 'not-found')) throw error;
      });
  }

  async function discard(place: Place): Promise<void> {
    const signal = AbortSignal.timeout(30_000);
    const { assetId, base } = place;
    const work = await readPlan(store, place, signal).catch(() => null);
    for (const part of work ? partsOf(work) : [])
      await jobs.cancel('encode-chunk', jobMap['encode-chunk'].id({ assetId, version: base, part }));
    const version = work?.version ?? place.version;
    await discardVersion(store, { ...place, version });
    await withdraw(assetId);
  }
}

const partsOf = ({ chunks, source }: WorkPlan): Part[] => [
  ...(source.audioTracks.length > 0 ? (['sound'] as const) : []),
  ...chunks.map(({ index }) => index),
];
