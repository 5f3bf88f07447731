import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { ManifestFile } from '../../shared/domain/manifest.ts';
import { startSliceDigests } from '../../shared/media/slice-digests.ts';

/** Bytes to publish: in memory, a span of a local file or of a stored object, or several of these one after the other. */
export type Content = Part | readonly Part[];
export type Part = Uint8Array | FileSpan | StoredSpan;

export interface FileSpan {
  readonly path: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface StoredSpan {
  readonly sizeBytes: number;
  /** Bytes of the span from `offset` on; `sizeBytes` of them. */
  open(offset: number, sizeBytes: number): Promise<Readable>;
  /** Where the span is a whole object: its key and what is known of it. */
  readonly object: (Digests & { readonly key: string }) | null;
}

export type Digests = Pick<ManifestFile, 'sizeBytes' | 'sha256' | 'sliceSha256'>;

/** The object that a content is, where it lies in the store already. */
export function storedObjectOf(content: Content): StoredSpan['object'] {
  const [part, ...others] = partsOf(content);
  return part && others.length === 0 && 'object' in part ? part.object : null;
}

export const partsOf = (content: Content): readonly Part[] => (isPart(content) ? [content] : content);
const isPart = (content: Content): content is Part => !Array.isArray(content);

const sizeOfPart = (part: Part): number => (part instanceof Uint8Array ? part.length : part.sizeBytes);

export const openContent = (content: Content): Readable => Readable.from(chunksOf(content), { objectMode: false });

async function* chunksOf(content: Content): AsyncGenerator<Uint8Array> {
  for (const part of partsOf(content)) {
    if (sizeOfPart(part) === 0) continue;
    if (part instanceof Uint8Array) yield part;
    else if ('open' in part) yield* await part.open(0, part.sizeBytes);
    else yield* createReadStream(part.path, { start: part.offset, end: part.offset + part.sizeBytes - 1 });
  }
}

/**
 * Size and digests as the manifest wants them: of the whole, and of each slice where there is more than one. A stored
 * object's are known and not computed again.
 *
 * @throws Error when the file holds fewer bytes than the span says.
 */
export async function digestOf(content: Content): Promise<Digests> {
  const stored = storedObjectOf(content);
  if (stored) return digestsOf(stored);
  const whole = createHash('sha256');
  const digests = startSliceDigests();
  let sizeBytes = 0;
  for await (const chunk of openContent(content) as AsyncIterable<Uint8Array>) {
    whole.update(chunk);
    digests.update(chunk);
    sizeBytes += chunk.length;
  }
  const slices = digests.end();
  const expected = partsOf(content).reduce((sum, part) => sum + sizeOfPart(part), 0);
  if (sizeBytes !== expected) throw new Error(`read ${sizeBytes} bytes where ${expected} should be`);
  const sha256 = whole.digest('hex');
  return slices.length > 1 ? { sizeBytes, sha256, sliceSha256: slices } : { sizeBytes, sha256 };
}

const digestsOf = ({ sizeBytes, sha256, sliceSha256 }: Digests): Digests =>
  sliceSha256 ? { sizeBytes, sha256, sliceSha256 } : { sizeBytes, sha256 };
