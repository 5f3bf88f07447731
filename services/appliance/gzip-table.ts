/** Playlists as gzip (RFC 1952), encoded once and remembered: bounded in bytes, and never the only form of anything. */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { LRUCache } from 'lru-cache';

const encode = promisify(gzip);
const maxBytes = 32 * 1024 * 1024;
/** Below this the head of the answer is longer than what is saved. */
const minInputBytes = 200;

export interface GzipTable {
  /** The encoded form, remembered; null where it would not be smaller, undefined where it was not made yet. */
  get(sha256: string): Buffer | null | undefined;
  make(sha256: string, bytes: Buffer): Promise<Buffer | null>;
}

const tooLarge = Buffer.alloc(0);

export function makeGzipTable(): GzipTable {
  const known = new LRUCache<string, Buffer>({ maxSize: maxBytes, sizeCalculation: ({ length }) => length + 200 });
  return {
    get(sha256) {
      const found = known.get(sha256);
      return found === tooLarge ? null : found;
    },
    async make(sha256, bytes) {
      const encoded = bytes.length < minInputBytes ? null : await encode(bytes, { level: 9 });
      const smaller = encoded && encoded.length < bytes.length ? encoded : null;
      known.set(sha256, smaller ?? tooLarge);
      return smaller;
    },
  };
}

/** RFC 9110 §12.5.3: gzip is named, or `*` is, with a weight above 0, and what is not encoded is not liked better. */
export function acceptsGzip(header: string | undefined): boolean {
  if (header === undefined || header === '') return false;
  const weights = new Map<string, number>();
  for (const element of header.toLowerCase().split(',')) {
    const [coding = '', ...parameters] = element.split(';').map((part) => part.trim());
    const weight = parameters.map((parameter) => weightForm.exec(parameter)?.[1]).find((text) => text !== undefined);
    weights.set(coding, weight === undefined ? 1 : Number(weight));
  }
  const gzip = weights.get('gzip') ?? weights.get('x-gzip') ?? weights.get('*') ?? 0;
  return gzip > 0 && gzip >= (weights.get('identity') ?? 0);
}

/** §12.4.2 */
const weightForm = /^q=([01](?:\.\d{0,3})?)$/;
