import type { Asset } from '../../shared/domain/asset.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import { newAsset } from '../../shared/domain/new-asset.ts';
import { UnplayableSourceError } from '../../shared/media/unplayable.ts';
import type { Announce } from '../../shared/platform/announce.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import { Problem } from '../../shared/platform/problem.ts';
import { type Catalogue, CatalogueError } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { JobQueue } from '../../shared/ports/job-queue.ts';
import { ObjectStoreError } from '../../shared/ports/object-store.ts';
import type { ProbeStored } from './probe-stored.ts';
import type { Quota } from './quota.ts';
import { saidOf, type UploadDetails } from './upload-details.ts';

/** A whole upload, however it came; its bytes are in the object store (`storeKeys.upload`). */
export interface IncomingSource {
  /** Id of the asset that it becomes. */
  readonly id: string;
  readonly sizeBytes: number;
  /** Of the bytes that are stored, lower-case hex. */
  readonly sha256: string;
  readonly details: UploadDetails;
}

export interface AdmitDependencies {
  readonly probeStored: ProbeStored;
  readonly catalogue: Catalogue;
  readonly jobs: Pick<JobQueue, 'add'>;
  readonly quota: Pick<Quota, 'checkDuration'>;
  readonly announce: Announce;
  readonly clock: Clock;
  readonly logger: Logger;
}

export type AdmitSource = (incoming: IncomingSource) => Promise<Asset>;

/**
 * Makes an asset of an upload: look at it, write it into the catalogue, have it transcoded.
 *
 * | step      | if it fails |
 * |-----------|-------------|
 * | probe     | the stored bytes stay |
 * | catalogue | the stored bytes stay, because the entry may have been written; the sweep removes them if it was not |
 * | job       | the asset is accepted; the sweep enqueues the job |
 *
 * Doing it again with the same id returns the asset that is there. The object stays; who
 * made it removes it where it is refused.
 */
export function makeAdmitSource(dependencies: AdmitDependencies): AdmitSource {
  const { probeStored, catalogue, jobs, quota, announce, clock, logger } = dependencies;
  return async ({ id, sizeBytes, sha256, details }) => {
    if (details.sha256 && sha256 !== details.sha256) throw digestMismatch(details.sha256);
    const key = storeKeys.upload(id);
    const facts = await probeStored(key, sizeBytes).catch(refuseStore).catch(refuse);
    quota.checkDuration(facts.durationS);

    const asset = newAsset({
      id,
      ...saidOf(details),
      profile: details.profile,
      packaging: details.packaging,
      encryption: details.encryption,
      ...(details.earlyPlay === null ? {} : { earlyPlay: details.earlyPlay }),
      source: { fileName: details.fileName, sizeBytes, sha256, ...facts },
      sourceKey: key,
      createdAt: new Date(clock.now()).toISOString(),
    });
    const accepted = await create(catalogue, asset);
    await jobs.add('transcode-asset', { assetId: id }).catch((error: unknown) => {
      logger.error({ err: error, assetId: id }, 'the transcode could not be enqueued; the next sweep tries again');
    });
    await announce(accepted);
    return accepted;
  };
}

const finalRefusals: readonly string[] = ['unplayable-source', 'too-long', 'digest-mismatch', 'invalid-request'];

/** The file's fault: the same bytes will never do. */
export const isFinalRefusal = (error: unknown): boolean =>
  error instanceof Problem && finalRefusals.includes(error.code);

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
