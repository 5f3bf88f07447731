/**
 * Pulling what is not held: one flight a slice, however many wait for it.
 *
 * A flight asks the upstreams (`pulling/ask.ts`), compares digests before it lets anybody see a byte, hands the bytes to
 * all who wait and stores them meanwhile. It stays known until they are stored, so that whoever comes in between takes
 * its bytes as well. When all who waited have left, it goes on or is given up by the rule of `pulling/abandonment.ts`.
 */
import { hash } from 'node:crypto';
import pLimit from 'p-limit';
import { formatObjectKey, growingName } from '../../shared/domain/keys.ts';
import type { SliceSpec } from '../../shared/domain/manifest.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { SegmentCache } from '../../shared/ports/segment-cache.ts';
import type { PullOutcome } from './pull-outcome.ts';
import { isWorthFinishing } from './pulling/abandonment.ts';
import { type Answered, makeAsker, type Question } from './pulling/ask.ts';
import { makeHealthTable } from './pulling/health.ts';
import { makeNegatives } from './pulling/negatives.ts';
import type { PullReport } from './pulling/report.ts';
import { type GrowingRequest, PullError, type PullSource, type ReadWhole } from './upstream.ts';

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
  readonly how: Answered<T>['how'];
  /** Resolves when it was stored, or will not be. */
  readonly settled: Promise<void>;
}

/** Somebody who may leave before the bytes come. */
export interface Waiter {
  /** Gone already. */
  readonly isOver: boolean;
  /** Set while a pull is waited for; to be called when they leave. */
  leave: (() => void) | undefined;
}

export interface Puller {
  /** @throws PullError when no source could deliver the right bytes, or all who waited have left. */
  pullSlice(request: SliceRequest): Promise<Pulled<Buffer>>;
  /** Pulls an object whose digest no manifest names; `accept` says what its bytes are, or null when they are wrong. */
  pullWhole<T>(request: WholePullRequest<T>): Promise<Pulled<T>>;
  /** Pulls what a version that is being made is by now; null: what is known. Peers are not asked: they may be behind. */
  pullGrowing<T>(request: GrowingPullRequest<T>): Promise<T | null>;
  /** Upstreams that failed too often and are not asked now. */
  resting(): readonly string[];
  /** Viewers may soon have to wait for each other's pulls. */
  isCrowded(): boolean;
  /** Bytes of slices that are on their way. */
  arrivingBytes(): number;
}

export interface GrowingPullRequest<T> extends Omit<GrowingRequest, 'maxBytes' | 'attempt'> {
  readonly accept: (bytes: Buffer, sha256: string) => T | null;
}

export interface SliceRequest {
  readonly assetId: string;
  readonly key: string;
  readonly slice: SliceSpec;
  /** True when the object is this one slice. */
  readonly whole: boolean;
  readonly loop: string | undefined;
  /** Absent: it is wanted to its end. */
  readonly waiter?: Waiter | undefined;
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
  readonly landing: Promise<Omit<Pulled<unknown>, 'settled'> & { readonly outcome: PullOutcome }>;
  readonly settled: Promise<void>;
  readonly abort: AbortController;
  readonly sizeBytes: number;
  landed: boolean;
  arrivedBytes: number;
  firstByteMs: number;
  waiting: number;
  askers: number;
}

type FlightRequest = Pick<WholePullRequest<unknown>, 'assetId' | 'key' | 'withoutPeers'>;

/** What a flight asks, and where it may be heard. */
type Ask<T> = (question: Pick<Question<T>, 'ask'>) => Promise<Answered<T>>;

const maxFlights = 64;
const maxWholeBytes = 64 * 1024 * 1024;
/** About what manifests have; it is only to tell slow from quick. */
const usualWholeBytes = 256 * 1024;
/** Peers beyond the likeliest are asked in vain more often than not. */
const maxPeers = 2;

