/**
 * Uploads in parts for the folder store: one file in `<root>/parts`, named like the object when it is finished.
 *
 * Handle = `<key, escaped>~<uuid>`, which is the file's name: what is left over is told by its age, not by its writer, because
 * an upload outlives processes.
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, realpath, rm, stat, statfs } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ObjectStoreError } from '../../ports/object-store.ts';
import type { PartUpload, PartUploads } from '../../ports/part-uploads.ts';
import { assertKey } from '../object-store/keys.ts';
import { asStoreError, unless } from './folder-errors.ts';
import { headFile } from './object-file.ts';
import { nameFile } from './put-file.ts';

/** Left free, so that an upload does not stop everything else on the disk. */
const reserveBytes = 32 * 1024 * 1024;

export function makeFolderPartUploads({ root }: { readonly root: string }): PartUploads {
  async function folders() {
    await mkdir(join(root, 'objects'), { recursive: true });
    await mkdir(join(root, 'parts'), { recursive: true });
    const base = await realpath(root);
    return { objects: join(base, 'objects'), parts: join(base, 'parts') };
  }

  async function fileOf({ handle }: PartUpload): Promise<string> {
    return join((await folders()).parts, basename(handle));
  }

  return {
    leastPartBytes: 1,
    mostParts: 1_000_000,
    begin: (key, sizeBytes) =>
      guarded(key, async () => {
        assertKey(key);
        const { parts } = await folders();
        const { bavail, bsize } = await statfs(parts);
        if (bavail * bsize - reserveBytes < (sizeBytes ?? 0))
          throw new ObjectStoreError(
            'no-space',
            key,
            `${key}: ${sizeBytes} bytes do not fit, ${bavail * bsize} are free`,
          );
        const handle = `${encodeURIComponent(key)}~${randomUUID()}`;
        await using(await open(join(parts, handle), 'wx', 0o644), (file) => file.sync());
        return { key, handle };
      }),
    putPart: (upload, { offset }, bytes) =>
      guarded(upload.key, async () => {
        await using(await open(await fileOf(upload), 'r+'), async (file) => {
          await writeAll(file, bytes, offset);
          await file.datasync();
        });
        return String(offset + bytes.byteLength);
      }),
    finish: (upload, marks, sizeBytes) =>
      guarded(upload.key, async () => {
        const { objects } = await folders();
        const path = await fileOf(upload);
        const isThere = await unless(['ENOENT'], false, () => stat(path).then(() => true));
        if (!isThere) {
          if ((await headFile(objects, upload.key))?.sizeBytes === sizeBytes) return;
          throw new ObjectStoreError('unavailable', upload.key, `${upload.key}: its parts are gone`);
        }
        if (Number(marks.at(-1) ?? 0) !== sizeBytes)
          throw new ObjectStoreError(
            'size-mismatch',
            upload.key,
            `${upload.key}: the parts are not ${sizeBytes} bytes`,
          );
        await using(await open(path, 'r+'), async (file) => {
          await file.truncate(sizeBytes);
          await file.sync();
        });
        await nameFile(path, objects, upload.key);
      }),
    abort: (upload) => guarded(upload.key, async () => rm(await fileOf(upload), { force: true })),
    abortUnknown: (prefix, known, before) =>
      guarded(prefix, async () => {
        const { parts } = await folders();
        let aborted = 0;
        for (const name of await readdir(parts)) {
          if (known.has(name) || !name.startsWith(encodeURIComponent(prefix))) continue;
          const file = await unless(['ENOENT'], null, () => stat(join(parts, name)));
          if (!file || file.mtimeMs >= before.getTime()) continue;
          await rm(join(parts, name), { force: true });
          aborted += 1;
        }
        return aborted;
      }),
    close: async () => {},
  };
}

async function guarded<T>(key: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw asStoreError(key, error);
  }
}

async function using(file: FileHandle, action: (file: FileHandle) => Promise<unknown>): Promise<void> {
  try {
    await action(file);
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.byteLength - at, offset + at);
    at += bytesWritten;
  }
}
