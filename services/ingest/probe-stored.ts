import { createWriteStream } from 'node:fs';
import { open, rm, truncate, writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { SourceInfo } from '../../shared/domain/asset.ts';
import { readBox } from '../../shared/media/boxes.ts';
import { UnplayableSourceError } from '../../shared/media/unplayable.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import type { Scratch } from './scratch.ts';

/** The facts of a playable file. @throws UnplayableSourceError */
export type Probe = (path: string) => Promise<Omit<SourceInfo, 'fileName' | 'sizeBytes' | 'sha256'>>;

export type ProbeStored = (key: string, sizeBytes: number) => ReturnType<Probe>;

export interface ProbeStoredDependencies {
  readonly store: Pick<ObjectStore, 'get'>;
  readonly scratch: Pick<Scratch, 'newIncomingPath' | 'ensureRoom'>;
  readonly probe: Probe;
  /** How much of the beginning and of the end is fetched; 8 MiB by default. */
  readonly windowBytes?: number;
}

const maxBoxes = 512;
/** Media, whose first samples are at the beginning, and padding. */
const bulkyBoxes = ['mdat', 'free', 'skip'];
/** More of an index than any film has. */
const maxIndexBytes = 256 * 1024 * 1024;

/**
 * Looks at a stored object as if it were a local file, without fetching all of it: ffprobe may read local files only, so
 * it is given one of the same length that holds the beginning, the end and, of MP4, the index, and holes elsewhere.
 *
 * A file that seems unplayable so is fetched whole and looked at again, so that no refusal rests on a hole.
 *
 * @throws as `Probe` does; Problem `no-room` where the whole file would have to be fetched and does not fit.
 */
export function makeProbeStored(dependencies: ProbeStoredDependencies): ProbeStored {
  const { store, scratch, probe, windowBytes = 8 * 1024 * 1024 } = dependencies;
  return async (key, sizeBytes) => {
    const path = scratch.newIncomingPath();
    try {
      await writeFile(path, '', { flag: 'wx' });
      await truncate(path, sizeBytes);
      const copy = makeCopier(store, key, sizeBytes, path);
      await copy(0, windowBytes);
      await copy(sizeBytes - windowBytes, sizeBytes);
      await copyIndex(path, sizeBytes, copy, windowBytes);
      try {
        return await probe(path);
      } catch (error) {
        if (!(error instanceof UnplayableSourceError) || sizeBytes <= 2 * windowBytes) throw error;
        await scratch.ensureRoom(sizeBytes);
        await copy(windowBytes, sizeBytes - windowBytes);
        return await probe(path);
      }
    } finally {
      await rm(path, { force: true });
    }
  };
}

/** Copies the bytes from `start` up to, not including, `end` to the same place of the local file. */
type Copy = (start: number, end: number) => Promise<void>;

function makeCopier(store: Pick<ObjectStore, 'get'>, key: string, sizeBytes: number, path: string): Copy {
  return async (from, to) => {
    const start = Math.max(0, from);
    const end = Math.min(sizeBytes, to);
    if (start >= end) return;
    const found = await store.get(key, { range: { start, end: end - 1 } });
    if (!found) throw new Error(`${key} is gone`);
    await pipeline(found.body, createWriteStream(path, { flags: 'r+', start }));
  };
}

/** All top-level boxes of an MP4 but its media, of which only the beginning. Ends at what is no box. */
async function copyIndex(path: string, sizeBytes: number, copy: Copy, windowBytes: number): Promise<void> {
  const file = await open(path, 'r');
  const isHere = (start: number, end: number) => end <= windowBytes || start >= sizeBytes - windowBytes;
  try {
    let copied = 0;
    for (let offset = 0, count = 0; offset + 8 <= sizeBytes && count < maxBoxes; count++) {
      if (!isHere(offset, offset + 16)) await copy(offset, offset + 16);
      const box = await readBox(file, offset, sizeBytes);
      if (!box || !/^[\w ]{4}$/.test(box.type)) return;
      const wanted = bulkyBoxes.includes(box.type) ? Math.min(box.sizeBytes, windowBytes / 2) : box.sizeBytes;
      if (copied + wanted > maxIndexBytes) return;
      if (!isHere(offset, offset + wanted)) {
        await copy(offset, offset + wanted);
        copied += wanted;
      }
      offset += box.sizeBytes;
    }
  } finally {
    await file.close();
  }
}
