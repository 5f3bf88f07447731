import { json } from 'node:stream/consumers';
import { storeKeys } from '../../shared/domain/keys.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';

/**
 * What is known of a resumable upload, kept in the object store beside its bytes (`incoming/<id>/upload.json`).
 *
 * It is the commit: bytes count as received once a saved record counts them. Parts all have `partBytes`, but for the
 * last of a whole upload; what is less than a part waits in an object of its own.
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
  /** Received and not yet in a part. */
  readonly tailBytes: number;
}

/** Bytes in parts. */
export const partedBytes = ({ marks, partBytes, sizeBytes }: UploadRecord): number =>
  Math.min(marks.length * partBytes, sizeBytes ?? Number.POSITIVE_INFINITY);

export const receivedBytes = (record: UploadRecord): number => partedBytes(record) + record.tailBytes;

export const isWhole = (record: UploadRecord): boolean => receivedBytes(record) === record.sizeBytes;

/** Where the bytes wait that are not in a part; null when there are none. */
export const tailKeyOf = (record: UploadRecord): string | null =>
  record.tailBytes === 0
    ? null
    : storeKeys.incomingTail(record.id, partedBytes(record), partedBytes(record) + record.tailBytes);

export interface UploadRecords {
  get(id: string): Promise<UploadRecord | null>;
  put(record: UploadRecord): Promise<void>;
  /** With the bytes that wait beside it. */
  remove(id: string): Promise<void>;
  list(): AsyncIterable<{ readonly id: string; readonly changedAt: Date }>;
}

const keyPattern = /^incoming\/([^/]+)\/upload\.json$/;

export function makeUploadRecords(store: Pick<ObjectStore, 'get' | 'put' | 'list' | 'deletePrefix'>): UploadRecords {
  return {
    async get(id) {
      const found = await store.get(storeKeys.incoming(id));
      return found && ((await json(found.body)) as UploadRecord);
    },
    async put(record) {
      await store.put(storeKeys.incoming(record.id), Buffer.from(JSON.stringify(record)));
    },
    // In key order: the record goes last.
    remove: async (id) => void (await store.deletePrefix(storeKeys.incomingPrefix(id))),
    async *list() {
      for await (const { key, lastModified } of store.list(storeKeys.incomingPrefix())) {
        const id = keyPattern.exec(key)?.[1];
        if (id) yield { id, changedAt: lastModified };
      }
    },
  };
}
