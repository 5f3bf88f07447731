import { json } from 'node:stream/consumers';
import { storeKeys } from '../../../../shared/domain/keys.ts';
import type { ObjectStore } from '../../../../shared/ports/object-store.ts';
import type { UploadDetails } from '../../upload-details.ts';

/** What is known of a stream on its way, kept in the object store so that any process goes on with it. */
export interface ImportRecord {
  readonly schema: 1;
  /** Of the asset that it becomes. */
  readonly id: string;
  /** Who sends the files: a client, or ingest itself, which keeps the rest of what it knows in its scratch folder. */
  readonly kind: 'folder' | 'url';
  readonly details: UploadDetails;
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly state: 'receiving' | 'publishing';
  /** The first playlist; null until it is to be published. */
  readonly entry: string | null;
  /** Why it was not published; it may be mended and published again. */
  readonly failure: { readonly code: string; readonly reason: string } | null;
}

export interface ImportRecords {
  get(id: string): Promise<ImportRecord | null>;
  put(record: ImportRecord): Promise<void>;
  remove(id: string): Promise<void>;
  ids(): AsyncIterable<string>;
}

export function makeImportRecords(store: Pick<ObjectStore, 'get' | 'put' | 'list' | 'delete'>): ImportRecords {
  return {
    async get(id) {
      const found = await store.get(storeKeys.import(id));
      return found && ((await json(found.body)) as ImportRecord);
    },
    put: async (record) => void (await store.put(storeKeys.import(record.id), Buffer.from(JSON.stringify(record)))),
    remove: (id) => store.delete(storeKeys.import(id)),
    async *ids() {
      for await (const { key } of store.list(storeKeys.importsPrefix))
        if (key.endsWith('.json')) yield key.slice(storeKeys.importsPrefix.length, -'.json'.length);
    },
  };
}
