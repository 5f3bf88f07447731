/**
 * Parts become one film: pure but for reading stored bytes.
 *
 * Each rendition's parts are laid one behind the other, as if one encode had written them into one file behind one
 * initialisation part; from there on everything is as for a local file.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import type { StoredSpan } from './digest.ts';
import type { EncodedTrack } from './rendition.ts';
import { type PartFacts, type PartRendition, WorkDamagedError, type WorkObject } from './work.ts';

type Store = Pick<ObjectStore, 'get'>;

/** Why the parts would show a seam; null when they fit. */
export function seamOf(chunks: readonly PartFacts[]): string | null {
  for (const [index, { uncuttable, hashes, renditions }] of chunks.entries()) {
    if (uncuttable !== null) return uncuttable;
    const next = chunks[index + 1];
    if (!next) continue;
    if (hashes.end.length === 0 || hashes.end.join() !== next.hashes.start.join())
      return `the pictures around the end of chunk ${index} differ by where reading begins`;
    for (const { id, init } of renditions)
      if (next.renditions.find((other) => other.id === id)?.init !== init)
        return `${id} of chunk ${index + 1} would need another initialisation part`;
  }
  return null;
}

/** Null where the source's track holds nothing. @throws Error when the parts do not follow each other. */
export function joinTrack(store: Store, parts: readonly PartFacts[], id: string): EncodedTrack | null {
  const found = parts.flatMap(({ renditions }) => renditions.filter((rendition) => rendition.id === id));
  const [first] = found;
  if (!first) return null;
  const { initSizeBytes } = first.track;
  const init = Buffer.from(first.init, 'base64');
  const moved: PartRendition[] = [];
  let mediaBytes = initSizeBytes;
  let endTicks = 0;
  for (const { track, objects, ...rest } of found) {
    const by = mediaBytes - initSizeBytes;
    const fragments = track.fragments.map((fragment) => ({ ...fragment, offset: fragment.offset + by }));
    if (fragments[0]?.startTicks !== endTicks)
      throw new Error(`${id}: a part begins at ${fragments[0]?.startTicks} instead of ${endTicks}`);
    endTicks += track.durationTicks;
    mediaBytes += fragments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const placed = objects.map((object) => ({ ...object, offset: object.offset + by }));
    moved.push({ ...rest, track: { ...track, fragments }, objects: placed });
  }
  const objects = moved.flatMap((part) => part.objects);
  return {
    track: {
      ...first.track,
      durationTicks: endTicks,
      samples: moved.reduce((sum, { track }) => sum + track.samples, 0),
      fragments: moved.flatMap(({ track }) => track.fragments),
    },
    bytes: (offset, sizeBytes) => {
      const end = offset + sizeBytes;
      const head = offset < initSizeBytes ? [init.subarray(offset, Math.min(end, initSizeBytes))] : [];
      return [...head, ...objects.flatMap((object) => spanOf(store, object, offset, end))];
    },
  };
}

/** The part of an object that lies between two places of the joined file. */
function spanOf(store: Store, object: WorkObject, from: number, to: number): StoredSpan[] {
  const start = Math.max(from, object.offset) - object.offset;
  const end = Math.min(to, object.offset + object.sizeBytes) - object.offset;
  if (start >= end) return [];
  const isWhole = start === 0 && end === object.sizeBytes;
  const sizeBytes = end - start;
  return [
    {
      sizeBytes,
      object: isWhole ? object : null,
      open: async (offset, length) => openSpan(store, object, start + offset, length),
    },
  ];
}

async function openSpan(store: Store, object: WorkObject, offset: number, length: number): Promise<Readable> {
  const { key, sizeBytes, sha256 } = object;
  const found = await store.get(key, { range: { start: offset, end: offset + length - 1 } });
  if (!found || found.info.sizeBytes !== sizeBytes) throw new WorkDamagedError(key);
  return length === sizeBytes ? Readable.from(checked(found.body, key, sha256)) : found.body;
}

async function* checked(body: Readable, key: string, sha256: string): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== sha256) throw new WorkDamagedError(key);
}
