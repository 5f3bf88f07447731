import type { EvictionQueue, Sized } from './s3-fifo.ts';

/**
 * The disk budget as a hard limit: bytes are reserved before they are written and released after their file is gone, so
 * `storedBytes` never exceeds the capacity, however many write at once.
 */
export interface RoomKeeper {
  readonly capacityBytes: number;
  /** Held, being written, and being deleted. */
  readonly storedBytes: number;
  readonly evictedBytes: number;
  /** Counts bytes that lie on the disk already. */
  count(bytes: number): void;
  /** Makes room by evicting; false, with nothing evicted, when even that would not be enough. */
  reserve(bytes: number): Promise<boolean>;
  release(bytes: number): void;
  /** Sets the capacity and evicts what no longer fits; pinned bytes above it stay until a plan lets them go. */
  shrinkTo(capacityBytes: number): Promise<void>;
}

export interface RoomKeeperOptions<T extends Sized> {
  readonly capacityBytes: number;
  readonly queue: EvictionQueue<T>;
  /** Deletes an entry and calls `release` for it. */
  readonly drop: (entry: T) => Promise<void>;
}

export function makeRoomKeeper<T extends Sized>(options: RoomKeeperOptions<T>): RoomKeeper {
  const { queue, drop } = options;
  let capacityBytes = options.capacityBytes;
  let storedBytes = 0;
  let leavingBytes = 0;
  let evictedBytes = 0;

  async function evictOne(): Promise<boolean> {
    const victim = queue.evict();
    if (!victim) return false;
    evictedBytes += victim.sizeBytes;
    leavingBytes += victim.sizeBytes;
    await drop(victim);
    leavingBytes -= victim.sizeBytes;
    return true;
  }

  return {
    get capacityBytes() {
      return capacityBytes;
    },
    get storedBytes() {
      return storedBytes;
    },
    get evictedBytes() {
      return evictedBytes;
    },
    count(bytes) {
      storedBytes += bytes;
    },
    async reserve(bytes) {
      while (storedBytes + bytes > capacityBytes) {
        if (storedBytes - leavingBytes - queue.sizeBytes + bytes > capacityBytes) return false;
        if (!(await evictOne())) {
          // Others are deleting what this one needs: wait for them.
          if (leavingBytes === 0) return false;
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      storedBytes += bytes;
      return true;
    },
    release(bytes) {
      storedBytes -= bytes;
    },
    async shrinkTo(next) {
      capacityBytes = next;
      while (storedBytes - leavingBytes > capacityBytes && (await evictOne())) {
        // One at a time: a shrunken budget is no reason to stall the readers.
      }
    },
  };
}
