/**
 * Pulling the next slice before a reader asks for it.
 *
 * Only for viewers with a session who missed something lately and went on twice where they had stopped
 * (`readers.ts`); one slice ahead, later two. Never while there is too much to do, never for other appliances, whose own
 * reading ahead comes here as requests. What was pulled ahead and not kept by the cache waits in memory for its reader,
 * within a bound; when the reader jumps, leaves, or is silent for half a minute, it is given up.
 */
import type { ManifestFile, SliceSpec } from '../../../shared/domain/manifest.ts';
import type { Metrics } from '../../../shared/platform/metrics.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { SegmentCache } from '../../../shared/ports/segment-cache.ts';
import type { Version } from '../manifest-shape.ts';
import type { Puller, Waiter } from '../pull.ts';
import { nextSlices, type Row, rowOf } from './next-slices.ts';
import { makeSequence, type Sequence, slicesAhead } from './readers.ts';

export interface ReadAhead {
  /** Whether reads of what is held need to be told. */
  readonly isWatching: boolean;
  /** Somebody reads a part of a slice, which was held or not. To be called once they wait for it, or have it. */
  read(read: ReadNote, wasHeld: boolean): void;
  /** Bytes of a slice that were pulled for this reader and are not held. */
  take(reader: string, key: string, sliceIndex: number): Buffer | null;
  /** The reader broke off. */
  left(reader: string): void;
}

export interface ReadNote {
  /** Session; nobody is followed without one. */
  readonly reader: string | null;
  readonly assetId: string;
  /** `<assetId>/<version>/<path>` */
  readonly key: string;
  readonly version: Version;
  readonly file: ManifestFile;
  readonly slice: SliceSpec;
  /** Within the slice. */
  readonly from: number;
  readonly to: number;
}

export interface ReadAheadDeps {
  readonly cache: Pick<SegmentCache, 'has'>;
  readonly puller: Pick<Puller, 'pullSlice'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly isBusy: () => boolean;
  readonly metrics: Metrics;
}

interface Ahead extends Waiter {
  isOver: boolean;
  readonly key: string;
  readonly sliceIndex: number;
  readonly sizeBytes: number;
  /** Came from upstream for this reader. */
  isBrought: boolean;
  /** Kept while the cache does not have it. */
  bytes: Buffer | null;
}

interface Stream {
  readonly name: string;
  readonly sequence: Sequence;
  readonly ahead: Set<Ahead>;
}

interface Reader {
  readonly streams: Stream[];
  seenMs: number;
}

const maxReaders = 1_000;
/** Video, sound, text, and one that is being left. */
const maxStreams = 4;
const maxAheadSlices = 32;
const maxAheadBytes = 64 * 1024 * 1024;
const idleMs = 30_000;

