import { Readable } from 'node:stream';
import pLimit from 'p-limit';
import { isId, isMediaPath, manifestName } from '../../../../shared/domain/keys.ts';
import type { Logger } from '../../../../shared/platform/logger.ts';
import { Problem } from '../../../../shared/platform/problem.ts';
import type { Catalogue } from '../../../../shared/ports/catalogue.ts';
import type { Clock } from '../../../../shared/ports/clock.ts';
import { ObjectStoreError } from '../../../../shared/ports/object-store.ts';
import { refuseStore } from '../../admit-source.ts';
import { tooLarge } from '../../receive-object.ts';
import type { UploadDetails } from '../../upload-details.ts';
import type { ImportRecord, ImportRecords } from './import-records.ts';
import type { PublishHls } from './publish-hls.ts';
import { type ImportPlace, importVersion, type StagedFile, type StagedFiles } from './staged-files.ts';

/**
 * Finished HLS streams that a client sends file by file, on their way to an asset of the same id.
 *
 * | state      | in the object store      | ends when |
 * |------------|--------------------------|-----------|
 * | receiving  | record, files with marks | `publish` finds all files, it is deleted, or it expires |
 * | publishing | the same                 | the rules refuse it (receiving again, with the failure), or it is published |
 * | published  | the asset                | |
 *
 * Nothing is kept in the process that another could not go on with; what a restart cut off is published by the sweep.
 */
export interface FolderImports {
  /** Beginning again with the same id is the same import. */
  begin(id: string, details: UploadDetails): Promise<ImportView>;
  /** Begun before, or finished. */
  isKnown(id: string): Promise<boolean>;
  /** @throws Problem `import-not-found` */
  find(id: string): Promise<ImportView>;
  /** In the order of their paths, behind `after`. @throws Problem `import-not-found` */
  files(id: string, after: string | null, limit: number): Promise<{ items: StagedFile[]; next: string | null }>;
  /**
   * Stores a file, whole or not at all; `isNew` is false where the same bytes are there already.
   *
   * @throws Problem `invalid-request`, `conflict`, `too-large`, `digest-mismatch`, `no-room`, `not-ready`.
   */
  putFile(id: string, path: string, file: SentFile): Promise<{ file: StagedFile; isNew: boolean }>;
  /**
   * Begins to publish; the view tells how it ends.
   *
   * @throws Problem `hls-not-importable` for what the playlists alone tell, `too-large`, `too-long`, `conflict`.
   */
  publish(id: string, entry: string): Promise<ImportView>;
  /** @throws Problem `import-not-found`; `conflict` where it became an asset. */
  remove(id: string): Promise<void>;
  open(): Promise<number>;
  /** Goes on with what a restart cut off, removes what expired. */
  sweep(): Promise<void>;
  /** Stops publishing; the sweep of the next process goes on. */
  close(): Promise<void>;
}

export interface SentFile {
  readonly body: Readable;
  /** Lower-case hex; null where the client did not say. */
  readonly sha256: string | null;
  /** Null where the client did not say. */
  readonly sizeBytes: number | null;
}

export interface ImportView {
  readonly id: string;
  readonly state: 'receiving' | 'publishing' | 'published';
  readonly files: number;
  readonly sizeBytes: number;
  readonly assetId: string | null;
  readonly failure: ImportRecord['failure'];
}

