import type { SliceSpec } from '../domain/manifest.ts';

/**
 * An appliance's own storage: verified slices of objects on disk, the hot ones in memory as well.
 *
 * Promised: what `read` returns matched its digest when it was committed; a slice is visible whole or not at all, also
 * after `kill -9`; `storedBytes` never exceeds the capacity. Keys are `<assetId>/<version>/<path>`.
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

  has(key: string, sliceIndex: number): boolean;

  /**
   * Stores one slice so that readers see all of it or none of it.
   *
   * What is held already is kept, whatever bytes come, and reported as `already-held`; otherwise the digest is checked
   * first. Room is made by evicting pulled slices, for pulled and for filled ones; pinned slices leave only by a plan or a
   * deletion.
   */
  write(key: string, slice: SliceSpec, bytes: Uint8Array, options: WriteOptions): Promise<WriteOutcome>;

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

  /** Slices that were found damaged and dropped, by readers and by `scrub`. */
  readonly damagedSlices: number;

  /** Memory of parts that were read and not released yet. */
  readonly lentBytes: number;

  setCapacity(bytes: number): Promise<void>;

  close(): Promise<void>;
}

export interface CachedSlice {
  readonly bytes: Buffer;
  readonly tier: 'memory' | 'disk';
}

export interface CachedPart extends CachedSlice {
  readonly release?: (() => void) | undefined;
}

export interface WriteOptions {
  /** True for bytes that a fill brought. */
  readonly pinned: boolean;
}

export type WriteOutcome = 'stored' | 'already-held' | 'digest-mismatch' | 'no-room' | 'disk-failed';

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