export function makeReadAhead({ cache, puller, clock, isBusy, metrics }: ReadAheadDeps): ReadAhead {
  /** The one that was silent longest is the first. */
  const readers = new Map<string, Reader>();
  let slicesUnderWay = 0;
  let bytesUnderWay = 0;
  const results = metrics.counter('nightfill_read_ahead_slices_total', 'Slices pulled ahead of readers.', ['result']);
  const wastedBytes = metrics.counter('nightfill_read_ahead_wasted_bytes_total', 'Pulled ahead for nobody.');
  metrics.gauge('nightfill_read_ahead_bytes', 'Pulled ahead and not read yet.', [], () => bytesUnderWay);

  function end(stream: Stream, ahead: Ahead, result: 'useful' | 'wasted' | 'failed' | null): void {
    if (!stream.ahead.delete(ahead)) return;
    slicesUnderWay -= 1;
    bytesUnderWay -= ahead.sizeBytes;
    ahead.bytes = null;
    ahead.isOver = true;
    ahead.leave?.();
    if (result) results.inc({ result });
    if (result === 'wasted' && ahead.isBrought) wastedBytes.inc(ahead.sizeBytes);
  }

  function giveUp(stream: Stream): void {
    for (const ahead of [...stream.ahead]) end(stream, ahead, 'wasted');
  }

  function left(name: string): void {
    const reader = readers.get(name);
    readers.delete(name);
    for (const stream of reader?.streams ?? []) giveUp(stream);
  }

  function forgetSilent(nowMs: number): void {
    for (const [name, { seenMs }] of readers) {
      if (readers.size <= maxReaders && nowMs - seenMs < idleMs && nowMs >= seenMs) return;
      left(name);
    }
  }

  function streamOf(reader: Reader, name: string, make: () => Sequence): { stream: Stream; isNew: boolean } {
    const known = reader.streams.find((stream) => stream.name === name);
    if (known) return { stream: known, isNew: false };
    const stream: Stream = { name, sequence: make(), ahead: new Set() };
    reader.streams.push(stream);
    const oldest = reader.streams.length > maxStreams ? reader.streams.shift() : undefined;
    if (oldest) giveUp(oldest);
    return { stream, isNew: true };
  }

  function read(note: ReadNote, wasHeld: boolean): void {
    const { reader: name, version, file, slice } = note;
    const nowMs = clock.now();
    forgetSilent(nowMs);
    if (!name) return;
    const known = readers.get(name);
    // Who finds everything here needs nobody to read ahead.
    if (!known && wasHeld) return;
    const row = rowOf(version, file);
    if (!row) return;
    const reader = known ?? { streams: [], seenMs: nowMs };
    readers.delete(name);
    readers.set(name, reader);
    reader.seenMs = nowMs;
    const at = { file: row.at, fileBytes: file.sizeBytes, from: slice.offset + note.from, to: slice.offset + note.to };
    const { stream, isNew } = streamOf(reader, `${version.sha256}/${row.rendition}`, () => makeSequence(at));
    if (isNew) return;
    for (const ahead of stream.ahead)
      if (ahead.sliceIndex === slice.index && ahead.key === note.key) end(stream, ahead, 'useful');
    const step = stream.sequence.note(at);
    if (step.kind === 'jumped') giveUp(stream);
    if (step.kind === 'continued') goAhead(note, row, stream, slicesAhead(step.continues));
  }

  function goAhead({ assetId, key, file, slice }: ReadNote, row: Row, stream: Stream, count: number): void {
    const prefix = key.slice(0, key.length - file.path.length);
    for (const next of nextSlices(row, slice.index, count)) {
      const { sizeBytes, index } = next.slice;
      const nextKey = prefix + next.path;
      if (cache.has(nextKey, index) || isAhead(stream, nextKey, index)) continue;
      if (isBusy() || slicesUnderWay >= maxAheadSlices || bytesUnderWay + sizeBytes > maxAheadBytes) return;
      const ahead: Ahead = {
        isOver: false,
        leave: undefined,
        key: nextKey,
        sliceIndex: index,
        sizeBytes,
        isBrought: false,
        bytes: null,
      };
      stream.ahead.add(ahead);
      slicesUnderWay += 1;
      bytesUnderWay += sizeBytes;
      fetch(assetId, next.slice, next.whole, stream, ahead).catch(() => end(stream, ahead, 'failed'));
    }
  }

  async function fetch(assetId: string, slice: SliceSpec, whole: boolean, stream: Stream, ahead: Ahead): Promise<void> {
    const { key } = ahead;
    const pulled = await puller.pullSlice({ assetId, key, slice, whole, loop: undefined, waiter: ahead });
    ahead.isBrought = pulled.outcome.startsWith('pull-');
    // Somebody else had asked for it.
    if (!ahead.isBrought) end(stream, ahead, null);
    if (!stream.ahead.has(ahead)) return;
    ahead.bytes = pulled.value;
    await pulled.settled;
    if (cache.has(key, slice.index)) ahead.bytes = null;
  }

  return {
    get isWatching() {
      return readers.size > 0;
    },
    read,
    take(name, key, sliceIndex) {
      for (const stream of readers.get(name)?.streams ?? [])
        for (const ahead of stream.ahead) if (ahead.sliceIndex === sliceIndex && ahead.key === key) return ahead.bytes;
      return null;
    },
    left,
  };
}

const isAhead = ({ ahead }: Stream, key: string, index: number): boolean =>
  [...ahead].some((one) => one.sliceIndex === index && one.key === key);
