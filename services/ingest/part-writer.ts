import type { PartUpload, PartUploads } from '../../shared/ports/part-uploads.ts';

/** Memory of an upload under way is twice this. */
export const usualPartBytes = 8 * 1024 * 1024;

/** Bytes that wait for the rest of their part. */
export interface WaitingPart {
  /** As large as a part. */
  readonly buffer: Buffer;
  readonly filled: number;
}

/**
 * Cuts bytes into parts of one size and sends them one after the other.
 *
 * Holds two parts in memory: one that fills while the other is sent. An error of the store comes with a later call.
 */
export interface PartWriter {
  /** Parts that are stored, in order. */
  readonly marks: readonly string[];
  /** Parts that are stored or being sent. */
  readonly begun: number;
  readonly waiting: WaitingPart;
  write(chunk: Buffer): Promise<void>;
  /** Sends what waits as the last part, if anything does. */
  end(): Promise<void>;
  /** Resolves when nothing is being sent any more. */
  settle(): Promise<void>;
  /** Gives back the memory that holds nothing, once all has settled; the writer is not used again. */
  release(): void;
}

export interface PartWriterOptions {
  readonly partBytes: number;
  readonly marks?: readonly string[];
  readonly waiting?: WaitingPart | null;
}

/** Memory outside of V8's heap is collected late: what one request used, the next one takes. */
const idleBuffers: Buffer[] = [];
const mostIdleBuffers = 3;

function takeBuffer(sizeBytes: number): Buffer {
  const at = idleBuffers.findIndex(({ length }) => length === sizeBytes);
  return idleBuffers.splice(at, at < 0 ? 0 : 1)[0] ?? Buffer.allocUnsafeSlow(sizeBytes);
}

function giveBuffer(buffer: Buffer): void {
  if (buffer.length === usualPartBytes && idleBuffers.length < mostIdleBuffers) idleBuffers.push(buffer);
}

export function makePartWriter(
  parts: Pick<PartUploads, 'putPart'>,
  upload: PartUpload,
  { partBytes, marks: before = [], waiting = null }: PartWriterOptions,
): PartWriter {
  let marks = [...before];
  let begun = marks.length;
  let sending: Promise<void> = Promise.resolve();
  let filling = waiting?.buffer ?? takeBuffer(partBytes);
  let filled = waiting?.filled ?? 0;
  let spare: Buffer | null = null;

  /** Begins to send what is filled, once what was sent before is stored. */
  async function send(): Promise<void> {
    await sending;
    const full = filling;
    const bytes = full.subarray(0, filled);
    const place = { number: begun + 1, offset: begun * partBytes };
    begun += 1;
    sending = parts.putPart(upload, place, bytes).then((mark) => {
      marks = [...marks, mark];
      spare = full;
    });
    sending.catch(() => undefined);
    filling = spare ?? takeBuffer(partBytes);
    spare = null;
    filled = 0;
  }

  return {
    get marks() {
      return marks;
    },
    get begun() {
      return begun;
    },
    get waiting() {
      return { buffer: filling, filled };
    },
    async write(chunk) {
      for (let at = 0; at < chunk.length; ) {
        const copied = chunk.copy(filling, filled, at);
        at += copied;
        filled += copied;
        if (filled === partBytes) await send();
      }
    },
    async end() {
      if (filled > 0) await send();
      await sending;
    },
    settle: () => sending,
    release() {
      if (spare) giveBuffer(spare);
      if (filled === 0) giveBuffer(filling);
    },
  };
}
