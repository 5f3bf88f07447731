import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FileStore } from '@tus/file-store';
import { ERRORS, type Upload } from '@tus/server';
import type { Asset } from '../../shared/domain/asset.ts';
import { isId } from '../../shared/domain/keys.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import { Problem } from '../../shared/platform/problem.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { AdmitSource } from './admit-source.ts';
import { type GivenDetails, readUploadDetails } from './upload-details.ts';

/**
 * Resumable uploads on their way to an asset.
 *
 * Bytes wait in the scratch folder also where the object store is S3: the probe needs a local file, and parts in a
 * bucket would have to be fetched back for it.
 *
 * | phase    | on disk | catalogue | ends when |
 * |----------|---------|-----------|-----------|
 * | open     | a part  | nothing   | the last byte arrives, the client deletes it, or it expires |
 * | complete | all     | nothing   | `finish` makes the asset, or refuses the file and removes it |
 * | finished | all     | an asset of the same id | `remove`, once the answer was made |
 *
 * A process that dies in any phase finds the upload in the same phase again; `sweep` takes it on from there.
 */
export interface TusUploads {
  readonly store: FileStore;
  /** The upload as it lies on the disk; null when there is none. */
  find(id: string): Promise<Upload | null>;
  /**
   * Makes the asset of a complete upload. Calls that overlap share one run; a later one returns the same asset.
   *
   * @throws Problem `unplayable-source`, `digest-mismatch` or `invalid-request`: the upload is gone then. After any
   * other error it is kept, and may be finished again.
   */
  finish(upload: Upload): Promise<Asset>;
  /** Removing what is not there is success. */
  remove(id: string): Promise<void>;
  /**
   * Finishes complete uploads, removes expired and finished ones and files that belong to none. Leaves alone what was
   * written to in the last seconds: a request is probably still at it.
   */
  sweep(): Promise<void>;
  /** Uploads that are not finished, also those that nobody sends to now. */
  open(): Promise<number>;
}

export interface TusUploadsDependencies {
  readonly uploadsDir: string;
  readonly expiryMs: number;
  readonly profileNames: readonly string[];
  readonly catalogue: Pick<Catalogue, 'get'>;
  readonly admit: AdmitSource;
  readonly clock: Clock;
  readonly logger: Logger;
}

const quietMs = 5_000;

/** The file's fault: the same bytes will never do. */
const finalRefusals: readonly string[] = ['unplayable-source', 'too-long', 'digest-mismatch', 'invalid-request'];

export function makeTusUploads(dependencies: TusUploadsDependencies): TusUploads {
  const { uploadsDir, expiryMs, profileNames, catalogue, admit, clock, logger } = dependencies;
  const store = new FileStore({ directory: uploadsDir, expirationPeriodInMilliseconds: expiryMs });
  const finishing = new Map<string, Promise<Asset>>();

  async function find(id: string): Promise<Upload | null> {
    if (!isId(id)) return null;
    try {
      return await store.getUpload(id);
    } catch (error) {
      if (error === ERRORS.FILE_NOT_FOUND || error === ERRORS.FILE_NO_LONGER_EXISTS) return null;
      throw error;
    }
  }

  async function remove(id: string): Promise<void> {
    if (!isId(id)) return;
    await rm(join(uploadsDir, id), { force: true });
    await rm(join(uploadsDir, `${id}.json`), { force: true });
  }

  async function finishOnce(upload: Upload): Promise<Asset> {
    const existing = await catalogue.get(upload.id);
    if (existing) return existing;
    try {
      return await admit({
        id: upload.id,
        path: join(uploadsDir, upload.id),
        sizeBytes: upload.offset,
        sha256: null,
        details: readUploadDetails(detailsOfMetadata(upload.metadata), profileNames),
      });
    } catch (error) {
      if (error instanceof Problem && finalRefusals.includes(error.code)) await remove(upload.id);
      throw error;
    }
  }

  function finish(upload: Upload): Promise<Asset> {
    const running = finishing.get(upload.id);
    if (running) return running;
    const run = finishOnce(upload).finally(() => finishing.delete(upload.id));
    finishing.set(upload.id, run);
    return run;
  }

  async function isQuiet(name: string): Promise<boolean> {
    const file = await stat(join(uploadsDir, name)).catch(() => null);
    return !file || clock.now() - file.mtimeMs > quietMs;
  }

  async function sweepOne(id: string): Promise<void> {
    if (finishing.has(id) || !(await isQuiet(id)) || !(await isQuiet(`${id}.json`))) return;
    const upload = await find(id);
    if (!upload) return remove(id);
    if (isComplete(upload)) {
      const asset = await finish(upload);
      logger.info({ assetId: asset.id }, 'finished an upload that was complete');
      return remove(id);
    }
    const createdMs = Date.parse(upload.creation_date ?? '');
    if (clock.now() - createdMs <= expiryMs) return;
    await remove(id);
    logger.info({ uploadId: id, offset: upload.offset, sizeBytes: upload.size }, 'removed an upload that expired');
  }

  return {
    store,
    find,
    finish,
    remove,
    open: async () => (await readdir(uploadsDir)).filter((name) => name.endsWith('.json')).length,
    async sweep() {
      const names = await readdir(uploadsDir);
      for (const id of new Set(names.map((name) => name.replace(/\.json$/, '')))) {
        await sweepOne(id).catch((error: unknown) =>
          logger.warn({ err: error, uploadId: id }, 'an upload could not be finished'),
        );
      }
    },
  };
}

export const isComplete = (upload: Pick<Upload, 'offset' | 'size'>): boolean => upload.offset === upload.size;

/** tus knows only texts: tags come comma separated, and the names are those that tus clients use. */
export function detailsOfMetadata(metadata: Upload['metadata']): GivenDetails {
  const { filename, name, tags, ...others } = metadata ?? {};
  const { title, series, premiereDate, profile, packaging, sha256 } = others;
  const fileName = filename ?? name;
  return { fileName, title, tags: tags?.split(',') ?? [], series, premiereDate, profile, packaging, sha256 };
}
