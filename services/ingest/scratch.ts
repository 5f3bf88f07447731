import { randomUUID } from 'node:crypto';
import { mkdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem } from '../../shared/platform/problem.ts';

/**
 * Ingest's folder for bytes that are not yet an asset.
 *
 * - `incoming/`: parts of uploads that are being looked at; emptied at start.
 * - `imports/`: what is to be fetched from URLs, which outlives a restart.
 */
export interface Scratch {
  readonly importsDir: string;
  /** Path of a file that does not exist yet; who makes it removes it. */
  newIncomingPath(): string;
  /** @throws Problem `no-room` when so many more bytes would fill the disk. */
  ensureRoom(sizeBytes: number): Promise<void>;
}

/** Left free, so that a full scratch folder does not stop everything else on the disk. */
const reserveBytes = 32 * 1024 * 1024;

export async function openScratch(dir: string): Promise<Scratch> {
  const incomingDir = join(dir, 'incoming');
  const importsDir = join(dir, 'imports');
  await rm(incomingDir, { recursive: true, force: true });
  await mkdir(incomingDir, { recursive: true });
  await mkdir(importsDir, { recursive: true });

  const freeBytes = async (): Promise<number> => {
    const { bavail, bsize } = await statfs(dir);
    return bavail * bsize;
  };

  return {
    importsDir,
    newIncomingPath: () => join(incomingDir, randomUUID()),
    async ensureRoom(sizeBytes) {
      const free = await freeBytes();
      if (free - reserveBytes < sizeBytes)
        throw noRoom(`${sizeBytes} bytes were announced, ${free} are free, and ${reserveBytes} of them stay free.`);
    },
  };
}

/** The refusal for a full disk, with what is known of it. */
export const noRoom = (known: string, cause?: unknown): Problem =>
  new Problem(
    'no-room',
    `The disk for uploads is full. ${known} Free some space, or give NIGHTFILL_SCRATCH_DIR a larger disk.`,
    { cause },
  );
