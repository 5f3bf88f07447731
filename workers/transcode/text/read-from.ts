import { buffer } from 'node:stream/consumers';
import type { ReadBytes } from '../../../shared/conformance/source.ts';
import type { ObjectStore } from '../../../shared/ports/object-store.ts';

/** Reads parts of stored files for a check. */
export function readFrom(store: Pick<ObjectStore, 'get' | 'head'>, keyOf: (path: string) => string) {
  return async (path: string, offset: number, length: number): Promise<ReadBytes> => {
    const info = await store.head(keyOf(path));
    if (!info) throw new Error('is not there');
    if (length <= 0 || offset >= info.sizeBytes) return { bytes: new Uint8Array(), fileSizeBytes: info.sizeBytes };
    const object = await store.get(keyOf(path), { range: { start: offset, end: offset + length - 1 } });
    if (!object) throw new Error('is not there');
    return { bytes: await buffer(object.body), fileSizeBytes: info.sizeBytes };
  };
}
