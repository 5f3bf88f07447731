/**
 * Pulling what is not held: one flight a slice, however many wait for it.
 *
 * A flight asks one source after another, compares digests before it lets anybody see a byte, hands the bytes to all who
 * wait and stores them meanwhile. It stays known until they are stored, so that whoever comes in between takes its bytes
 * as well. It goes on when its waiters leave: a slice is bounded, and the next viewer wants it.
 */
import { hash } from 'node:crypto';
import pLimit from 'p-limit';
import type { SliceSpec } from '../../shared/domain/manifest.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { SegmentCache } from '../../shared/ports/segment-cache.ts';
import type { PullOutcome } from './pull-outcome.ts';
import { type GrowingRequest, PullError, type PullSource, type ReadWhole } from './upstream.ts';

export interface PullReport {
  /** One question to one source. `result` is `ok` or a PullError's code. */
  asked(source: PullSource, result: string, bytes: number): void;
  notKept(key: string, why: string): void;
}

export interface PullerDeps {
  readonly cache: SegmentCache;
  readonly clock: Clock;
  /** Sources for an asset, in the order to ask. */
  readonly sourcesFor: (assetId: string) => readonly PullSource[];
  readonly report: PullReport;
  /** Told of each slice that a pull brought onto the disk. */
  readonly onStored: (key: string, sliceIndex: number) => void;
}

export interface Pulled<T> {
  readonly value: T;
  /**
   * Where the bytes came from for the one that began the flight, `coalesced` for those that waited with it, and
   * `hit-memory` for those that came when the bytes were here and on their way to the disk.
   */
  readonly outcome: PullOutcome | 'coalesced' | 'hit-memory';
}

export interface Puller {
  /** @throws PullError when no source could deliver the right bytes. */
  pullSlice(request: SliceRequest): Promise<Pulled<Buffer>>;
  /** Pulls an object whose digest no manifest names; `accept` says what its bytes are, or null when they are wrong. */
  pullWhole<T>(request: WholePullRequest<T>): Promise<Pulled<T>>;
  /** Pulls what a version that is being made is by now; null: what is known. Peers are not asked: they may be behind. */
  pullGrowing<T>(request: GrowingPullRequest<T>): Promise<T | null>;
}

export interface GrowingPullRequest<T> extends Omit<GrowingRequest, 'maxBytes'> {
  readonly accept: (bytes: Buffer, sha256: string) => T | null;
}

export interface SliceRequest {
  readonly assetId: string;
  readonly key: string;
  readonly slice: SliceSpec;
  /** True when the object is this one slice. */
  readonly whole: boolean;
  readonly loop: string | undefined;
}

export interface WholePullRequest<T> {
  readonly assetId: string;
  readonly key: string;
  readonly loop: string | undefined;
  readonly accept: (bytes: Buffer, sha256: string) => T | null;
  readonly keep: (bytes: Buffer) => Promise<unknown>;
  /** Asks those that must know, where there are any. */
  readonly withoutPeers?: boolean;
}

interface Flight {
  readonly landing: Promise<{ readonly value: unknown; readonly outcome: PullOutcome }>;
  landed: boolean;
}

const maxFlights = 64;
const maxWholeBytes = 64 * 1024 * 1024;
const restAfterFailureMs = 5_000;
/** Peers beyond the likeliest are asked in vain more often than not. */
const maxPeers = 2;

