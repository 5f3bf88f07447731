import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isId } from '../../../shared/domain/keys.ts';
import type { UploadDetails } from '../upload-details.ts';
import type { FetchedParts } from './fetch-file.ts';
import type { HlsOrigin } from './hls/fetch-hls.ts';

/** What is kept of an import in the scratch folder, so that it outlives a restart. The URL may hold a signature. */
export interface UrlRecord {
  readonly id: string;
  readonly url: string;
  /** A stream to be published as it is; absent: a video. */
  readonly hls?: boolean;
  /** Where that stream was found. */
  readonly origin?: HlsOrigin;
  /** Of a video: what is in the store. */
  readonly fetched?: FetchedParts;
  /** Bytes that were told to have arrived; never fewer later on. */
  readonly reached?: number;
  /** How often it began again at its first byte. */
  readonly restarts?: number;
  readonly details: UploadDetails;
  /** Milliseconds. */
  readonly createdAt: number;
  readonly failure: ImportFailure | null;
}

export interface ImportFailure {
  readonly code: string;
  readonly reason: string;
}

export interface UrlRecords {
  /** Replaces it whole; of one import, one after the other. */
  save(record: UrlRecord): Promise<void>;
  /** Null for what a crash left half written, or another version wrote. */
  read(id: string): Promise<UrlRecord | null>;
  remove(id: string): Promise<void>;
  ids(): Promise<string[]>;
}

export function makeUrlRecords(dir: string): UrlRecords {
  const pathOf = (id: string): string => join(dir, `${id}.json`);
  return {
    async save(record) {
      const path = pathOf(record.id);
      await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
      await rename(`${path}.new`, path);
    },
    async read(id) {
      try {
        const record: UrlRecord = JSON.parse(await readFile(pathOf(id), 'utf8'));
        return typeof record.url === 'string' && isId(record.id) ? record : null;
      } catch {
        return null;
      }
    },
    remove: (id) => rm(pathOf(id), { force: true }),
    ids: async () =>
      (await readdir(dir)).flatMap((name) => {
        const id = name.replace(/\.json$/, '');
        return name.endsWith('.json') && isId(id) ? [id] : [];
      }),
  };
}