export interface FolderImportsDependencies {
  readonly staged: StagedFiles;
  readonly records: ImportRecords;
  readonly hls: PublishHls;
  readonly catalogue: Pick<Catalogue, 'get'>;
  /** True for an import from a URL that this process is at. */
  readonly isFetching: (id: string) => boolean;
  readonly onPublished: () => void;
  readonly maxUploadBytes: number;
  readonly expiryMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const publishedAtOnce = 2;
/** More than a day of six-second segments in several renditions. */
const maxFiles = 100_000;

export function makeFolderImports(dependencies: FolderImportsDependencies): FolderImports {
  const { staged, records, hls, catalogue, isFetching, onPublished } = dependencies;
  const { maxUploadBytes, expiryMs, clock, logger } = dependencies;
  const limit = pLimit(publishedAtOnce);
  const publishing = new Map<string, { readonly stop: AbortController; readonly work: Promise<void> }>();
  /** Sizes by path, so that limits need no listing for each file; counted anew after the last of a batch. */
  const sizes = new Map<string, Promise<Map<string, number>>>();
  const receiving = new Map<string, number>();

  const placeOf = ({ id, createdAt }: ImportRecord): ImportPlace => ({ id, version: importVersion(id, createdAt) });
  const recordOf = async (id: string): Promise<ImportRecord | null> => {
    const record = isId(id) ? await records.get(id) : null;
    return record?.kind === 'folder' ? record : null;
  };

  async function ensure(id: string): Promise<ImportRecord> {
    const record = await recordOf(id);
    if (record) return record;
    if (isId(id) && (await catalogue.get(id)))
      throw new Problem('conflict', 'The import is finished; its asset has the same id.');
    throw notFound(id);
  }

  async function viewOf({ id, state, failure }: ImportRecord): Promise<ImportView> {
    const there = [...(await staged.list(id)).values()];
    const sizeBytes = there.reduce((sum, file) => sum + file.sizeBytes, 0);
    return { id, state, files: there.length, sizeBytes, assetId: null, failure };
  }

  async function find(id: string): Promise<ImportView> {
    const record = await recordOf(id);
    const asset = isId(id) ? await catalogue.get(id) : null;
    if (asset && asset.profile === 'imported')
      return { id, state: 'published', files: 0, sizeBytes: asset.source.sizeBytes, assetId: id, failure: null };
    if (!record) throw notFound(id);
    return viewOf(record);
  }

  async function sizesOf(id: string): Promise<Map<string, number>> {
    const known =
      sizes.get(id) ??
      staged.list(id).then((files) => new Map(Array.from(files.values(), (file) => [file.path, file.sizeBytes])));
    sizes.set(id, known);
    known.catch(() => sizes.delete(id));
    return known;
  }

  /** The bytes as they come, as far as the limit allows; they count from then on. */
  async function* limited(body: Readable, path: string, counted: Map<string, number>): AsyncGenerator<Buffer> {
    let others = 0;
    for (const [other, size] of counted) if (other !== path) others += size;
    const room = maxUploadBytes - others;
    let own = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      own += chunk.length;
      if (own > room) throw tooLarge(maxUploadBytes);
      yield chunk;
    }
  }

  async function putFile(id: string, path: string, { body, sha256, sizeBytes }: SentFile) {
    if (!isMediaPath(path) || path === manifestName)
      throw new Problem(
        'invalid-request',
        `"${path.slice(0, 200)}" cannot be the name of a file here: letters, digits, ".", "_" and "-" only, no part beginning with a dot, and not ${manifestName}.`,
      );
    const record = await ensure(id);
    if (record.state === 'publishing' || publishing.has(id)) throw beingPublished();
    const before = await staged.find(id, path);
    if (before && before.sha256 === sha256) return { file: before, isNew: false };
    const counted = await sizesOf(id);
    if (!counted.has(path) && counted.size >= maxFiles)
      throw new Problem('too-large', `An import has at most ${maxFiles} files.`);
    const source = Readable.from(limited(body, path, counted), { objectMode: false });
    const file = await staged.put(placeOf(record), path, { body: source, sha256, sizeBytes }).catch(refusePut);
    counted.set(path, file.sizeBytes);
    return { file, isNew: true };
  }

  function launch(record: ImportRecord): void {
    const { id, entry, details } = record;
    const stop = new AbortController();
    const run = async (): Promise<void> => {
      if (stop.signal.aborted || entry === null) return;
      try {
        await hls.publish(placeOf(record), entry, details, stop.signal);
        await records.remove(id);
        onPublished();
        logger.info({ assetId: id }, 'published an imported stream');
      } catch (error) {
        if (stop.signal.aborted) return;
        logger.warn({ err: error, importId: id }, 'an import was not published');
        // What is our own trouble is tried again by the sweep.
        if (!(error instanceof Problem) || error.code === 'not-ready') return;
        const failure = { code: ruleOf(error), reason: error.message };
        await records.put({ ...record, state: 'receiving', failure });
      }
    };
    const work = limit(run)
      .catch((error: unknown) => logger.error({ err: error, importId: id }, 'an import could not be settled'))
      .finally(() => publishing.delete(id));
    publishing.set(id, { stop, work });
  }

