/**
 * Pulling what is not held: one flight a slice, however many wait for it (`pulling/flights.ts`).
 *
 * A flight asks the upstreams (`pulling/ask.ts`), compares digests before it lets anybody see a byte, hands the bytes to
 * all who wait and stores them meanwhile. It stays known until they are stored, so that whoever comes in between takes
 * its bytes as well.
 */
import { hash } from 'node:crypto';
import { formatObjectKey, growingName } from '../../shared/domain/keys.ts';
import type { SliceSpec } from '../../shared/domain/manifest.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { SegmentCache } from '../../shared/ports/segment-cache.ts';
import { makeAsker } from './pulling/ask.ts';
import { makeFlights, type Pulled, type Waiter } from './pulling/flights.ts';
import { makeHealthTable } from './pulling/health.ts';
import { makeNegatives } from './pulling/negatives.ts';
import type { PullReport } from './pulling/report.ts';
import { type GrowingRequest, PullError, type PullSource, type ReadWhole } from './upstream.ts';

export interface PullerDeps {
  readonly cache: SegmentCache;
  readonly clock: Clock;
  /** Sources for an asset, in the order to ask. */
  readonly sourcesFor: (assetId: string) => readonly PullSource[];
  /** Where nobody is known who can be asked: resolves when somebody is, or nobody will be. */
  readonly untilKnown?: () => Promise<void> | null;
  readonly report: PullReport;
  /** Told of each slice that a pull brought onto the disk. */
  readonly onStored: (key: string, sliceIndex: number) => void;
}

export type { Pulled, Waiter };

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

const maxWholeBytes = 64 * 1024 * 1024;
/** About what manifests have; it is only to tell slow from quick. */
const usualWholeBytes = 256 * 1024;
/** Peers beyond the likeliest are asked in vain more often than not. */
const maxPeers = 2;

export function makePuller({ cache, clock, sourcesFor, untilKnown, report, onStored }: PullerDeps): Puller {
  const now = () => clock.now();
  const flights = makeFlights(now, report);
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

  return {
    resting: health.resting,

    isCrowded: () => flights.isCrowded,

    arrivingBytes: () => flights.arrivingBytes,

    async pullSlice(request) {
      const { assetId, key, slice, whole, loop, waiter } = request;
      const { index, offset, sizeBytes } = slice;
      const name = `${key}#${index}`;
      const refused = flights.has(name) ? null : negatives.find(name);
      if (refused) {
        report.refusedFromMemory(refused.code);
        throw new PullError(refused.code, refused.message, { how: 'remembered' });
      }
      const pulling = flights.join<Buffer>(name, sizeBytes, waiter, async ({ land, ...course }) => {
        await untilKnown?.();
        const answered = await asker.answer({
          ...course,
          key,
          sizeBytes,
          sources: inOrder(assetId, false),
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
      });
      try {
        return await pulling;
      } catch (error) {
        if (error instanceof PullError) negatives.note(name, error);
        throw error;
      }
    },

    async pullWhole<T>(request: WholePullRequest<T>) {
      const { assetId, key, loop, accept, keep, withoutPeers = false } = request;
      interface Whole {
        readonly accepted: T;
        readonly bytes: Buffer;
      }
      const pulled = await flights.join<Whole>(key, usualWholeBytes, undefined, async ({ land, ...course }) => {
        await untilKnown?.();
        const answered = await asker.answer<Whole>({
          ...course,
          key,
          sizeBytes: usualWholeBytes,
          sources: inOrder(assetId, withoutPeers),
          async ask(source, attempt) {
            const read = await source.readWhole({ key, maxBytes: maxWholeBytes, loop, attempt });
            const accepted = acceptedOf(source, read, accept);
            return { value: { accepted, bytes: read.bytes }, bytes: read.bytes.length };
          },
        });
        land(answered);
        await keep(answered.value.bytes);
      });
      return { ...pulled, value: pulled.value.accepted };
    },

    async pullGrowing<T>({ accept, ...request }: GrowingPullRequest<T>) {
      const { assetId } = request.id;
      await untilKnown?.();
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