export function makePuller({ cache, clock, sourcesFor, report, onStored }: PullerDeps): Puller {
  const now = () => clock.now();
  const limit = pLimit(maxFlights);
  const flights = new Map<string, Flight>();
  const health = makeHealthTable(now, report.breaker);
  const asker = makeAsker({ clock, health, report });
  const negatives = makeNegatives(now);

  /** Those that failed lately come last: a dead peer must not cost every viewer a time-out. */
  function inOrder(assetId: string, withoutPeers: boolean): readonly PullSource[] {
    const all = sourcesFor(assetId);
    const knowing = withoutPeers ? all.filter(({ outcome }) => outcome !== 'pull-peer') : [];
    const sources = knowing.length > 0 ? knowing : all;
    const peers = sources.filter(({ outcome }) => outcome === 'pull-peer').slice(0, maxPeers);
    const asked = [...peers, ...sources.filter(({ outcome }) => outcome !== 'pull-peer')];
    const isTired = (source: PullSource) => health.of(source).isTired();
    return [...asked.filter((source) => !isTired(source)), ...asked.filter(isTired)];
  }

  function begin<T>(
    name: string,
    { assetId, key, withoutPeers = false }: FlightRequest,
    sizeBytes: number,
    fly: (ask: Ask<T>, land: (answered: Answered<T>) => void) => Promise<void>,
  ): Flight {
    const { promise: landing, resolve, reject } = Promise.withResolvers<Awaited<Flight['landing']>>();
    const { promise: settled, resolve: settle } = Promise.withResolvers<void>();
    const abort = new AbortController();
    const flight: Flight = {
      landing,
      settled,
      abort,
      sizeBytes,
      landed: false,
      arrivedBytes: 0,
      firstByteMs: 0,
      waiting: 0,
      askers: 0,
    };
    flights.set(name, flight);
    const onProgress = (bytes: number): void => {
      if (flight.arrivedBytes === 0) flight.firstByteMs = now();
      flight.arrivedBytes = Math.max(flight.arrivedBytes, bytes);
    };
    const flown = limit(async () => {
      abort.signal.throwIfAborted();
      const sources = inOrder(assetId, withoutPeers);
      await fly(
        (question) => asker.answer({ ...question, key, sources, sizeBytes, signal: abort.signal, onProgress }),
        ({ value, source, how }) => {
          flight.landed = true;
          resolve({ value, outcome: source.outcome, how });
        },
      );
    });
    flown
      .catch((error: unknown) => {
        reject(error);
      })
      .finally(() => {
        if (flights.get(name) === flight) flights.delete(name);
        settle();
      });
    // Whoever waited may have left.
    landing.catch(() => {});
    return flight;
  }

  /** Joins the flight of this name, or begins it. */
  async function join<T>(name: string, waiter: Waiter | undefined, start: () => Flight): Promise<Pulled<T>> {
    if (waiter?.isOver) throw new PullError('abandoned', 'nobody waits for it');
    const known = flights.get(name);
    const isLate = known?.landed === true;
    const flight = known ?? start();
    flight.waiting += 1;
    flight.askers += 1;
    if (waiter)
      waiter.leave = () => {
        waiter.leave = undefined;
        left(name, flight);
      };
    try {
      const { value, outcome, how } = await flight.landing;
      const mine = known ? (isLate ? 'hit-memory' : 'coalesced') : outcome;
      return { value: value as T, outcome: mine, how, settled: flight.settled };
    } finally {
      if (waiter) waiter.leave = undefined;
    }
  }

  function left(name: string, flight: Flight): void {
    flight.waiting -= 1;
    if (flight.waiting > 0 || flight.landed || flight.abort.signal.aborted) return;
    const { sizeBytes, arrivedBytes, askers } = flight;
    const goesOn = isWorthFinishing({ sizeBytes, arrivedBytes, arrivingMs: now() - flight.firstByteMs, askers });
    report.abandoned(goesOn ? 'finished' : 'cancelled', arrivedBytes);
    if (goesOn) return;
    if (flights.get(name) === flight) flights.delete(name);
    flight.abort.abort(new PullError('abandoned', 'nobody waits for it any more'));
  }

  return {
    resting: health.resting,

    isCrowded: () => limit.activeCount > maxFlights / 2,

    arrivingBytes: () =>
      [...flights.values()].reduce((sum, { landed, arrivedBytes }) => sum + (landed ? 0 : arrivedBytes), 0),

    async pullSlice(request) {
      const { key, slice, whole, loop, waiter } = request;
      const { index, offset, sizeBytes } = slice;
      const name = `${key}#${index}`;
      const refused = flights.has(name) ? null : negatives.find(name);
      if (refused) {
        report.refusedFromMemory(refused.code);
        throw new PullError(refused.code, refused.message, { how: 'remembered' });
      }
      const pulling = join<Buffer>(name, waiter, () =>
        begin<Buffer>(name, request, sizeBytes, async (ask, land) => {
          const answered = await ask({
            async ask(source, attempt) {
              const bytes = await source.readPart({ key, offset, sizeBytes, whole, loop, attempt });
              if (hash('sha256', bytes, 'hex') !== slice.sha256)
                throw new PullError('mismatch', `${source.id} sent bytes of another digest`);
              return { value: bytes, bytes: bytes.length };
            },
          });
          land(answered);
          const written = await cache.write(key, slice, answered.value, { pinned: false });
          if (written === 'stored') onStored(key, index);
          else if (written !== 'already-held') report.notKept(key, written);
        }),
      );
      try {
        return await pulling;
      } catch (error) {
        if (error instanceof PullError) negatives.note(name, error);
        throw error;
      }
    },

    async pullWhole<T>(request: WholePullRequest<T>) {
      const { key, loop, accept, keep } = request;
      interface Whole {
        readonly accepted: T;
        readonly bytes: Buffer;
      }
      const pulled = await join<Whole>(key, undefined, () =>
        begin<Whole>(key, request, usualWholeBytes, async (ask, land) => {
          const answered = await ask({
            async ask(source, attempt) {
              const read = await source.readWhole({ key, maxBytes: maxWholeBytes, loop, attempt });
              const accepted = acceptedOf(source, read, accept);
              const { bytes } = read;
              return { value: { accepted, bytes }, bytes: bytes.length };
            },
          });
          land(answered);
          await keep(answered.value.bytes);
        }),
      );
      return { ...pulled, value: pulled.value.accepted };
    },

    async pullGrowing<T>({ accept, ...request }: GrowingPullRequest<T>) {
      const { assetId } = request.id;
      const { value } = await asker.answer<T | null>({
        key: formatObjectKey({ ...request.id, path: growingName }),
        sources: inOrder(assetId, true),
        sizeBytes: usualWholeBytes,
        signal: never,
        onProgress: () => {},
        async ask(source, attempt) {
          const read = await source.readGrowing({ ...request, maxBytes: maxWholeBytes, attempt });
          if (read === 'unchanged') return { value: null, bytes: 0 };
          return { value: acceptedOf(source, read, accept), bytes: read.bytes.length };
        },
      });
      return value;
    },
  };
}

const never = new AbortController().signal;

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
