/**
 * Objects that arrive in parts, over days and restarts if need be, straight into the object store.
 *
 * Promised: nothing is visible under the key before `finish`, and then all of it; a part whose `putPart` returned outlives
 * a crash of anyone; a part that is put again replaces the one before. Who begins an upload keeps its handle and what
 * `putPart` returned: the store is not asked what it holds.
 */
export interface PartUploads {
  /** Every part but the last has at least so many bytes. */
  readonly leastPartBytes: number;
  readonly mostParts: number;

  /** @throws ObjectStoreError `no-space` where so many bytes would not fit, as far as the store can tell. */
  begin(key: string, sizeBytes: number | null): Promise<PartUpload>;

  /** Stores part `number`, from 1 on, which begins at `offset` of the object; returns the part's mark. */
  putPart(upload: PartUpload, part: PartPlace, bytes: Uint8Array): Promise<string>;

  /**
   * Makes the object of its parts, which are all that were put (some stores refuse to leave one out). Finishing again
   * what is there already is success.
   *
   * @throws ObjectStoreError `size-mismatch` when the parts are not `sizeBytes` long, `unavailable` when some are gone.
   */
  finish(upload: PartUpload, marks: readonly string[], sizeBytes: number): Promise<void>;

  /** Gives up what was stored; giving up what is not there is success. */
  abort(upload: PartUpload): Promise<void>;

  /** Gives up all uploads to keys with this prefix that were begun before a time and that nobody knows; returns how many. */
  abortUnknown(prefix: string, known: ReadonlySet<string>, before: Date): Promise<number>;

  close(): Promise<void>;
}

export interface PartUpload {
  readonly key: string;
  /** What the store calls it. */
  readonly handle: string;
}

export interface PartPlace {
  readonly number: number;
  readonly offset: number;
}
