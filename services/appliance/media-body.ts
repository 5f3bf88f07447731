/**
 * Bodies of media answers on their way out: counted for their visit part by part, and held against the guard's memory
 * until the client has read them.
 */
import { randomBytes } from 'node:crypto';
import type { ByteRange } from '../../shared/domain/http/range.ts';
import type { ManifestFile } from '../../shared/domain/manifest.ts';
import type { BodyPart, HeaderBlock } from './exchange.ts';
import type { Guard } from './guard.ts';
import { framed, makeMultipart } from './multipart.ts';
import type { Serving } from './serve-range.ts';
import type { Traffic } from './traffic.ts';
import { notePart, type Visit } from './visit.ts';

export interface MediaBodyDeps {
  readonly guard: Guard;
  readonly traffic: Traffic;
}

type Parts = AsyncGenerator<BodyPart>;

export interface MediaBody {
  /** Counts bytes that were sent as held by the visit, in place of those it held before. */
  hold(visit: Visit, bytes: Buffer): void;
  /** Holds each part from when it is handed on until the next is, or the visit ends. */
  held(visit: Visit, parts: Parts): Parts;
  /** What lies in several slices, one after the other. */
  inSequence(visit: Visit, first: Serving['first'], rest: AsyncGenerator<Serving['first']>): Parts;
  /** Several ranges as `multipart/byteranges`, with the headers that name its boundary. */
  inMultipart(
    visit: Visit,
    file: ManifestFile,
    ranges: readonly ByteRange[],
    serving: Serving,
  ): { readonly headers: HeaderBlock; readonly parts: Parts };
}

export function makeMediaBody({ guard, traffic }: MediaBodyDeps): MediaBody {
  /** Most answers have left by now; what a client has not read yet is counted until it has. */
  function hold(visit: Visit, bytes: Buffer): void {
    if (visit.held) guard.drop(visit.held);
    visit.held = visit.isOver ? null : bytes;
    if (visit.held) guard.hold(bytes);
  }

  async function* held(visit: Visit, parts: Parts): Parts {
    for await (const part of parts) {
      hold(visit, part.bytes);
      yield part;
    }
  }

  function inMultipart(visit: Visit, file: ManifestFile, ranges: readonly ByteRange[], serving: Serving) {
    const multipart = makeMultipart(file, ranges, randomBytes(18).toString('hex'));
    async function* parts(): Parts {
      for await (const part of guarded(framed(multipart, serving))) {
        // The heads of the parts are no bytes of the asset.
        if ('outcome' in part) notePart(visit, part);
        yield part;
      }
    }
    return { headers: multipart.headers, parts: parts() };
  }

  async function* inSequence(visit: Visit, first: Serving['first'], rest: AsyncGenerator<Serving['first']>): Parts {
    notePart(visit, first);
    yield first;
    for await (const part of guarded(rest)) {
      notePart(visit, part);
      yield part;
    }
  }

  /** An answer that breaks off after its head has left is counted: its client gets no problem document. */
  async function* guarded<T>(parts: AsyncGenerator<T>): AsyncGenerator<T> {
    try {
      yield* parts;
    } catch (error) {
      traffic.cut();
      throw error;
    }
  }

  return { hold, held, inSequence, inMultipart };
}
