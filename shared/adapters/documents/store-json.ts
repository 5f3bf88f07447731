/** JSON documents in the object store: one schema number, one spelling, one way to say that a document is not readable. */
import { buffer } from 'node:stream/consumers';
import { type ObjectStore, ObjectStoreError } from '../../ports/object-store.ts';

/** What every stored document says of itself. */
export interface Versioned {
  readonly schema: number;
}

export class UnreadableDocumentError extends Error {
  readonly key: string;

  constructor(key: string, message: string, options?: ErrorOptions) {
    super(`${key}: ${message}`, options);
    this.name = 'UnreadableDocumentError';
    this.key = key;
  }
}

/**
 * The document, or null when there is none. Its fields are believed: only Nightfill writes there, and an older or newer
 * one tells itself by its schema number.
 *
 * @throws UnreadableDocumentError when it is no JSON object of the schema
 */
export async function readDocument<T extends Versioned>(
  store: ObjectStore,
  key: string,
  schema: T['schema'] | readonly T['schema'][],
): Promise<T | null> {
  const found = await store.get(key);
  if (!found) return null;
  return parseDocument<T>(key, (await buffer(found.body)).toString('utf8'), [schema].flat());
}

function parseDocument<T extends Versioned>(key: string, text: string, schemas: readonly number[]): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UnreadableDocumentError(key, 'it is not JSON; restore it from a backup or delete it', { cause });
  }
  if (typeof value !== 'object' || value === null || !('schema' in value)) {
    throw new UnreadableDocumentError(key, 'it has no schema number, so Nightfill did not write it');
  }
  if (!schemas.some((schema) => schema === value.schema)) {
    const said = `its schema is ${JSON.stringify(value.schema)}, this Nightfill reads ${schemas.join(' and ')}`;
    throw new UnreadableDocumentError(key, `${said}; run one that fits`);
  }
  return value as T;
}

/** Replaces what is there. */
export async function writeDocument(store: ObjectStore, key: string, document: Versioned): Promise<void> {
  await store.put(key, encode(document));
}

/** Returns false, and changes nothing, when there is one. */
export async function createDocument(store: ObjectStore, key: string, document: Versioned): Promise<boolean> {
  try {
    await store.put(key, encode(document), { ifNoneMatch: '*' });
    return true;
  } catch (error) {
    if (error instanceof ObjectStoreError && error.code === 'already-exists') return false;
    throw error;
  }
}

/** For people too: an operator reads, compares and greps these files. Long lists are no part of them (`store-parts.ts`). */
const encode = (document: Versioned): Buffer => Buffer.from(`${JSON.stringify(document, null, 2)}\n`);
