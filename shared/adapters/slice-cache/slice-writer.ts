/**
 * How slices come in: one write at a time for each, its digest checked before a byte is written.
 *
 * | a slice is | when |
 * |------------|------|
 * | reserved   | its bytes count against the capacity, before any is written |
 * | written    | its digest matched, its file is synced and renamed |
 *
 * From there on it is held (holdings.ts). A write that fails, or whose key is deleted meanwhile, leaves nothing behind.
 */
import type { SliceSpec } from '../../domain/manifest.ts';
import type { SegmentCache, WriteOptions, WriteOutcome } from '../../ports/segment-cache.ts';
import type { Holdings } from './holdings.ts';
import type { Expected, PulledSlices } from './pulled-slices.ts';
import type { Reservation, RoomKeeper } from './room.ts';
import type { SliceFiles } from './slice-files.ts';
import type { SliceIndex } from './slice-index.ts';
import type { Summer } from './summer.ts';

export interface SliceWriterDeps {
  readonly index: SliceIndex;
  readonly holdings: Holdings;
  readonly pulled: Pick<PulledSlices, 'offer' | 'cancel'>;
  readonly room: RoomKeeper;
  /** Before this nothing is written: what would have to leave is not known yet. */
  readonly roomIsReady: Promise<void>;
  readonly files: SliceFiles;
  readonly summer: Pick<Summer, 'sum'>;
  readonly firstFileId: number;
  readonly onDiskError: (error: Error) => void;
}

export interface SliceWriter extends Pick<SegmentCache, 'write'> {
  /** Makes the writes that are under way for the key, or below the prefix, end as `no-room`. */
  abandon(keyOrPrefix: string): void;
  /** Above those of all files that were written. */
  readonly nextFileId: number;
  /** Resolves when the writes that are under way have ended. */
  settled(): Promise<void>;
}

interface Write {
  readonly key: string;
  deleted: boolean;
  readonly done: Promise<WriteOutcome>;
}

/** What a slice may come in on: room on the disk, and for a pulled one its place among those. */
interface Leave {
  readonly reservation: Reservation;
  /** Null: a plan keeps it. */
  readonly expected: Expected | null;
}

export function makeSliceWriter(deps: SliceWriterDeps): SliceWriter {
  const { index, holdings, pulled, room, roomIsReady, files, summer, firstFileId, onDiskError } = deps;
  const writes = new Map<string, Write>();
  let nextFileId = firstFileId;

  async function askLeave(key: string, { index, sizeBytes }: SliceSpec, pinIt: boolean): Promise<Leave | WriteOutcome> {
    await roomIsReady;
    if (pinIt || holdings.isPinned(key)) {
      const reservation = await room.reservePinned(sizeBytes);
      return reservation ? { reservation, expected: null } : 'no-room';
    }
    const expected = pulled.offer({ key, index }, sizeBytes);
    if (typeof expected === 'string') return expected;
    const reservation = await room.reservePulled(sizeBytes);
    if (reservation) return { reservation, expected };
    pulled.cancel(expected);
    return 'no-room';
  }

  async function store(write: Write, slice: SliceSpec, bytes: Uint8Array, pinIt: boolean): Promise<WriteOutcome> {
    if (bytes.length !== slice.sizeBytes) return 'digest-mismatch';
    const { sha256, whole: crc, blocks } = await summer.sum(bytes);
    if (sha256 !== slice.sha256) return 'digest-mismatch';
    const leave = await askLeave(write.key, slice, pinIt);
    if (typeof leave === 'string') return leave;
    const { reservation, expected } = leave;
    const fileId = nextFileId;
    nextFileId += 1;
    try {
      if (!expected?.isLost) await files.write(fileId, bytes);
      if (write.deleted || expected?.isLost) throw new Error(`${write.key} is not wanted any more`);
      holdings.add({ key: write.key, index: slice.index, sizeBytes: bytes.length, fileId, crc, blocks }, expected);
      reservation.keep();
      return 'stored';
    } catch (error) {
      await files.remove(fileId).catch(() => {});
      if (expected) pulled.cancel(expected);
      reservation.giveBack();
      if (write.deleted) return 'no-room';
      if (expected?.isLost) return 'worth-less';
      onDiskError(error as Error);
      return 'disk-failed';
    }
  }

  return {
    async write(key, slice, bytes, { pinned: pinIt }: WriteOptions): Promise<WriteOutcome> {
      const name = `${key}#${slice.index}`;
      for (;;) {
        if (index.get(key, slice.index)) {
          if (pinIt) holdings.pin(key);
          return 'already-held';
        }
        const other = writes.get(name);
        if (!other) break;
        await other.done;
      }
      const { promise, resolve } = Promise.withResolvers<WriteOutcome>();
      const write: Write = { key, deleted: false, done: promise };
      writes.set(name, write);
      const outcome = await store(write, slice, bytes, pinIt).finally(() => writes.delete(name));
      resolve(outcome);
      return outcome;
    },

    get nextFileId() {
      return nextFileId;
    },

    abandon(keyOrPrefix) {
      const matches = (key: string) =>
        key === keyOrPrefix || (keyOrPrefix.endsWith('/') && key.startsWith(keyOrPrefix));
      for (const write of writes.values()) if (matches(write.key)) write.deleted = true;
    },

    async settled() {
      await Promise.all([...writes.values()].map((write) => write.done));
    },
  };
}
