import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { isId, storeKeys } from '../../../shared/domain/keys.ts';
import type { Logger } from '../../../shared/platform/logger.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { Catalogue } from '../../../shared/ports/catalogue.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { PartUploads } from '../../../shared/ports/part-uploads.ts';
import type { AdmitObject } from '../admit-object.ts';
import { receiveObject, tooLarge } from '../receive-object.ts';
import type { UploadDetails } from '../upload-details.ts';
import type { UploadMetrics } from '../upload-metrics.ts';
import { fetchHls, type HlsOrigin } from './hls/fetch-hls.ts';
import { ruleOf } from './hls/folder-imports.ts';
import type { ImportRecords } from './hls/import-records.ts';
import { type PublishHls, refuse } from './hls/publish-hls.ts';
import { type ImportPlace, importVersion, type StagedFiles } from './hls/staged-files.ts';
import { troubleOf, type UrlOpener, UrlTroubleError, unreachable } from './open-url.ts';

/** What is kept of an import in the scratch folder, so that it outlives a restart. The URL may hold a signature. */
interface UrlRecord {
  readonly id: string;
  readonly url: string;
  /** A stream to be published as it is; absent: a video. */
  readonly hls?: boolean;
  /** Where that stream was found. */
  readonly origin?: HlsOrigin;
  /** Of the upload in parts that its bytes go to. */
  readonly handle?: string;
  readonly details: UploadDetails;
  /** Milliseconds. */
  readonly createdAt: number;
  readonly failure: ImportFailure | null;
}

export interface ImportFailure {
  readonly code: string;
  readonly reason: string;
}

export interface ImportView {
  readonly id: string;
  /** Bytes that arrived in this attempt. */
  readonly offset: number;
  readonly sizeBytes: number | null;
  readonly failure: ImportFailure | null;
}

/**
 * Videos that are fetched from a URL, on their way to an asset of the same id.
 *
 * | phase   | in scratch          | ends when |
 * |---------|---------------------|-----------|
 * | waiting | record              | one of the few places is free |
 * | running | record              | the asset is made, it fails, or it is cancelled |
 * | failed  | record with failure | it expires |
 *
 * A running import that is cut off by a restart begins again; of a stream, with the file that was cut off.
 */
export interface UrlImports {
  /** Returns once the import is on the disk. */
  start(id: string, url: string, details: UploadDetails, hls?: boolean): Promise<ImportView>;
  find(id: string): ImportView | null;
  /** Stops and forgets it; false where there is none. */
  cancel(id: string): Promise<boolean>;
  /** Imports that wait or run. */
  open(): number;
  /** Takes up what a restart left, and forgets failures that have expired. */
  sweep(): Promise<void>;
  /** Stops all; they are taken up after the next start. */
  close(): Promise<void>;
}

