/**
 * One file from a URL into parts of the object store, going on where an earlier attempt, or an earlier process, stopped.
 *
 * It goes on only where the other server promises that the rest belongs to the same bytes: a range is asked for under the
 * condition that the file is unchanged (RFC 9110 §13.1.5, If-Range), by a strong ETag or a modification time that can
 * serve as one, and what comes is checked against what was told at first. Otherwise it begins again at the first byte.
 */
import { createHash, type Hash } from 'node:crypto';
import type { PartUploads } from '../../../shared/ports/part-uploads.ts';
import { refuseStore } from '../admit-source.ts';
import { makePartWriter, type WaitingPart } from '../part-writer.ts';
import { partBytesFor, type ReceivedObject, tooLarge } from '../receive-object.ts';
import { type OpenedUrl, RangeRefusedError, type UrlOpener, UrlTroubleError } from './open-url.ts';

/** What is in the store, and by what the rest is asked for. Survives a restart. */
export interface FetchedParts {
  readonly handle: string;
  readonly partBytes: number;
  /** What the store said of each part; all have `partBytes` but for the last of a whole file. */
  readonly marks: readonly string[];
  /** Null while it is not known. */
  readonly sizeBytes: number | null;
  /** For If-Range; null where the server gave nothing that can serve. */
  readonly validator: string | null;
}

export interface FetchOrder {
  readonly key: string;
  readonly url: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** From an earlier process. */
  readonly begun: FetchedParts | null;
  /** Resolves when it is on the disk. */
  save(fetched: FetchedParts): Promise<void>;
  onBytes(received: number): void;
  /** Bytes that had arrived are of no use: it begins again at the first. */
  onRestart(): void;
}

export interface FileFetch {
  /** Parts that the store has. */
  readonly parts: number;
  /**
   * Fetches what is missing. What arrived before a failure stays for the next attempt, of this process or another.
   *
   * @throws Problem for what is final; UrlTroubleError and errors of sockets for what another attempt may mend.
   */
  attempt(): Promise<ReceivedObject>;
}

export function makeFileFetch(parts: PartUploads, opener: UrlOpener, order: FetchOrder): FileFetch {
  const { key, url, maxBytes, signal, save, onBytes, onRestart } = order;
  let held = order.begun;
  /** Of the bytes in parts and those that wait; null where this process did not see them all. */
  let hash: Hash | null = null;
  let waiting: WaitingPart | null = null;

  const parted = ({ marks, partBytes, sizeBytes }: FetchedParts): number =>
    Math.min(marks.length * partBytes, sizeBytes ?? Number.POSITIVE_INFINITY);

  async function keep(fetched: FetchedParts): Promise<FetchedParts> {
    held = fetched;
    await save(fetched);
    return fetched;
  }

  const isSame = (opened: OpenedUrl, { sizeBytes, validator }: FetchedParts): boolean =>
    (sizeBytes === null || opened.sizeBytes === sizeBytes) &&
    (opened.validator === null || opened.validator === validator);

  /** Asks for what is missing, where that can be had. */
  async function open(): Promise<OpenedUrl> {
    const from = held ? parted(held) + (waiting?.filled ?? 0) : 0;
    if (!held?.validator || from === 0) return opener.open(url, signal);
    const opened = await opener.open(url, signal, { start: from, validator: held.validator });
    if (opened.start === 0 || isSame(opened, held)) return opened;
    opened.body.on('error', () => undefined).destroy();
    throw new RangeRefusedError('the file changed while it was fetched');
  }

  async function beginAt0({ sizeBytes, validator }: OpenedUrl): Promise<FetchedParts> {
    if (held) {
      if (parted(held) > 0 || waiting) onRestart();
      await parts.abort({ key, handle: held.handle }).catch(refuseStore);
      held = null;
    }
    const { handle } = await parts.begin(key, sizeBytes).catch(refuseStore);
    hash = createHash('sha256');
    waiting = null;
    return keep({ handle, partBytes: partBytesFor(parts, sizeBytes ?? maxBytes), marks: [], sizeBytes, validator });
  }

  async function receive(opened: OpenedUrl): Promise<FetchedParts> {
    let fetched = opened.start === 0 || !held ? await beginAt0(opened) : held;
    const { partBytes, marks, handle } = fetched;
    const writer = makePartWriter(parts, { key, handle }, { partBytes, marks, waiting });
    waiting = null;
    let offset = opened.start;
    const commit = async (sizeBytes = fetched.sizeBytes): Promise<void> => {
      if (writer.marks.length > fetched.marks.length || sizeBytes !== fetched.sizeBytes)
        fetched = await keep({ ...fetched, marks: writer.marks, sizeBytes });
    };
    try {
      for await (const chunk of opened.body as AsyncIterable<Buffer>) {
        offset += chunk.length;
        if (offset > maxBytes) throw tooLarge(maxBytes);
        hash?.update(chunk);
        await writer.write(chunk).catch(refuseStore);
        onBytes(offset);
        await commit();
      }
      if (fetched.sizeBytes !== null && offset !== fetched.sizeBytes)
        throw new UrlTroubleError(`the server sent ${offset} of ${fetched.sizeBytes} bytes`);
      await writer.end().catch(refuseStore);
      await commit(offset);
    } catch (error) {
      await writer.settle().then(
        () => commit(),
        () => undefined,
      );
      waiting = writer.waiting.filled > 0 ? writer.waiting : null;
      throw error;
    } finally {
      writer.release();
    }
    return fetched;
  }

  return {
    get parts() {
      return held?.marks.length ?? 0;
    },
    async attempt() {
      let fetched = held;
      if (!fetched || parted(fetched) !== fetched.sizeBytes)
        fetched = await open()
          .then(async (opened) => {
            if (opened.sizeBytes === null || opened.sizeBytes <= maxBytes) return receive(opened);
            opened.body.on('error', () => undefined).destroy();
            throw tooLarge(maxBytes);
          })
          .catch((error: unknown) => {
            // What is there fits no more; the next attempt asks for all.
            if (error instanceof RangeRefusedError && held) held = { ...held, validator: null };
            throw error;
          });
      const { handle, marks } = fetched;
      const sizeBytes = parted(fetched);
      return {
        sizeBytes,
        sha256: hash?.copy().digest('hex') ?? null,
        commit: () => parts.finish({ key, handle }, marks, sizeBytes).catch(refuseStore),
        discard: () => parts.abort({ key, handle }).catch(() => undefined),
      };
    },
  };
}
