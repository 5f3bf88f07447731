import type { Outcome } from '../../shared/domain/demand.ts';
import type { ByteRange } from '../../shared/domain/http/range.ts';
import { formatObjectKey, type ObjectKey } from '../../shared/domain/keys.ts';
import { type ManifestFile, type SliceSpec, sliceSizeBytes, slicesOf } from '../../shared/domain/manifest.ts';
import type { SegmentCache } from '../../shared/ports/segment-cache.ts';
import type { Puller } from './pull.ts';
import { PullError } from './upstream.ts';

/** A part of an answer: bytes of one slice, and how they came here. */
export interface ServedPart {
  readonly bytes: Buffer;
  readonly outcome: Outcome;
}

export interface ServeRequest {
  readonly key: ObjectKey;
  readonly file: ManifestFile;
  /** Null: all of it. */
  readonly range: ByteRange | null;
  /** RFC 9111 §5.2.1.7: answer from what is held, or not at all. */
  readonly onlyIfCached: boolean;
  readonly loop: string | undefined;
}

/**
 * The first part of an answer and, when asked for, the others: one slice at a time, so that a slow client holds one
 * slice and the one that waits behind it.
 */
export interface Serving {
  readonly first: ServedPart;
  readonly rest: (() => AsyncGenerator<ServedPart>) | null;
}

/** @throws PullError; `not-held` when only held bytes were asked for and one of them is missing. */
export type ServeRange = (request: ServeRequest) => Promise<Serving>;

export interface ServeRangeDeps {
  readonly cache: SegmentCache;
  readonly puller: Puller;
}

const nothing: ServedPart = { bytes: Buffer.alloc(0), outcome: 'hit-memory' };

export function makeServeRange({ cache, puller }: ServeRangeDeps): ServeRange {
  async function readSlice(request: ServeRequest, key: string, slice: SliceSpec, whole: boolean): Promise<ServedPart> {
    const held = await cache.read(key, slice.index);
    if (held) return { bytes: held.bytes, outcome: held.tier === 'memory' ? 'hit-memory' : 'hit-disk' };
    if (request.onlyIfCached) throw new PullError('not-held', `${key} is not held`);
    const { assetId } = request.key;
    const { value, outcome } = await puller.pullSlice({ assetId, key, slice, whole, loop: request.loop });
    return { bytes: value, outcome };
  }

  return async (request) => {
    const { file, range } = request;
    if (file.sizeBytes === 0) return { first: nothing, rest: null };
    const key = formatObjectKey(request.key);
    const { start, end } = range ?? { start: 0, end: file.sizeBytes - 1 };
    const slices = slicesOf(file);
    const wanted = slices.slice(Math.floor(start / sliceSizeBytes), Math.floor(end / sliceSizeBytes) + 1);
    if (request.onlyIfCached && !wanted.every(({ index }) => cache.has(key, index)))
      throw new PullError('not-held', `${key} is not held`);

    const part = async (slice: SliceSpec): Promise<ServedPart> => {
      const { bytes, outcome } = await readSlice(request, key, slice, slices.length === 1);
      const from = Math.max(0, start - slice.offset);
      const to = Math.min(slice.sizeBytes, end + 1 - slice.offset);
      return { bytes: from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), outcome };
    };
    const [head, ...others] = wanted;
    if (!head) return { first: nothing, rest: null };
    const first = await part(head);
    if (others.length === 0) return { first, rest: null };
    return {
      first,
      rest: async function* rest() {
        for (const slice of others) yield await part(slice);
      },
    };
  };
}
