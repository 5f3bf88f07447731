import type { MissCause, Outcome } from '../../shared/domain/demand.ts';
import type { ByteRange } from '../../shared/domain/http/range.ts';
import { type ManifestFile, type SliceSpec, sliceSizeBytes } from '../../shared/domain/manifest.ts';
import type { CachedPart, SegmentCache } from '../../shared/ports/segment-cache.ts';
import { andThen } from './and-then.ts';
import type { Version } from './manifest-shape.ts';
import type { Provenance } from './provenance.ts';
import type { Pulled, Puller, Waiter } from './pull.ts';
import type { ReadAhead } from './pulling/read-ahead.ts';
import { PullError } from './upstream.ts';

/** A part of an answer: bytes of one slice, and how they came here. */
export interface ServedPart {
  readonly bytes: Buffer;
  readonly outcome: Outcome;
  /** The slice they are of; null where there are none. */
  readonly slice: SliceSpec | null;
  /** Why they were not here, where they were not. */
  readonly cause?: MissCause;
  /** What it took to get them, besides asking. */
  readonly how?: Pulled<unknown>['how'] | 'read-ahead';
  /** To be called when the bytes are no longer needed, where it is there. */
  readonly release?: (() => void) | undefined;
}

export interface ServeRequest {
  readonly assetId: string;
  /** `<assetId>/<version>/<path>` */
  readonly key: string;
  readonly version: Version;
  readonly file: ManifestFile;
  readonly slices: readonly SliceSpec[];
  /** In the order in which they are sent; an empty file has none. */
  readonly ranges: readonly ByteRange[];
  /** RFC 9111 §5.2.1.7: answer from what is held, or not at all. */
  readonly onlyIfCached: boolean;
  readonly loop: string | undefined;
  /** Session of a viewer; null for appliances. */
  readonly reader: string | null;
  /** Who waits for the bytes. */
  readonly waiter: Waiter;
}

/**
 * The first part of an answer and, when asked for, the others: one slice at a time, so that a slow client holds one
 * slice and the one that waits behind it.
 */
export interface Serving {
  readonly first: ServedPart;
  /** `startsRange` numbers the range that begins with a part. */
  readonly rest: (() => AsyncGenerator<ServedPart & { readonly startsRange: number | null }>) | null;
}

/**
 * At once where the first part lies in memory.
 *
 * @throws PullError; `not-held` when only held bytes were asked for and one of them is missing.
 */
export type ServeRange = (request: ServeRequest) => Serving | Promise<Serving>;

export interface ServeRangeDeps {
  readonly cache: SegmentCache;
  readonly puller: Puller;
  readonly provenance: Pick<Provenance, 'miss'>;
  readonly readAhead: ReadAhead;
}

const nothing: Serving = { first: { bytes: Buffer.alloc(0), outcome: 'hit-memory', slice: null }, rest: null };

/** A piece of one slice, as one range wants it. */
interface Piece {
  readonly slice: SliceSpec;
  readonly from: number;
  readonly to: number;
  readonly startsRange: number | null;
}

export function makeServeRange({ cache, puller, provenance, readAhead }: ServeRangeDeps): ServeRange {
  const watch = (request: ServeRequest, { slice, from, to }: Piece, wasHeld: boolean): void => {
    const { reader, assetId, key, version, file } = request;
    readAhead.read({ reader, assetId, key, version, file, slice, from, to }, wasHeld);
  };

  async function fetchPiece(request: ServeRequest, piece: Piece): Promise<ServedPart> {
    const { slice, from, to } = piece;
    const held = await cache.readPart(request.key, slice.index, from, to);
    if (held) {
      if (readAhead.isWatching) watch(request, piece, true);
      return servedFrom(held, slice);
    }
    if (request.onlyIfCached) throw new PullError('not-held', `${request.key} is not held`);
    const { assetId, key, slices, loop, waiter, reader } = request;
    const cause = provenance.miss(key, slice.index);
    cache.demand.missed(key, slice, to - from);
    const ahead = reader ? readAhead.take(reader, key, slice.index) : null;
    if (ahead) {
      watch(request, piece, true);
      return { bytes: cut(ahead, piece), outcome: 'hit-memory', slice, how: 'read-ahead' };
    }
    const whole = slices.length === 1;
    const pulling = puller.pullSlice({ assetId, key, slice, whole, loop, waiter });
    watch(request, piece, false);
    const { value, outcome, how } = await pulling;
    return { bytes: cut(value, piece), outcome, slice, cause, how };
  }

  function readPiece(request: ServeRequest, piece: Piece): ServedPart | Promise<ServedPart> {
    const held = cache.readPartNow(request.key, piece.slice.index, piece.from, piece.to);
    if (!held) return fetchPiece(request, piece);
    if (readAhead.isWatching) watch(request, piece, true);
    return servedFrom(held, piece.slice);
  }

  return (request) => {
    const { slices, ranges, key } = request;
    const [only] = slices;
    const pieces =
      ranges.length === 1 && slices.length === 1 && only ? [pieceOf(only, ranges[0], 0)] : piecesOf(request);
    if (request.onlyIfCached && !pieces.every(({ slice }) => cache.has(key, slice.index)))
      throw new PullError('not-held', `${key} is not held`);
    const [head, ...others] = pieces;
    if (!head) return nothing;
    return andThen(readPiece(request, head), (first) => ({
      first,
      rest:
        others.length === 0
          ? null
          : async function* rest() {
              for (const piece of others)
                yield { ...(await readPiece(request, piece)), startsRange: piece.startsRange };
            },
    }));
  };
}

/** Ranges of what lies in memory and is kept nowhere. */
export function serveText(text: Buffer, ranges: readonly ByteRange[]): Serving {
  const parts = ranges.map(
    ({ start, end }): ServedPart => ({
      bytes: text.subarray(start, end + 1),
      outcome: 'hit-memory',
      slice: null,
    }),
  );
  const [first, ...others] = parts;
  if (!first) return nothing;
  async function* rest() {
    for (const [index, part] of others.entries()) yield { ...part, startsRange: index + 1 };
  }
  return { first, rest: others.length > 0 ? rest : null };
}

const servedFrom = ({ bytes, tier, release }: CachedPart, slice: SliceSpec): ServedPart => ({
  bytes,
  slice,
  outcome: tier === 'memory' ? 'hit-memory' : 'hit-disk',
  release,
});

const cut = (bytes: Buffer, { from, to }: Piece): Buffer =>
  from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to);

const pieceOf = (slice: SliceSpec, range: ByteRange | undefined, startsRange: number | null): Piece => ({
  slice,
  from: Math.max(0, (range?.start ?? 0) - slice.offset),
  to: Math.min(slice.sizeBytes, (range?.end ?? slice.sizeBytes) + 1 - slice.offset),
  startsRange,
});

const piecesOf = ({ slices, ranges }: ServeRequest): Piece[] =>
  ranges.flatMap((range, number) =>
    slices
      .slice(Math.floor(range.start / sliceSizeBytes), Math.floor(range.end / sliceSizeBytes) + 1)
      .map((slice, at) => pieceOf(slice, range, at === 0 ? number : null)),
  );
