import { json } from 'node:stream/consumers';
import { storeKeys } from '../../shared/domain/keys.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';

/**
 * What is known of a resumable upload, kept in the object store beside its bytes (`incoming/<id>/upload.json`).
 *
 * Parts count as received once a saved record counts them. They all have `partBytes`, but for the last of a whole upload.
 * What is less than a part waits in tails, objects whose names say which bytes they hold: one counts as soon as it is
 * there and follows on the parts or on another, so that a request which brings little writes only what it brings.
 */
export interface UploadRecord {
  readonly schema: 1;
  /** Of the asset that it becomes. */
  readonly id: string;
  /** Null while the client has not said it. */
  readonly sizeBytes: number | null;
  readonly metadata: Readonly<Record<string, string | null>>;
  /** ISO 8601. */
  readonly createdAt: string;
  /** How the store calls the upload in parts. */
  readonly handle: string;
  readonly partBytes: number;
  /** What the store said of each part. */
  readonly marks: readonly string[];
  /** Received and not yet in a part, one behind the other; not in the saved document. */
  readonly tails: readonly Tail[];
}

/** Bytes of the upload from `start` up to, not including, `end`. */
export interface Tail {
  readonly start: number;
  readonly end: number;
}

/** Bytes in parts. */
export const partedBytes = ({ marks, partBytes, sizeBytes }: Omit<UploadRecord, 'tails'>): number =>
  Math.min(marks.length * partBytes, sizeBytes ?? Number.POSITIVE_INFINITY);

export const receivedBytes = (record: UploadRecord): number => record.tails.at(-1)?.end ?? partedBytes(record);

export const isWhole = (record: UploadRecord): boolean => receivedBytes(record) === record.sizeBytes;

export const tailKey = (id: string, { start, end }: Tail): string => storeKeys.incomingTail(id, start, end);

export interface UploadRecords {
  get(id: string): Promise<UploadRecord | null>;
  put(record: UploadRecord): Promise<void>;
  /** With the bytes that wait beside it. */
  remove(id: string): Promise<void>;
  /** `changedAt` is when its last bytes were saved. */
  list(): AsyncIterable<{ readonly id: string; readonly changedAt: Date }>;
}

const recordPattern = /^incoming\/([^/]+)\/upload\.json$/;
const tailPattern = /^incoming\/[^/]+\/tail-(\d+)-(\d+)$/;

export function makeUploadRecords(store: Pick<ObjectStore, 'get' | 'put' | 'list' | 'deletePrefix'>): UploadRecords {
  /** Those that follow on `from` without a gap; the longest where several begin at the same byte. */
  async function tailsOf(id: string, from: number): Promise<Tail[]> {
    const ends = new Map<number, number>();
    for await (const { key } of store.list(`${storeKeys.incomingPrefix(id)}tail-`)) {
      const [, start, end] = (tailPattern.exec(key) ?? []).map(Number);
      if (start !== undefined && end !== undefined) ends.set(start, Math.max(end, ends.get(start) ?? 0));
    }
    const tails: Tail[] = [];
    for (let at = from, end = ends.get(at); end !== undefined && end > at; at = end, end = ends.get(at))
      tails.push({ start: at, end });
    return tails;
  }

  return {
    async get(id) {
      const found = await store.get(storeKeys.incoming(id));
      if (!found) return null;
      const saved = (await json(found.body)) as Omit<UploadRecord, 'tails'>;
      const parted = partedBytes(saved);
      return { ...saved, tails: parted === saved.sizeBytes ? [] : await tailsOf(id, parted) };
    },
    async put({ tails: _elsewhere, ...saved }) {
      await store.put(storeKeys.incoming(saved.id), Buffer.from(JSON.stringify(saved)));
    },
    // In key order: the record goes last.
    remove: async (id) => void (await store.deletePrefix(storeKeys.incomingPrefix(id))),
    async *list() {
      let folder = '';
      let latest = new Date(0);
      for await (const { key, lastModified } of store.list(storeKeys.incomingPrefix())) {
        const within = key.slice(0, key.lastIndexOf('/'));
        // Tails come before the record of their folder.
        latest = within === folder && latest > lastModified ? latest : lastModified;
        folder = within;
        const id = recordPattern.exec(key)?.[1];
        if (id) yield { id, changedAt: latest };
      }
    },
  };
}
