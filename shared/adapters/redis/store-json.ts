import { buffer } from 'node:stream/consumers';
import type { ObjectStore } from '../../ports/object-store.ts';

/** The bytes of a small object, or null when there is none. */
export async function readObject(store: ObjectStore, key: string): Promise<Buffer | null> {
  const object = await store.get(key);
  return object ? buffer(object.body) : null;
}

/** A document written by this product; null when there is none. @throws when it is not JSON. */
export async function readJson<T>(store: ObjectStore, key: string): Promise<T | null> {
  const bytes = await readObject(store, key);
  return bytes ? parseJson<T>(key, bytes.toString('utf8')) : null;
}

/** @throws an error that names the object. */
export function parseJson<T>(key: string, text: string): T {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`The document ${key} is damaged: it is not JSON`, { cause });
  }
}

export const encodeJson = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
