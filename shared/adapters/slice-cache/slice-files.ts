/**
 * Slices as files: `slices/<number mod 4096, hex>/<number>`, one file a slice, numbered in the order of writing.
 *
 * A number is never used again, so a file that is being deleted can never be taken for its successor. A million slices
 * are about 250 files a folder. Bytes are written under `tmp/`, synced, then renamed: a name in `slices/` means a whole
 * file.
 */
import fs from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const open = promisify(fs.open);
const close = promisify(fs.close);
const datasync = promisify(fs.fdatasync);
const rename = promisify(fs.rename);
const unlink = promisify(fs.unlink);
const mkdir = promisify(fs.mkdir);

const shardCount = 4_096;

const shardName = (fileId: number): string => (fileId % shardCount).toString(16).padStart(3, '0');

const passingErrors: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);

/** A disk that cannot open more files is busy, not broken. */
export const isPassing = (error: unknown): boolean => passingErrors.has((error as NodeJS.ErrnoException).code);

export interface SliceFiles {
  pathOf(fileId: number): string;
  /** Resolves when the bytes are on the disk under their final name; leaves nothing behind when it throws. */
  write(fileId: number, bytes: Uint8Array): Promise<void>;
  /** The first `sizeBytes` of the file, in `into` or a buffer of its own; shorter when the file is. */
  read(fileId: number, sizeBytes: number, into?: Buffer): Promise<Buffer>;
  /** Removing what is not there is success. */
  remove(fileId: number): Promise<void>;
  /** Deletes every file that `keep` does not want, folder by folder, until all are seen or `isOver`. */
  sweep(keep: (fileId: number) => boolean, isOver: () => boolean): Promise<void>;
  /** Deletes what an interrupted process left half-written. */
  clearTemporary(): void;
}

export function makeSliceFiles(dir: string): SliceFiles {
  const tmp = join(dir, 'tmp');
  const slices = join(dir, 'slices');
  fs.mkdirSync(tmp, { recursive: true });
  fs.mkdirSync(slices, { recursive: true });
  const made = new Set<string>();

  const shardOf = (fileId: number): string => `${slices}/${shardName(fileId)}`;
  const pathOf = (fileId: number): string => `${shardOf(fileId)}/${fileId}`;

  return {
    pathOf,

    async write(fileId, bytes) {
      const temporary = join(tmp, String(fileId));
      const shard = shardOf(fileId);
      try {
        const fd = await open(temporary, 'wx', 0o600);
        try {
          await writeAll(fd, bytes);
          await datasync(fd);
        } finally {
          await close(fd);
        }
        if (!made.has(shard)) {
          await mkdir(shard, { recursive: true });
          made.add(shard);
        }
        await rename(temporary, pathOf(fileId));
      } catch (error) {
        await unlink(temporary).catch(() => {});
        throw error;
      }
    },

    async read(fileId, sizeBytes, into = Buffer.allocUnsafeSlow(sizeBytes)) {
      const fd = await open(pathOf(fileId), 'r');
      try {
        return await readUpTo(fd, into.subarray(0, sizeBytes));
      } finally {
        await close(fd);
      }
    },

    async remove(fileId) {
      await unlink(pathOf(fileId)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    },

    async sweep(keep, isOver) {
      for (const shard of await readdir(slices)) {
        if (isOver()) return;
        for (const name of await readdir(join(slices, shard))) {
          const fileId = Number(name);
          const inPlace = String(fileId) === name && shardName(fileId) === shard;
          if (!inPlace || !keep(fileId)) await rm(join(slices, shard, name), { recursive: true, force: true });
        }
      }
    },

    clearTemporary() {
      for (const name of fs.readdirSync(tmp)) fs.rmSync(join(tmp, name), { recursive: true, force: true });
    },
  };
}

const write = (fd: number, bytes: Uint8Array, offset: number): Promise<number> =>
  new Promise((resolve, reject) => {
    fs.write(fd, bytes, offset, bytes.length - offset, null, (error, written) =>
      error ? reject(error) : resolve(written),
    );
  });

/** A disk that runs full writes a part first and fails at the next call. */
async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) offset += await write(fd, bytes, offset);
}

const read = (fd: number, buffer: Buffer, offset: number): Promise<number> =>
  new Promise((resolve, reject) => {
    fs.read(fd, buffer, offset, buffer.length - offset, offset, (error, count) =>
      error ? reject(error) : resolve(count),
    );
  });

/** One large read, as a rule: streams of 64 KiB halve the throughput. */
async function readUpTo(fd: number, buffer: Buffer): Promise<Buffer> {
  const sizeBytes = buffer.length;
  let offset = 0;
  while (offset < sizeBytes) {
    const count = await read(fd, buffer, offset);
    if (count === 0) return buffer.subarray(0, offset);
    offset += count;
  }
  return buffer;
}
