/**
 * The use case of job `encode-chunk`: one part of a long film, by whichever worker is free.
 *
 * Its facts in the store are the commit: a part that has them is not made again. A run that is aborted because its worker
 * closes leaves what it stored, for the next one, which overwrites it with the same bytes; one that is cancelled belongs
 * to a version that will not be, and removes it.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Asset } from '../../shared/domain/asset.ts';
import { UnplayableSourceError } from '../../shared/media/unplayable.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import {
  JobAbortedError,
  type JobContext,
  type JobHandler,
  UnrecoverableJobError,
} from '../../shared/ports/job-queue.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { encodePart } from './encode-part.ts';
import { failureOf, isPermanent, WorkersDifferError } from './failure.ts';
import { sourceOf } from './fetch-source.ts';
import type { Grow } from './grow.ts';
import { makePartReporter } from './part-progress.ts';
import { planEncode } from './plan.ts';
import { type RecipeSettings, recipeFor, versionIdOf } from './recipe.ts';
import type { Scratch } from './scratch.ts';
import type { SourceCache } from './source-cache.ts';
import { discardVersion, type PartFacts, type Place, readFacts, readPlan, type WorkPlan, writeFacts } from './work.ts';

export interface EncodeChunkDependencies {
  readonly store: ObjectStore;
  readonly catalogue: Pick<Catalogue, 'get' | 'setProgress' | 'setPartProgress'>;
  readonly clock: Clock;
  readonly scratch: Pick<Scratch, 'withFolder'>;
  readonly sources: Pick<SourceCache, 'withSource'>;
  readonly settings: RecipeSettings;
  readonly encodeRuns: number;
  readonly ffmpegPath: string;
  readonly grow: Grow;
  readonly onFailure: (assetId: string, error: unknown, final: boolean) => void;
}

type Job = JobContext<'encode-chunk'>;

export function makeEncodeChunk(dependencies: EncodeChunkDependencies): JobHandler<'encode-chunk'> {
  const { store, catalogue, clock, scratch, sources, settings, encodeRuns, ffmpegPath, grow, onFailure } = dependencies;

  return async (job) => {
    const { payload, signal } = job;
    const { assetId, version: base, part } = payload;
    const work = await readPlan(store, { assetId, base }, signal).catch(() => null);
    const place = { assetId, base, version: work?.version ?? base };
    try {
      const asset = await assetOf(job);
      const facts = (await readFacts(store, place, part, signal)) ?? (await make(asset, work, place, job));
      if (work) await tellOfGrowth(asset, work, place, job);
      // Deleted while the last bytes were stored: whoever deleted them may have been too early.
      await assetOf(job);
      return { uncuttable: facts.uncuttable };
    } catch (error) {
      throw await settle(error, place, job);
    }
  };

  async function assetOf({ payload: { assetId } }: Job): Promise<Asset> {
    const asset = await catalogue.get(assetId);
    if (asset?.state === 'transcoding') return asset;
    throw new AbandonedError(assetId);
  }

  async function make(asset: Asset, work: WorkPlan | null, place: Place, { payload, signal }: Job): Promise<PartFacts> {
    const { part } = payload;
    const recipe = recipeFor(asset, settings);
    if (versionIdOf(asset.source.sha256, recipe) !== payload.version) throw new WorkersDifferError();
    if (!work) throw new AbandonedError(asset.id);
    const chunk = part === 'sound' ? null : work.chunks[part];
    if (chunk === undefined) throw new Error(`there is no chunk ${part}`);

    const facts = await sources.withSource(sourceOf(asset), { signal }, (inputPath) =>
      scratch.withFolder(async (dir) => {
        const encodedDir = join(dir, 'encoded');
        await mkdir(encodedDir);
        const plan = planEncode(inputPath, encodedDir, work.source, recipe);
        const ids = { video: plan.video.map(({ id }) => id), audio: plan.audio.map(({ id }) => id) };
        const reporter = makePartReporter({ catalogue, clock, assetId: asset.id, part, plan: work, ids });
        const onProgress = reporter.encoded;
        const options = { store, place, dir, ffmpegPath, runs: encodeRuns, signal, onProgress };
        const made = await encodePart(plan, chunk, options).catch(uncuttable);
        await reporter.done();
        return made;
      }),
    );
    await writeFacts(store, place, part, facts, signal);
    return facts;
  }

  /** A part that is done is done; whoever makes the next one tells of it as well. */
  async function tellOfGrowth(asset: Asset, work: WorkPlan, place: Place, { signal }: Job): Promise<void> {
    const recipe = recipeFor(asset, settings);
    // A part that another worker made, taken up by one that would have cut it otherwise.
    if (versionIdOf(asset.source.sha256, recipe) !== place.base) return;
    await grow({ asset, recipe, place, work, signal }).catch((error: unknown) => {
      signal.throwIfAborted();
      onFailure(asset.id, error, false);
    });
  }

  async function settle(error: unknown, place: Place, { payload, signal, lastAttempt }: Job): Promise<unknown> {
    const cancelled = signal.reason instanceof JobAbortedError && signal.reason.code === 'cancelled';
    if (cancelled || error instanceof AbandonedError) {
      await discardVersion(store, place);
      return new UnrecoverableJobError(`the version ${payload.version} is not wanted any more`, { cause: error });
    }
    if (signal.aborted) return signal.reason;
    const final = isPermanent(error) || lastAttempt;
    onFailure(payload.assetId, error, final);
    if (!final) return error;
    const { code, reason } = failureOf(error);
    return new UnrecoverableJobError(`${code}: ${reason}`, { cause: error });
  }
}

/** Whether it is the file's fault or that of reading it from the middle, the whole encode finds out. */
function uncuttable(error: unknown): PartFacts {
  if (!(error instanceof UnplayableSourceError)) throw error;
  return { uncuttable: error.message, hashes: { start: [], end: [] }, renditions: [] };
}

class AbandonedError extends Error {
  constructor(assetId: string) {
    super(`asset ${assetId} is not being transcoded`);
  }
}
