/**
 * The disk budget as a hard limit: bytes are reserved before they are written and released after their file is gone, so
 * `storedBytes` never exceeds the capacity, however many write at once.
 *
 * What plans keep comes first; what is left of the capacity is for pulled slices, whose own rules say which of them stay.
 */
export interface RoomKeeper {
  readonly capacityBytes: number;
  /** Held, being written, and being deleted. */
  readonly storedBytes: number;
  /** Held for a plan. */
  readonly pinnedBytes: number;
  /** Counts bytes that lie on the disk already. */
  count(bytes: number): void;
  /** Counts held bytes as those of a plan, or (below 0) no longer so; `refit` is due then. */
  pin(bytes: number): void;
  /** Lets pulled slices go that no longer fit beside what plans keep. */
  refit(): void;
  /** Room for bytes of a plan, made by letting pulled slices go; null when even that would not be enough. */
  reservePinned(bytes: number): Promise<Reservation | null>;
  /** Room for a slice that has its place among the pulled ones; null when the disk does not give it. */
  reservePulled(bytes: number): Promise<Reservation | null>;
  /** Bytes of a file that is being deleted. @param isGone whether it could be. */
  leave(bytes: number, isGone: Promise<boolean>): Promise<void>;
  /** Sets the capacity and evicts what no longer fits; pinned bytes above it stay until a plan lets them go. */
  shrinkTo(capacityBytes: number): Promise<void>;
}

export interface Reservation {
  /** The bytes are on the disk and counted: as held, and where a plan keeps them, as pinned. */
  keep(): void;
  /** Nothing of them is on the disk. */
  giveBack(): void;
}

export interface PulledPart {
  readonly usedBytes: number;
  setCapacity(bytes: number): void;
}

/** A shrunken budget is no reason to stall the readers: so much is let go before others have a turn. */
const shrinkStepBytes = 256 * 1024 * 1024;

export function makeRoomKeeper(initialBytes: number, pulled: PulledPart): RoomKeeper {
  let capacityBytes = initialBytes;
  let storedBytes = 0;
  let pinnedBytes = 0;
  let comingPinnedBytes = 0;
  /** Of files that could not be deleted: they still lie on the disk. */
  let stuckBytes = 0;
  /** Writes and deletions that will end and may free bytes then. */
  let underWay = 0;
  let waiting: (() => void)[] = [];

  const pulledCapacity = (): number => Math.max(0, capacityBytes - pinnedBytes - comingPinnedBytes - stuckBytes);
  const refit = (): void => pulled.setCapacity(pulledCapacity());
  const wake = (): void => {
    const woken = waiting;
    waiting = [];
    for (const resolve of woken) resolve();
  };

  /** Waits until bytes that others are about to free are free. */
  async function reserve(bytes: number, onEnd: () => void): Promise<Reservation | null> {
    while (storedBytes + bytes > capacityBytes) {
      if (underWay === 0) return null;
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    storedBytes += bytes;
    underWay += 1;
    const end = (freedBytes: number): void => {
      underWay -= 1;
      storedBytes -= freedBytes;
      onEnd();
      wake();
    };
    return { keep: () => end(0), giveBack: () => end(bytes) };
  }

  return {
    get capacityBytes() {
      return capacityBytes;
    },
    get storedBytes() {
      return storedBytes;
    },
    get pinnedBytes() {
      return pinnedBytes;
    },
    count(bytes) {
      storedBytes += bytes;
    },
    pin(bytes) {
      pinnedBytes += bytes;
    },
    refit,
    async reservePinned(bytes) {
      if (pinnedBytes + comingPinnedBytes + stuckBytes + bytes > capacityBytes) return null;
      comingPinnedBytes += bytes;
      refit();
      const onEnd = (): void => {
        comingPinnedBytes -= bytes;
        refit();
      };
      const reservation = await reserve(bytes, onEnd);
      if (!reservation) onEnd();
      return reservation;
    },
    reservePulled: (bytes) => reserve(bytes, () => {}),
    async leave(bytes, isGone) {
      underWay += 1;
      const wasDeleted = await isGone;
      underWay -= 1;
      if (wasDeleted) storedBytes -= bytes;
      else {
        stuckBytes += bytes;
        refit();
      }
      wake();
    },
    async shrinkTo(next) {
      capacityBytes = next;
      while (pulled.usedBytes > pulledCapacity() + shrinkStepBytes) {
        pulled.setCapacity(pulled.usedBytes - shrinkStepBytes);
        await new Promise((resolve) => setImmediate(resolve));
      }
      refit();
      while (storedBytes > capacityBytes && underWay > 0) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}
