import pLimit from 'p-limit';
import { storeKeys } from '../../../shared/domain/keys.ts';
import type { Logger } from '../../../shared/platform/logger.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { Catalogue } from '../../../shared/ports/catalogue.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { PartUploads } from '../../../shared/ports/part-uploads.ts';
import type { AdmitObject } from '../admit-object.ts';
import type { ReceivedObject } from '../receive-object.ts';
import type { UploadDetails } from '../upload-details.ts';
import type { UploadMetrics } from '../upload-metrics.ts';
import { makeFileFetch } from './fetch-file.ts';
import { fetchHls } from './hls/fetch-hls.ts';
import { ruleOf } from './hls/folder-imports.ts';
import type { ImportRecords } from './hls/import-records.ts';
import { type PublishHls, refuse } from './hls/publish-hls.ts';
import { type ImportPlace, importVersion, type StagedFiles } from './hls/staged-files.ts';
import type { UrlOpener } from './open-url.ts';
import { makeTryAgain } from './try-again.ts';
import type { ImportFailure, UrlRecord, UrlRecords } from './url-records.ts';

export interface ImportView {
  readonly id: string;
  /** Bytes that arrived, in this attempt or in one before that got further. */
  readonly offset: number;
  readonly sizeBytes: number | null;
  /** How often it began again at its first byte, because the other server does not give the rest of a file, or changed it. */
  readonly restarts?: number;
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
 * A running import that is cut off, by a restart too, goes on behind the last part that is stored, where the other server lets
 * it (`fetch-file.ts`); of a stream, with the file that was cut off.
 */
export interface UrlImports {
  /** Returns once the import is on the disk. */
  start(id: string, url: string, details: UploadDetails, hls?: boolean): Promise<ImportView>;
  find(id: string): ImportView | null;
  /** Stops and forgets it; false where there is none. */
  cancel(id: string): Promise<boolean>;
  /** Imports that wait or run. */
  open(): number;
  /** Uploads in parts that their bytes go to. */
  handles(): string[];
  /** Takes up what a restart left, and forgets failures that have expired. */
  sweep(): Promise<void>;
  /** Stops all; they are taken up after the next start. */
  close(): Promise<void>;
}

export interface UrlImportsDependencies {
  readonly records: UrlRecords;
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
  /** Saved before it is told, so that it does not go back by a restart. */
  offset: number;
  sizeBytes: number | null;
  received: number;
  isTelling: boolean;
  /** Writes of the record, one after the other. */
  saved: Promise<void>;
  readonly stop: AbortController;
  work: Promise<void>;
}

const atOnce = 3;
const tellEveryMs = 300;

export function makeUrlImports(dependencies: UrlImportsDependencies): UrlImports {
  const { records, opener, parts, admitObject, staged, hlsRecords, hls, catalogue, uploadMetrics } = dependencies;
  const { maxUploadBytes, expiryMs, clock, logger } = dependencies;
  const live = new Map<string, Live>();
  const limit = pLimit(atOnce);
  const tryAgain = makeTryAgain(clock);
  let closing = false;

  /** Writes it down, after what was to be written before. */
  function change(one: Live, changes: Partial<UrlRecord>): Promise<void> {
    one.record = { ...one.record, ...changes };
    const { record } = one;
    one.saved = one.saved.catch(() => undefined).then(() => records.save(record));
    return one.saved;
  }

  /** A few times a second at most; what came last is told too. */
  function tell(one: Live, received: number): void {
    one.received = received;
    if (one.isTelling) return;
    one.isTelling = true;
    tellOn(one)
      .catch(() => undefined) // the record says too little, and the next bytes try again
      .finally(() => {
        one.isTelling = false;
      });
  }

  async function tellOn(one: Live): Promise<void> {
    while (one.received > (one.record.reached ?? 0) && !one.stop.signal.aborted) {
      const { received } = one;
      await change(one, { reached: received });
      one.offset = received;
      await clock.sleep(tellEveryMs, one.stop.signal);
    }
  }

  async function forget(id: string): Promise<void> {
    const one = live.get(id);
    one?.stop.abort();
    await one?.saved.catch(() => undefined);
    await records.remove(id);
    live.delete(id);
  }

  function launch(record: UrlRecord): Live {
    const one: Live = {
      record,
      offset: record.reached ?? 0,
      sizeBytes: record.fetched?.sizeBytes ?? null,
      received: 0,
      isTelling: false,
      saved: Promise.resolve(),
      stop: new AbortController(),
      work: Promise.resolve(),
    };
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
      // What is there stays for the next start, or is removed by who cancels.
      if (one.stop.signal.aborted) return;
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
    let received = 0;
    const begun = { schema: 1, id, kind: 'url', details, createdAt, entry: null, failure: null } as const;
    await hlsRecords.put({ ...begun, state: 'receiving' });
    const entry = await fetchHls(new URL(url), placeOf(one.record), staged, {
      opener,
      maxBytes: maxUploadBytes,
      signal,
      origin,
      retry: (fetchOne) => tryAgain(fetchOne, signal),
      onOrigin: (found) => change(one, { origin: found }),
      onBytes: (bytes) => {
        received = bytes;
        tell(one, bytes);
      },
    }).catch(refuse);
    uploadMetrics.received('url', received);
    await hls.publish(placeOf(one.record), entry, details, signal);
    await hlsRecords.remove(id);
  }

  /** Of an import that will not be taken up again. */
  async function removeBytes({ id, hls: isStream, fetched, createdAt }: UrlRecord): Promise<void> {
    if (fetched) await parts.abort({ key: storeKeys.upload(id), handle: fetched.handle });
    if (!isStream) return;
    await staged.removeAll({ id, version: importVersion(id, createdAt) });
    await hlsRecords.remove(id);
  }

  async function fetchFile(one: Live): Promise<ReceivedObject> {
    const { id, url, fetched = null } = one.record;
    const fetch = makeFileFetch(parts, opener, {
      key: storeKeys.upload(id),
      url,
      maxBytes: maxUploadBytes,
      signal: one.stop.signal,
      begun: fetched,
      save: (present) => {
        one.sizeBytes = present.sizeBytes;
        return change(one, { fetched: present });
      },
      onBytes: (received) => tell(one, received),
      onRestart: () => {
        one.record = { ...one.record, restarts: (one.record.restarts ?? 0) + 1 };
      },
    });
    return tryAgain(
      () => fetch.attempt(),
      one.stop.signal,
      () => fetch.parts,
    );
  }

  /** The record keeps why; what is our own trouble is tried again by the sweep. */
  async function onTrouble(one: Live, error: unknown): Promise<void> {
    const { id } = one.record;
    if (one.stop.signal.aborted) return;
    uploadMetrics.refused('url', error);
    logger.warn({ err: error, uploadId: id }, 'an import failed');
    if (!(error instanceof Problem) || error.code === 'not-ready') {
      await one.saved.catch(() => undefined);
      live.delete(id);
      return;
    }
    await removeBytes(one.record).catch((cause: unknown) => logger.warn({ err: cause, uploadId: id }, 'not removed'));
    const { fetched: _, ...record } = one.record;
    one.record = record;
    await change(one, { failure: { code: ruleOf(error), reason: error.message } }).catch((cause: unknown) =>
      logger.error({ err: cause, uploadId: id }, 'not saved'),
    );
  }

  const viewOf = ({ record, offset, sizeBytes }: Live): ImportView => ({
    id: record.id,
    offset: Math.min(offset, sizeBytes ?? offset),
    sizeBytes,
    ...(record.restarts ? { restarts: record.restarts } : {}),
    failure: record.failure,
  });

  return {
    async start(id, url, details, hls = false) {
      const record = { id, url, details, createdAt: clock.now(), failure: null, ...(hls ? { hls } : {}) };
      await records.save(record);
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
      if (!(await catalogue.get(id))) await removeBytes(one.record);
      await forget(id);
      return true;
    },
    open: () => [...live.values()].filter(({ record }) => record.failure === null).length,
    handles: () => [...live.values()].flatMap(({ record: { fetched } }) => (fetched ? [fetched.handle] : [])),
    async sweep() {
      for (const id of await records.ids()) {
        if (closing) return;
        const known = live.get(id);
        const record = known?.record ?? (await records.read(id));
        if (!record) await records.remove(id);
        else if (record.failure && clock.now() - record.createdAt > expiryMs) await forget(id);
        else if (!known) launch(record);
      }
    },
    async close() {
      closing = true;
      for (const { stop } of live.values()) stop.abort();
      await Promise.allSettled([...live.values()].map(({ work, saved }) => work.then(() => saved)));
      await opener.close();
    },
  };
}
