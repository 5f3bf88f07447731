import { createReadStream } from 'node:fs';
import type { Asset } from '../../shared/domain/asset.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import { UnplayableSourceError } from '../../shared/media/unplayable.ts';
import type { Announce } from '../../shared/platform/announce.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import { Problem } from '../../shared/platform/problem.ts';
import { type Catalogue, CatalogueError } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { JobQueue } from '../../shared/ports/job-queue.ts';
import { type ObjectStore, ObjectStoreError } from '../../shared/ports/object-store.ts';
import type { Probe, ProbeStored } from './probe-stored.ts';
import type { Quota } from './quota.ts';
import type { UploadDetails } from './upload-details.ts';

/** A whole upload, however it came. */
export interface IncomingSource {
  /** Id of the asset that it becomes. */
  readonly id: string;
  /** The local file; null where the bytes are in the object store already (`storeKeys.upload`), with a known `sha256`. */
  readonly path: string | null;
  readonly sizeBytes: number;
  /** What the bytes are known to be, lower-case hex; null when nobody has computed it yet. */
  readonly sha256: string | null;
  readonly details: UploadDetails;
}

export interface AdmitDependencies {
  readonly probe: Probe;
  readonly probeStored: ProbeStored;
  readonly store: ObjectStore;
  readonly catalogue: Catalogue;
  readonly jobs: Pick<JobQueue, 'add'>;
  readonly quota: Pick<Quota, 'checkDuration'>;
  readonly announce: Announce;
  readonly clock: Clock;
  readonly logger: Logger;
}

export type AdmitSource = (incoming: IncomingSource) => Promise<Asset>;

/**
 * Makes an asset of an upload: look at it, store it, write it into the catalogue, have it transcoded.
 *
 * | step      | if it fails |
 * |-----------|-------------|
 * | probe     | nothing was stored |
 * | store     | the store is as it was before |
 * | catalogue | the stored bytes stay, because the entry may have been written; the sweep removes them if it was not |
 * | job       | the asset is accepted; the sweep enqueues the job |
 *
 * Doing it again with the same id returns the asset that is there. The local file, or the object that was
 * there before, stays; who made it removes it where it is refused.
 */
export function makeAdmitSource(dependencies: AdmitDependencies): AdmitSource {
  const { probe, probeStored, store, catalogue, jobs, quota, announce, clock, logger } = dependencies;
  return async ({ id, path, sizeBytes, sha256, details }) => {
    if (sha256 && details.sha256 && sha256 !== details.sha256) throw digestMismatch(details.sha256);
    const key = storeKeys.upload(id);
    const facts = await (path === null ? probeStored(key, sizeBytes).catch(refuseStore) : probe(path)).catch(refuse);
    quota.checkDuration(facts.durationS);
    const digest = path === null ? sha256 : await storeFile(store, key, path, sizeBytes, sha256 ?? details.sha256);
    if (digest === null) throw new Error(`${key} is stored and nobody knows its digest`);

    const now = new Date(clock.now()).toISOString();
    const asset: Asset = {
      schema: 1,
      id,
      title: details.title,
      tags: details.tags,
      state: 'uploaded',
      series: details.series,
      premiereDate: details.premiereDate,
      profile: details.profile,
      packaging: details.packaging,
      encryption: details.encryption,
      ...(details.earlyPlay === null ? {} : { earlyPlay: details.earlyPlay }),
      source: { fileName: details.fileName, sizeBytes, sha256: digest, ...facts },
      sourceKey: key,
      version: null,
      durationS: null,
      sizeBytes: null,
      failure: null,
      createdAt: now,
      updatedAt: now,
      publishedAt: null,
    };
    const accepted = await create(catalogue, asset);
    await jobs.add('transcode-asset', { assetId: id }).catch((error: unknown) => {
      logger.error({ err: error, assetId: id }, 'the transcode could not be enqueued; the next sweep tries again');
    });
    await announce(accepted);
    return accepted;
  };
}

async function storeFile(
  store: Pick<ObjectStore, 'put'>,
  key: string,
  path: string,
  sizeBytes: number,
  sha256: string | null,
): Promise<string> {
  const body = createReadStream(path, { highWaterMark: 256 * 1024 });
  const stored = await store.put(key, body, { sizeBytes, ...(sha256 ? { sha256 } : {}) }).catch(refuseStore);
  return stored.sha256;
}

async function create(catalogue: Catalogue, asset: Asset): Promise<Asset> {
  try {
    await catalogue.create(asset);
    return asset;
  } catch (error) {
    const existing =
      error instanceof CatalogueError && error.code === 'already-exists' ? await catalogue.get(asset.id) : null;
    if (existing) return existing;
    throw new Problem('not-ready', 'The catalogue cannot be reached now. Try again in a moment.', { cause: error });
  }
}

function refuse(error: unknown): never {
  if (!(error instanceof UnplayableSourceError)) throw error;
  throw new Problem('unplayable-source', error.message, {
    cause: error,
    errors: [{ at: 'file', message: error.code }],
  });
}

/** The object store's refusals, in words for who uploads. */
export function refuseStore(error: unknown): never {
  if (!(error instanceof ObjectStoreError)) throw error;
  if (error.code === 'no-space')
    throw new Problem('no-room', 'The object store is full. Free some space there, then upload again.', {
      cause: error,
    });
  if (error.code === 'digest-mismatch')
    throw new Problem(
      'digest-mismatch',
      'The bytes that arrived are not those of the announced SHA-256. Upload again.',
      {
        cause: error,
      },
    );
  if (error.code === 'unavailable')
    throw new Problem('not-ready', 'The object store cannot be reached now. Try again in a moment.', { cause: error });
  throw error;
}

const digestMismatch = (announced: string): Problem =>
  new Problem(
    'digest-mismatch',
    `The bytes that arrived do not have the announced SHA-256 ${announced}. Upload again.`,
  );
