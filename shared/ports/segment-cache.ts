import type { SliceSpec } from '../domain/manifest.ts';

/**
 * An appliance's own storage: verified slices of objects on disk, the hot ones in memory as well.
 *
 * Promised: what `read` returns matched its digest when it was committed; a slice is visible whole or not at all, also
 * after `kill -9`; `storedBytes` never exceeds the capacity. Keys are `<assetId>/<version>/<path>`.
 * What is read is noted as asked for; of the slices that no plan keeps those stay that are expected to be asked for most.
 * Deliberately absent: expiry. Versions are immutable, so a slice is right for ever and leaves only by eviction or
 * deletion.
 */
export interface SegmentCache {
  /** The slice's bytes and the tier they came from; null when it is not held. The buffer must not be changed. */
  read(key: string, sliceIndex: number): Promise<CachedSlice | null>;

  /**
   * The bytes `from … to - 1` of a slice, checked as those of `read` are. They may lie in a buffer that is used again:
   * where there is a `release`, it must be called once they are no longer needed, and they must not be kept.
   */
  readPart(key: string, sliceIndex: number, from: number, to: number): Promise<CachedPart | null>;

  /** As `readPart`, for bytes that can be had without waiting; null for all others, held or not. */
  readPartNow(key: string, sliceIndex: number, from: number, to: number): CachedPart | null;

  /**
   * As `readPartNow`, without reading: for whoever can have the kernel send a file. Null also where the bytes are better
   * read, because they are better had from memory or were not checked lately.
   */
  openPartNow(key: string, sliceIndex: number, from: number, to: number, options?: OpenOptions): StoredBytes | null;

  has(key: string, sliceIndex: number): boolean;

  /**
   * Stores one slice so that readers see all of it or none of it.
   *
   * What is held already is kept, whatever bytes come, and reported as `already-held`; otherwise the digest is checked
   * first. Room is made by evicting pulled slices, for filled ones and for pulled ones that are worth more; pinned slices
   * leave only by a plan or a deletion. A pulled slice of a pinned key is pinned.
   */
  write(key: string, slice: SliceSpec, bytes: Uint8Array, options: WriteOptions): Promise<WriteOutcome>;

  /**
   * Buffers to receive slices in, which `write` need not copy to check them. What is taken is given back once its write has ended,
   * and not touched after that.
   */
  readonly incoming: IncomingBuffers;

  /** Deletes all slices of the key, or of all keys below a prefix that ends in `/`; returns the freed bytes. */
  remove(keyOrPrefix: string): Promise<number>;

  /** Makes `keys` the pinned set: held ones are pinned now, others when they are written; all else becomes evictable. */
  setPinned(keys: ReadonlySet<string>): Promise<void>;

  /** What is held, in key order; with `after`, what comes behind that key. */
  inventory(after?: string): Iterable<InventoryEntry>;

  stats(): CacheStats;

  /**
   * Reads and checks slices from the disk, going on where the last call stopped, at least one and about `maxBytes`; what is
   * damaged is dropped. Returns the bytes it read; 0 when nothing is held.
   */
  scrub(maxBytes: number): Promise<number>;

  readonly demand: SliceDemand;

  /** Slices that were found damaged and dropped, by readers and by `scrub`. */
  readonly damagedSlices: number;

  /** Memory of parts that were read and not released yet. */
  readonly lentBytes: number;

  setCapacity(bytes: number): Promise<void>;

  close(): Promise<void>;
}

export interface IncomingBuffers {
  /** Of at least `sizeBytes`, with anything in it. */
  take(sizeBytes: number): Buffer;
  give(buffer: Buffer): void;
}

/** What is asked for and not read here, and what should be here before it is. */
export interface SliceDemand {
  /** Somebody asks for so many bytes of a slice that is not held. */
  missed(key: string, slice: SlicePlace, bytes: number): void;
  /** Viewers of other regions ask for a slice, held here or not; `requests` may be a fraction. */
  seenElsewhere(key: string, slice: SlicePlace, requests: number): void;
  /** Until then nothing is pushed. */
  setTopUp(topUp: TopUp): void;
  /** What `push` was told of does not come. */
  giveUp(key: string, sliceIndex: number): void;
}

export type SlicePlace = Pick<SliceSpec, 'index' | 'sizeBytes'>;

/** Fetches what is worth more than what it takes the place of, before anybody asks; decided once an hour. */
export interface TopUp {
  /** Bytes that may be pushed now. */
  budgetBytes(): number;
  /** Whether the object may be pushed here at all. */
  mayPush(key: string): boolean;
  /** The slice is to be pulled and written; its place is kept for a day, or until `giveUp`. */
  push(key: string, sliceIndex: number): void;
}

export interface CachedSlice {
  readonly bytes: Buffer;
  readonly tier: 'memory' | 'disk';
}

export interface CachedPart extends CachedSlice {
  readonly release?: (() => void) | undefined;
}

export interface OpenOptions {
  /** Also where all of the slice is asked for, and lies in memory or would come there. */
  readonly insteadOfMemory?: boolean;
}

/**
 * Bytes in a file that stays open, also when the slice is deleted meanwhile, until `release`; which must be called. Places are
 * counted from the first of them.
 */
export interface StoredBytes {
  readonly length: number;
  /** Whether they were checked so lately that they may be sent as they are. */
  isFresh(): boolean;
  /** Has them sent from `from` on; returns what `send` does. Only while `isFresh`. */
  sendNow(send: (fileFd: number, position: number, length: number) => number, from: number): number;
  /** Only while `isFresh`. @throws Error where the file cannot be read. */
  readNow(from: number, to: number): Buffer;
  /** Checked anew where that is due. @throws Error where they are gone or damaged. */
  read(from: number, to: number): Promise<CachedPart>;
  release(): void;
}

export interface WriteOptions {
  /** True for bytes that a fill brought. */
  readonly pinned: boolean;
}

/** `worth-less`: what would have to leave for a pulled slice is expected to be asked for more. */
export type WriteOutcome = 'stored' | 'already-held' | 'digest-mismatch' | 'no-room' | 'worth-less' | 'disk-failed';

export interface InventoryEntry {
  readonly key: string;
  readonly heldBytes: number;
  readonly slices: number;
  readonly pinned: boolean;
}

export interface CacheStats {
  readonly capacityBytes: number;
  readonly storedBytes: number;
  readonly pinnedBytes: number;
  readonly storedObjects: number;
  readonly memoryBytes: number;
  readonly evictedBytes: number;
}