  async function sweepOne(id: string): Promise<void> {
    const record = await records.get(id);
    if (!record || publishing.has(id) || isFetching(id)) return;
    if (await catalogue.get(id)) {
      await staged.forget(id);
      await records.remove(id);
    } else if (record.state === 'publishing') {
      launch(record);
    } else if (clock.now() - record.createdAt > expiryMs && clock.now() - (await staged.changedAt(id)) > expiryMs) {
      await staged.removeAll(placeOf(record));
      await records.remove(id);
      logger.info({ importId: id }, 'removed an import that expired');
    }
  }

  return {
    async begin(id, details) {
      const present = await recordOf(id);
      if (present) return viewOf(present);
      if (await catalogue.get(id)) return find(id);
      const createdAt = clock.now();
      const begun = { schema: 1, id, kind: 'folder', details, createdAt, entry: null, failure: null } as const;
      await records.put({ ...begun, state: 'receiving' });
      return viewOf({ ...begun, state: 'receiving' });
    },
    find,
    isKnown: async (id) => (await recordOf(id)) !== null || (await catalogue.get(id)) !== null,
    async files(id, after, most) {
      await ensure(id);
      const sorted = [...(await staged.list(id)).values()].sort((a, b) => (a.path < b.path ? -1 : 1));
      const rest = after === null ? sorted : sorted.filter(({ path }) => path > after);
      const items = rest.slice(0, most);
      return { items, next: rest.length > most ? (items.at(-1)?.path ?? null) : null };
    },
    async putFile(id, path, file) {
      receiving.set(id, (receiving.get(id) ?? 0) + 1);
      try {
        return await putFile(id, path, file);
      } finally {
        const left = (receiving.get(id) ?? 1) - 1;
        if (left > 0) receiving.set(id, left);
        else receiving.delete(id);
      }
    },
    async publish(id, entry) {
      const asset = isId(id) ? await catalogue.get(id) : null;
      if (asset?.profile === 'imported') return find(id);
      const record = await ensure(id);
      if (publishing.has(id)) return viewOf(record);
      if (receiving.has(id))
        throw new Problem('conflict', 'Files of this import are being sent; publish it when they have arrived.');
      await hls.inspect(placeOf(record), entry);
      sizes.delete(id);
      const next: ImportRecord = { ...record, state: 'publishing', entry, failure: null };
      await records.put(next);
      if (!publishing.has(id)) launch(next);
      return viewOf(next);
    },
    async remove(id) {
      const record = await ensure(id);
      const running = publishing.get(id);
      running?.stop.abort();
      await running?.work;
      if (await catalogue.get(id)) throw new Problem('conflict', 'The import became an asset; delete that.');
      sizes.delete(id);
      await staged.removeAll(placeOf(record));
      await records.remove(id);
    },
    async open() {
      let count = 0;
      for await (const id of records.ids()) if (!isFetching(id)) count += 1;
      return count;
    },
    async sweep() {
      for await (const id of records.ids())
        await sweepOne(id).catch((error: unknown) =>
          logger.warn({ err: error, importId: id }, 'an import could not be mended'),
        );
    },
    async close() {
      for (const { stop } of publishing.values()) stop.abort();
      await Promise.allSettled(Array.from(publishing.values(), ({ work }) => work));
    },
  };
}

/** The rule that is broken, else the code. */
export const ruleOf = ({ code, errors }: Problem): string => {
  const [first] = errors ?? [];
  return first?.at === 'file' ? first.message : code;
};

const notFound = (id: string): Problem =>
  new Problem('import-not-found', `There is no import "${id.slice(0, 63)}"; it may have expired.`);

const beingPublished = (): Problem =>
  new Problem('conflict', 'The import is being published; its files can no longer be changed.');

function refusePut(error: unknown): never {
  if (error instanceof ObjectStoreError && error.code === 'key-conflict')
    throw new Problem('conflict', 'One of the files has the name of a folder of another.', { cause: error });
  if (error instanceof ObjectStoreError && error.code === 'size-mismatch')
    throw new Problem('invalid-request', 'The file was broken off. Send it again.', { cause: error });
  return refuseStore(error);
}
