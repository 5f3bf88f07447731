import type { EvictionQueue, Sized } from './s3-fifo.ts';
import { makeS3Fifo } from './s3-fifo.ts';

/** What an entry costs besides its bytes: map slots, queue node, buffer header. */
const overheadBytes = 512;

/** Whole slices in memory, bounded in bytes. Buffers are handed out as they are and must not be changed. */
export interface MemoryTier<K> {
  readonly sizeBytes: number;
  has(slice: K): boolean;
  /** Whether an entry of that size can be held at all. */
  mayHold(sizeBytes: number): boolean;
  get(slice: K): Buffer | null;
  put(slice: K, bytes: Buffer): void;
  remove(slice: K): void;
  clear(): void;
}

interface Entry<K> extends Sized {
  readonly slice: K;
  readonly bytes: Buffer;
}

export function makeMemoryTier<K>(maxBytes: number, nameOf: (slice: K) => string): MemoryTier<K> {
  const entries = new Map<K, Entry<K>>();
  const queue: EvictionQueue<Entry<K>> = makeS3Fifo({ nameOf: (entry) => nameOf(entry.slice), maxGhosts: 10_000 });

  return {
    get sizeBytes() {
      return queue.sizeBytes;
    },
    mayHold: (sizeBytes) => sizeBytes + overheadBytes <= maxBytes,
    has: (slice) => entries.has(slice),
    get(slice) {
      const entry = entries.get(slice);
      if (!entry) return null;
      queue.touch(entry);
      return entry.bytes;
    },
    put(slice, bytes) {
      const sizeBytes = bytes.length + overheadBytes;
      if (sizeBytes > maxBytes || entries.has(slice)) return;
      while (queue.sizeBytes + sizeBytes > maxBytes) {
        const victim = queue.evict();
        if (!victim) break;
        entries.delete(victim.slice);
      }
      const entry: Entry<K> = { slice, bytes, sizeBytes };
      entries.set(slice, entry);
      queue.add(entry);
    },
    remove(slice) {
      const entry = entries.get(slice);
      if (!entry) return;
      entries.delete(slice);
      queue.remove(entry);
    },
    clear() {
      for (const entry of entries.values()) queue.remove(entry);
      entries.clear();
    },
  };
}
