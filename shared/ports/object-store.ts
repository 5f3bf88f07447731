import type { Readable } from 'node:stream';

/**
 * The origin: where media and every document that must survive live.
 *
 * Promised: a `put` is visible whole or not at all, also when the process dies half-way; a read that began before an
 * overwrite ends with the bytes it began with or fails; `list` is in ascending byte order of keys.
 * Deliberately absent: compare-and-swap on existing objects (not every S3 has it), user metadata, access lists. The
 * content type is a function of the key (`contentTypeOf`), so that adapters cannot disagree.
 *
 * Keys are parts joined by `/`: no empty part, `.` or `..`, no control character, at most 1,000 bytes in all and 200 a
 * part. A key that breaks this throws `invalid-key`. No key may be a folder of another (`a` and `a/b`): a folder store
 * throws `key-conflict`, S3 would keep both.
 *
 * A call whose signal aborts throws the signal's reason; a put whose source fails throws the source's own error.
 */
export interface ObjectStore {
  /** Facts of an object, or null when there is none. */
  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | null>;

  /**
   * Opens an object, or a part of it, for streaming; null when there is none. The caller consumes or destroys `body`.
   *
   * @throws ObjectStoreError `range-not-satisfiable` when `range.start` is not inside the object. A range's end beyond
   * the object is cut to its end.
   */
  get(key: string, options?: GetOptions): Promise<ObjectBody | null>;

  /**
   * Stores an object. A stream of any length is passed on in parts with bounded memory.
   *
   * @throws ObjectStoreError `digest-mismatch` or `size-mismatch` when the bytes are not the announced ones, and
   * `already-exists` for `ifNoneMatch` on a key that is there; the store is then as it was before. A stream is always
   * consumed or destroyed.
   */
  put(key: string, body: Uint8Array | Readable, options?: PutOptions): Promise<PutResult>;

  /** Objects whose key starts with `prefix`, in key order, fetched page by page. `after` starts behind that key. */
  list(prefix: string, options?: { readonly after?: string; readonly signal?: AbortSignal }): AsyncIterable<ObjectInfo>;

  /** Deletes an object; deleting what is not there is success. */
  delete(key: string): Promise<void>;

  /** Deletes all objects below a prefix that ends in `/`; returns how many. */
  deletePrefix(prefix: string): Promise<number>;

  /** Proves that the store can be reached and written to; throws what is wrong. */
  check(): Promise<void>;

  close(): Promise<void>;
}

/** Half-open would be neater; HTTP and S3 are inclusive at both ends, and so is this. */
export interface ByteSpan {
  readonly start: number;
  readonly end: number;
}

export interface GetOptions {
  readonly range?: ByteSpan;
  readonly signal?: AbortSignal;
}

export interface PutOptions {
  /** Expected lower-case hex SHA-256 of the whole body. */
  readonly sha256?: string;
  /** Expected length. */
  readonly sizeBytes?: number;
  /** Only create: never overwrite. */
  readonly ifNoneMatch?: '*';
  readonly signal?: AbortSignal;
}

export interface PutResult {
  readonly sizeBytes: number;
  /** Computed from the bytes that were stored. */
  readonly sha256: string;
}

export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** Opaque, quoted; changes whenever the object is overwritten by other bytes. */
  readonly etag: string;
  readonly lastModified: Date;
  readonly contentType: string;
}

export interface ObjectBody {
  readonly info: ObjectInfo;
  /** The span that `body` carries; of an empty object `{ start: 0, end: -1 }`. */
  readonly range: ByteSpan;
  readonly body: Readable;
  /**
   * The same bytes, instead of `body`, in memory that is used again: each piece is right until the next one is asked for. `return`
   * ends it, begun or not. Absent where it would save nothing.
   */
  readonly lend?: () => LentPieces;
}

export interface LentPieces extends AsyncIterable<Uint8Array> {
  next(): Promise<IteratorResult<Uint8Array, undefined>>;
  return(): Promise<IteratorResult<Uint8Array, undefined>>;
}

export type ObjectStoreErrorCode =
  | 'invalid-key'
  | 'range-not-satisfiable'
  | 'digest-mismatch'
  | 'size-mismatch'
  | 'already-exists'
  | 'key-conflict'
  | 'no-space'
  | 'unavailable';

/** `unavailable` is worth a retry; the others are not. The vendor's error is the `cause`. */
export class ObjectStoreError extends Error {
  readonly code: ObjectStoreErrorCode;
  readonly key: string;

  constructor(code: ObjectStoreErrorCode, key: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ObjectStoreError';
    this.code = code;
    this.key = key;
  }
}
