import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { storeKeys } from '../../../../shared/domain/keys.ts';
import { type ManifestFile, sliceSizeBytes } from '../../../../shared/domain/manifest.ts';
import { startSliceDigests } from '../../../../shared/media/slice-digests.ts';
import type { ObjectStore } from '../../../../shared/ports/object-store.ts';

/** Where the files of an import lie: where they will be served from, since nothing is visible there without a manifest. */
export interface ImportPlace {
  readonly id: string;
  readonly version: string;
}

export interface StagedFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

export interface NewFile {
  readonly body: Readable | Uint8Array;
  /** What the bytes must be, where it is known. */
  readonly sha256?: string | null;
  readonly sizeBytes?: number | null;
  readonly signal?: AbortSignal;
}

/**
 * Files of a finished stream that arrive one by one, over restarts and in any order.
 *
 * A file counts once its mark lies beside it: an object whose name holds the digest of what was stored, so that one
 * listing tells what is there. It is written after the bytes and deleted before they are overwritten; a file with two
 * marks, which only two processes at once could leave, is not there.
 */
export interface StagedFiles {
  list(id: string): Promise<Map<string, StagedFile>>;
  find(id: string, path: string): Promise<StagedFile | null>;
  /** Unix milliseconds of the last file that arrived; 0 where none did. */
  changedAt(id: string): Promise<number>;
  /**
   * Stores a file, whole or not at all. Calls for the same path wait for each other.
   *
   * @throws ObjectStoreError `digest-mismatch` or `size-mismatch`; what the body fails with.
   */
  put(place: ImportPlace, path: string, file: NewFile): Promise<StagedFile>;
  text(place: ImportPlace, path: string): Promise<string>;
  /** With the digests of slices that a manifest needs. */
  digests(id: string, file: StagedFile): Promise<Pick<ManifestFile, 'sizeBytes' | 'sha256' | 'sliceSha256'>>;
  remove(place: ImportPlace, path: string): Promise<void>;
  /** The files were published: forgets that they were on their way. */
  forget(id: string): Promise<void>;
  removeAll(place: ImportPlace): Promise<void>;
}

/** The version of an import: new with each, though it be of the same id as one whose asset was deleted. */
export const importVersion = (id: string, createdAt: number): string =>
  createHash('sha256').update(`import ${id} ${createdAt}`).digest('hex').slice(0, 16);

const markPattern = /^(.+)\/([0-9a-f]{64})-(\d+)$/;

export function makeStagedFiles(
  store: Pick<ObjectStore, 'get' | 'put' | 'list' | 'delete' | 'deletePrefix'>,
): StagedFiles {
  const writing = new Map<string, Promise<unknown>>();
  const keyOf = ({ id, version }: ImportPlace, path: string): string => storeKeys.media({ assetId: id, version, path });

  async function marksOf(id: string, prefix = storeKeys.importFilesPrefix(id)) {
    const marks = new Map<string, StagedFile[]>();
    for await (const { key } of store.list(prefix)) {
      const [, path = '', sha256 = '', size = ''] =
        markPattern.exec(key.slice(storeKeys.importFilesPrefix(id).length)) ?? [];
      const file = { path, sha256, sizeBytes: Number(size) };
      if (path !== '') marks.set(path, [...(marks.get(path) ?? []), file]);
    }
    return marks;
  }

  async function removeMarks(id: string, path: string): Promise<void> {
    const marks = await marksOf(id, storeKeys.importFilesPrefix(id, path));
    for (const { sha256, sizeBytes } of marks.get(path) ?? [])
      await store.delete(storeKeys.importFile(id, path, sha256, sizeBytes));
  }

  async function write(place: ImportPlace, path: string, file: NewFile): Promise<StagedFile> {
    await removeMarks(place.id, path);
    const digest = startSliceDigests();
    const { body, sha256, sizeBytes, signal } = file;
    const source = body instanceof Readable ? body : Readable.from([Buffer.from(body)]);
    const stored = await store.put(keyOf(place, path), passing(source, digest.update), {
      ...(sha256 ? { sha256 } : {}),
      ...(sizeBytes === null || sizeBytes === undefined ? {} : { sizeBytes }),
      ...(signal ? { signal } : {}),
    });
    const sliceSha256 = digest.end();
    const mark = Buffer.from(JSON.stringify({ sliceSha256 }));
    await store.put(storeKeys.importFile(place.id, path, stored.sha256, stored.sizeBytes), mark);
    return { path, ...stored };
  }

  return {
    async list(id) {
      const files = new Map<string, StagedFile>();
      for (const [path, [file, ...others]] of await marksOf(id)) if (file && others.length === 0) files.set(path, file);
      return files;
    },
    async find(id, path) {
      const [file, ...others] = (await marksOf(id, storeKeys.importFilesPrefix(id, path))).get(path) ?? [];
      return file && others.length === 0 ? file : null;
    },
    async changedAt(id) {
      let latest = 0;
      for await (const { lastModified } of store.list(storeKeys.importFilesPrefix(id)))
        latest = Math.max(latest, lastModified.getTime());
      return latest;
    },
    put(place, path, file) {
      const key = keyOf(place, path);
      const before = writing.get(key) ?? Promise.resolve();
      const work = before.then(() => write(place, path, file));
      const settled = work
        .catch(() => undefined)
        .then(() => {
          if (writing.get(key) === settled) writing.delete(key);
        });
      writing.set(key, settled);
      return work;
    },
    async text(place, path) {
      const found = await store.get(keyOf(place, path));
      if (!found) throw new Error(`${path} is gone`);
      return Buffer.concat(await found.body.toArray()).toString('utf8');
    },
    async digests(id, { path, sha256, sizeBytes }) {
      if (sizeBytes <= sliceSizeBytes) return { sizeBytes, sha256 };
      const found = await store.get(storeKeys.importFile(id, path, sha256, sizeBytes));
      if (!found) throw new Error(`the mark of ${path} is gone`);
      return { sizeBytes, sha256, ...((await json(found.body)) as { sliceSha256: string[] }) };
    },
    async remove(place, path) {
      await removeMarks(place.id, path);
      await store.delete(keyOf(place, path));
    },
    forget: async (id) => void (await store.deletePrefix(storeKeys.importFilesPrefix(id))),
    async removeAll(place) {
      await store.deletePrefix(storeKeys.importFilesPrefix(place.id));
      await store.deletePrefix(storeKeys.mediaPrefix(place.id, place.version));
    },
  };
}

/** A stream of the same bytes, seen on their way; an error of either ends both. */
function passing(source: Readable, see: (chunk: Buffer) => void): Readable {
  return Readable.from(
    (async function* () {
      for await (const chunk of source as AsyncIterable<Buffer>) {
        see(chunk);
        yield chunk;
      }
    })(),
    { objectMode: false },
  ).once('close', () => source.destroy());
}