export function makePuller({ cache, clock, sourcesFor, report, onStored }: PullerDeps): Puller {
  const limit = pLimit(maxFlights);
  const flights = new Map<string, Flight>();
  const restingUntilMs = new Map<string, number>();

  /** Those that failed lately come last: a dead peer must not cost every viewer a time-out. */
  function inOrder(assetId: string, withoutPeers: boolean): readonly PullSource[] {
    const all = sourcesFor(assetId);
    const knowing = withoutPeers ? all.filter(({ outcome }) => outcome !== 'pull-peer') : [];
    const sources = knowing.length > 0 ? knowing : all;
    const peers = sources.filter(({ outcome }) => outcome === 'pull-peer').slice(0, maxPeers);
    const asked = [...peers, ...sources.filter(({ outcome }) => outcome !== 'pull-peer')];
    const rests = ({ id }: PullSource) => (restingUntilMs.get(id) ?? 0) > clock.now();
    return [...asked.filter((source) => !rests(source)), ...asked.filter(rests)];
  }

  async function askAll<T>(
    assetId: string,
    ask: (source: PullSource) => Promise<{ value: T; bytes: number }>,
    withoutPeers = false,
  ) {
    let worst = new PullError('failed', 'there is no upstream to ask');
    for (const source of inOrder(assetId, withoutPeers)) {
      try {
        const { value, bytes } = await ask(source);
        restingUntilMs.delete(source.id);
        report.asked(source, 'ok', bytes);
        return { value, outcome: source.outcome };
      } catch (error) {
        const failure = error instanceof PullError ? error : new PullError('failed', String(error), { cause: error });
        report.asked(source, failure.code, 0);
        if (failure.code === 'not-found' || failure.code === 'gone') throw failure;
        if (failure.code === 'failed') restingUntilMs.set(source.id, clock.now() + restAfterFailureMs);
        if (failure.code !== 'not-held') worst = failure;
      }
    }
    throw worst;
  }

  /** Joins the flight of this name, or begins it. `fly` calls `land` with what the waiters get, then stores it. */
  async function join<T>(
    name: string,
    fly: (land: (value: T, outcome: PullOutcome) => void) => Promise<void>,
  ): Promise<Pulled<T>> {
    const known = flights.get(name);
    if (known) {
      const outcome = known.landed ? 'hit-memory' : 'coalesced';
      return { value: (await known.landing).value as T, outcome };
    }
    const { promise: landing, resolve, reject } = Promise.withResolvers<{ value: T; outcome: PullOutcome }>();
    const flight: Flight = { landing, landed: false };
    flights.set(name, flight);
    const flown = limit(() =>
      fly((value, outcome) => {
        flight.landed = true;
        resolve({ value, outcome });
      }),
    );
    flown.catch(reject).finally(() => flights.delete(name));
    return landing;
  }

  return {
    pullSlice: ({ assetId, key, slice, whole, loop }) =>
      join<Buffer>(`${key}#${slice.index}`, async (land) => {
        const { value, outcome } = await askAll(assetId, async (source) => {
          const { offset, sizeBytes } = slice;
          const bytes = await source.readPart({ key, offset, sizeBytes, whole, loop });
          if (hash('sha256', bytes, 'hex') !== slice.sha256)
            throw new PullError('mismatch', `${source.id} sent bytes of another digest`);
          return { value: bytes, bytes: bytes.length };
        });
        land(value, outcome);
        const written = await cache.write(key, slice, value, { pinned: false });
        if (written === 'stored') onStored(key, slice.index);
        else if (written !== 'already-held') report.notKept(key, written);
      }),

    pullWhole: <T>({ assetId, key, loop, accept, keep, withoutPeers }: WholePullRequest<T>) =>
      join<T>(key, async (land) => {
        let bytes: Buffer = Buffer.alloc(0);
        const { value, outcome } = await askAll(
          assetId,
          async (source) => {
            const read = await source.readWhole({ key, maxBytes: maxWholeBytes, loop });
            const accepted = acceptedOf(source, read, accept);
            bytes = read.bytes;
            return { value: accepted, bytes: bytes.length };
          },
          withoutPeers,
        );
        land(value, outcome);
        await keep(bytes);
      }),

    pullGrowing: async <T>({ accept, ...request }: GrowingPullRequest<T>) => {
      const { value } = await askAll<T | null>(
        request.id.assetId,
        async (source) => {
          const read = await source.readGrowing({ ...request, maxBytes: maxWholeBytes });
          if (read === 'unchanged') return { value: null, bytes: 0 };
          return { value: acceptedOf(source, read, accept), bytes: read.bytes.length };
        },
        true,
      );
      return value;
    },
  };
}

/** @throws PullError `mismatch` */
function acceptedOf<T>(
  { id, outcome }: PullSource,
  { bytes, sha256: said }: ReadWhole,
  accept: (bytes: Buffer, sha256: string) => T | null,
): T {
  const sha256 = hash('sha256', bytes, 'hex');
  // Appliances state a digest with whole objects (RFC 9530 §3); one that does not, sent something else.
  const stated = outcome === 'pull-origin' ? sha256 : said;
  const accepted = stated === sha256 ? accept(bytes, sha256) : null;
  if (accepted === null) throw new PullError('mismatch', `${id} sent no manifest of this version`);
  return accepted;
}
