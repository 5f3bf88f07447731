import type { DataStore } from '@tus/server';
import type { Asset } from '../../shared/domain/asset.ts';
import { isId, storeKeys } from '../../shared/domain/keys.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import { Problem } from '../../shared/platform/problem.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import type { PartUploads } from '../../shared/ports/part-uploads.ts';
import { type AdmitSource, isFinalRefusal, refuseStore } from './admit-source.ts';
import { digestOfStored } from './stored-digest.ts';
import { TusStore } from './tus-store.ts';
import { type GivenDetails, readUploadDetails } from './upload-details.ts';
import { isWhole, makeUploadRecords, receivedBytes, type UploadRecord } from './upload-records.ts';

/**
 * Resumable uploads on their way to an asset. Their bytes go straight into the object store, in parts (see `TusStore`).
 *
 * | phase    | in the object store | catalogue | ends when |
 * |----------|---------------------|-----------|-----------|
 * | open     | a record, parts     | nothing   | the last byte arrives, the client deletes it, or it expires |
 * | complete | a record, all parts or the object of them | nothing | `finish` makes the asset, or refuses the file and removes it |
 * | finished | a record, the object | an asset of the same id | `remove`, once the answer was made |
 *
 * A process that dies in any phase finds the upload in the same phase again; `sweep` takes it on from there.
 */
export interface TusUploads {
  readonly store: DataStore;
  /** The upload as it was last saved; null when there is none. */
  find(id: string): Promise<OpenUpload | null>;
  /**
   * Makes the asset of a complete upload. Calls that overlap share one run; a later one returns the same asset.
   *
   * @throws Problem `unplayable-source`, `digest-mismatch` or `invalid-request`: the upload is gone then. After any
   * other error it is kept, and may be finished again.
   */
  finish(id: string): Promise<Asset>;
  /** Forgets an upload, finished or not; the object of a finished one stays. Removing what is not there is success. */
  remove(id: string): Promise<void>;
  /**
   * Finishes complete uploads, removes expired and finished ones and parts that belong to none. Leaves alone what was
   * written to in the last seconds: a request is probably still at it.
   */
  sweep(): Promise<void>;
  /** Uploads that are not finished, also those that nobody sends to now. */
  open(): Promise<number>;
}

export interface OpenUpload {
  readonly offset: number;
  readonly sizeBytes: number | null;
  readonly isComplete: boolean;
}

export interface TusUploadsDependencies {
  readonly parts: PartUploads;
  readonly objects: ObjectStore;
  readonly expiryMs: number;
  readonly maxUploadBytes: number;
  /** Of uploads in parts that others are at. */
  readonly otherHandles: () => Iterable<string>;
  readonly profileNames: readonly string[];
  readonly catalogue: Pick<Catalogue, 'get'>;
  readonly admit: AdmitSource;
  readonly clock: Clock;
  readonly logger: Logger;
}

const quietMs = 5_000;
/** A plain put into the store may be that old, and its parts are none of an upload's. */
const leastAbandonedMs = 24 * 3_600_000;

export function makeTusUploads(dependencies: TusUploadsDependencies): TusUploads {
  const { parts, objects, expiryMs, maxUploadBytes, otherHandles, profileNames, catalogue, admit, clock, logger } =
    dependencies;
  const records = makeUploadRecords(objects);
  const store = new TusStore({ parts, store: objects, records, expiryMs, maxUploadBytes, clock });
  const finishing = new Map<string, Promise<Asset>>();

  const recordOf = async (id: string): Promise<UploadRecord | null> => (isId(id) ? records.get(id) : null);

  async function remove(id: string): Promise<void> {
    if (await recordOf(id)) await store.remove(id);
  }

  async function sha256Of(id: string, sizeBytes: number): Promise<string> {
    const known = store.sha256Of(id, sizeBytes);
    if (known) return known;
    return digestOfStored(objects, storeKeys.upload(id));
  }

  async function finishOnce(id: string): Promise<Asset> {
    const existing = await catalogue.get(id);
    if (existing) return existing;
    const record = await recordOf(id);
    if (!record || !isWhole(record)) throw new Problem('upload-not-found', `There is no complete upload "${id}".`);
    const sizeBytes = receivedBytes(record);
    await parts
      .finish({ key: storeKeys.upload(id), handle: record.handle }, record.marks, sizeBytes)
      .catch(refuseStore);
    try {
      const details = readUploadDetails(detailsOfMetadata(record.metadata), profileNames);
      const sha256 = await sha256Of(id, sizeBytes).catch(refuseStore);
      return await admit({ id, sizeBytes, sha256, details });
    } catch (error) {
      if (isFinalRefusal(error)) {
        await objects.delete(storeKeys.upload(id));
        await remove(id);
      }
      throw error;
    }
  }

  function finish(id: string): Promise<Asset> {
    const running = finishing.get(id);
    if (running) return running;
    const run = finishOnce(id).finally(() => finishing.delete(id));
    finishing.set(id, run);
    return run;
  }

  async function sweepOne(id: string, record: UploadRecord): Promise<void> {
    if (isWhole(record)) {
      const asset = await finish(id);
      logger.info({ assetId: asset.id }, 'finished an upload that was complete');
      return remove(id);
    }
    if (clock.now() - Date.parse(record.createdAt) <= expiryMs) return;
    await remove(id);
    logger.info({ uploadId: id, sizeBytes: record.sizeBytes }, 'removed an upload that expired');
  }

  return {
    store,
    async find(id) {
      const record = await recordOf(id);
      return record && { offset: receivedBytes(record), sizeBytes: record.sizeBytes, isComplete: isWhole(record) };
    },
    finish,
    remove,
    async open() {
      let count = 0;
      for await (const _one of records.list()) count += 1;
      return count;
    },
    async sweep() {
      const handles = new Set<string>(otherHandles());
      for await (const { id, changedAt } of records.list()) {
        const record = await recordOf(id);
        if (!record) continue;
        handles.add(record.handle);
        if (finishing.has(id) || store.isWriting(id) || clock.now() - changedAt.getTime() <= quietMs) continue;
        await sweepOne(id, record).catch((error: unknown) =>
          logger.warn({ err: error, uploadId: id }, 'an upload could not be finished'),
        );
      }
      const before = new Date(clock.now() - Math.max(expiryMs, leastAbandonedMs));
      await parts.abortUnknown(storeKeys.uploadsPrefix, handles, before);
    },
  };
}

/** tus knows only texts: tags come comma separated, and the names are those that tus clients use. */
export function detailsOfMetadata(metadata: Readonly<Record<string, string | null>> | undefined): GivenDetails {
  const { filename, name, tags, ...others } = metadata ?? {};
  const { title, series, premiereDate, premieresAt, mustHave, profile, packaging, encryption, earlyPlay, sha256 } =
    others;
  const fileName = filename ?? name;
  return {
    fileName,
    title,
    tags: tags?.split(',') ?? [],
    series,
    premiereDate,
    premieresAt,
    mustHave,
    profile,
    packaging,
    encryption,
    earlyPlay,
    sha256,
  };
}