export interface UrlImportsDependencies {
  readonly dir: string;
  readonly opener: UrlOpener;
  readonly parts: PartUploads;
  readonly admitObject: AdmitObject;
  readonly staged: StagedFiles;
  readonly hlsRecords: Pick<ImportRecords, 'put' | 'remove'>;
  readonly hls: PublishHls;
  readonly catalogue: Pick<Catalogue, 'get'>;
  readonly uploadMetrics: UploadMetrics;
  readonly maxUploadBytes: number;
  readonly expiryMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Live {
  record: UrlRecord;
  offset: number;
  sizeBytes: number | null;
  readonly stop: AbortController;
  work: Promise<void>;
}

const atOnce = 3;
const attempts = 3;
const pauseMs = 500;

export function makeUrlImports(dependencies: UrlImportsDependencies): UrlImports {
  const { dir, opener, parts, admitObject, staged, hlsRecords, hls, catalogue, uploadMetrics } = dependencies;
  const { maxUploadBytes, expiryMs, clock, logger } = dependencies;
  const live = new Map<string, Live>();
  const limit = pLimit(atOnce);
  let closing = false;
  const pathOf = (id: string): string => join(dir, `${id}.json`);

  async function save(record: UrlRecord): Promise<void> {
    const path = pathOf(record.id);
    await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  async function forget(id: string): Promise<void> {
    await rm(pathOf(id), { force: true });
    live.delete(id);
  }

  function launch(record: UrlRecord): Live {
    const one: Live = { record, offset: 0, sizeBytes: null, stop: new AbortController(), work: Promise.resolve() };
    live.set(record.id, one);
    if (record.failure === null) one.work = limit(() => run(one)).catch((error) => onTrouble(one, error));
    return one;
  }

  async function run(one: Live): Promise<void> {
    const { id, details } = one.record;
    if (one.stop.signal.aborted) return;
    if (await catalogue.get(id)) {
      // Finished before a restart.
    } else if (one.record.hls) {
      await importStream(one);
    } else {
      const file = await fetchFile(one);
      uploadMetrics.received('url', file.sizeBytes);
      if (one.stop.signal.aborted) return file.discard();
      await admitObject(id, file, details);
    }
    uploadMetrics.accepted('url');
    await forget(id);
  }

  const placeOf = ({ id, createdAt }: UrlRecord): ImportPlace => ({ id, version: importVersion(id, createdAt) });

  /** Files go to where they will be served from; what an earlier attempt brought is there. */
  async function importStream(one: Live): Promise<void> {
    const { id, url, details, createdAt, origin = null } = one.record;
    const { signal } = one.stop;
    const begun = { schema: 1, id, kind: 'url', details, createdAt, entry: null, failure: null } as const;
    await hlsRecords.put({ ...begun, state: 'receiving' });
    const entry = await fetchHls(new URL(url), placeOf(one.record), staged, {
      opener,
      maxBytes: maxUploadBytes,
      signal,
      origin,
      retry: (fetchOne) => persistently(one, fetchOne),
      onOrigin: async (found) => {
        one.record = { ...one.record, origin: found };
        await save(one.record);
      },
      onBytes: (received) => {
        one.offset = received;
      },
    }).catch(refuse);
    uploadMetrics.received('url', one.offset);
    await hls.publish(placeOf(one.record), entry, details, signal);
    await hlsRecords.remove(id);
  }

  /** Of an import that will not be taken up again. */
  async function removeStream(record: UrlRecord): Promise<void> {
    if (!record.hls) return;
    await staged.removeAll(placeOf(record));
    await hlsRecords.remove(record.id);
  }

  const fetchFile = (one: Live) =>
    persistently(one, async () => {
      const key = storeKeys.upload(one.record.id);
      one.offset = 0;
      // What a process that was killed left of it.
      if (one.record.handle) await parts.abort({ key, handle: one.record.handle });
      const { body, sizeBytes } = await opener.open(one.record.url, one.stop.signal);
      if (sizeBytes !== null && sizeBytes > maxUploadBytes) {
        body.on('error', () => undefined).destroy();
        throw tooLarge(maxUploadBytes);
      }
      one.sizeBytes = sizeBytes;
      return receiveObject(parts, key, body, {
        maxBytes: maxUploadBytes,
        announcedBytes: sizeBytes,
        onBytes: (received) => {
          one.offset = received;
        },
        onBegin: async (handle) => {
          one.record = { ...one.record, handle };
          await save(one.record);
        },
      });
    });

  /** Tries again what may pass. */
  async function persistently<T>({ stop: { signal } }: Live, attemptOnce: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await attemptOnce();
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof Problem || !isTrouble(error)) throw error;
        const what = error instanceof UrlTroubleError ? error.message : troubleOf(error);
        if (attempt === attempts)
          throw unreachable(`The URL could not be fetched in ${attempts} attempts: ${what}.`, error);
        await clock.sleep(pauseMs * 2 ** attempt, signal);
      }
    }
  }

  /** The record keeps why; what is our own trouble is tried again by the sweep. */
  async function onTrouble(one: Live, error: unknown): Promise<void> {
    const { id } = one.record;
    if (one.stop.signal.aborted) return;
    uploadMetrics.refused('url', error);
    logger.warn({ err: error, uploadId: id }, 'an import failed');
    if (!(error instanceof Problem) || error.code === 'not-ready') {
      live.delete(id);
      return;
    }
    await removeStream(one.record).catch((cause: unknown) => logger.warn({ err: cause, uploadId: id }, 'not removed'));
    one.record = { ...one.record, failure: { code: ruleOf(error), reason: error.message } };
    await save(one.record).catch((cause: unknown) => logger.error({ err: cause, uploadId: id }, 'not saved'));
  }

  const viewOf = ({ record, offset, sizeBytes }: Live): ImportView => ({
    id: record.id,
    offset,
    sizeBytes,
    failure: record.failure,
  });

  return {
    async start(id, url, details, hls = false) {
      const record = { id, url, details, createdAt: clock.now(), failure: null, ...(hls ? { hls } : {}) };
      await save(record);
      return viewOf(launch(record));
    },
    find: (id) => {
      const one = live.get(id);
      return one ? viewOf(one) : null;
    },
    async cancel(id) {
      const one = live.get(id);
      if (!one) return false;
      one.stop.abort();
      await one.work;
      if (!(await catalogue.get(id))) await removeStream(one.record);
      await forget(id);
      return true;
    },
    open: () => [...live.values()].filter(({ record }) => record.failure === null).length,
    async sweep() {
      for (const name of await readdir(dir)) {
        const id = name.replace(/\.json$/, '');
        if (closing || !isId(id) || !name.endsWith('.json')) continue;
        const known = live.get(id);
        const record = known?.record ?? (await readRecord(join(dir, name)));
        if (!record) await rm(join(dir, name), { force: true });
        else if (record.failure && clock.now() - record.createdAt > expiryMs) await forget(id);
        else if (!known) launch(record);
      }
    },
    async close() {
      closing = true;
      for (const { stop } of live.values()) stop.abort();
      await Promise.allSettled([...live.values()].map(({ work }) => work));
      await opener.close();
    },
  };
}

/** Null for what a crash left half written by another version. */
async function readRecord(path: string): Promise<UrlRecord | null> {
  try {
    const record: UrlRecord = JSON.parse(await readFile(path, 'utf8'));
    return typeof record.url === 'string' && isId(record.id) ? record : null;
  } catch {
    return null;
  }
}

/** Errors of sockets and of undici; anything else is a mistake of ours. */
const isTrouble = (error: unknown): boolean =>
  error instanceof UrlTroubleError || (error instanceof Error && 'code' in error);
