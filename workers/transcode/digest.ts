import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { type ManifestFile, sliceSizeBytes } from '../../shared/domain/manifest.ts';

/** Bytes to publish: in memory, or a span of a local file. */
export type Content = Uint8Array | FileSpan;

export interface FileSpan {
  readonly path: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

export const openContent = (content: Content): Readable =>
  content instanceof Uint8Array
    ? Readable.from([content])
    : createReadStream(content.path, { start: content.offset, end: content.offset + content.sizeBytes - 1 });

/**
 * Size and digests as the manifest wants them: of the whole, and of each slice where there is more than one.
 *
 * @throws Error when the file holds fewer bytes than the span says.
 */
export async function digestOf(content: Content): Promise<Pick<ManifestFile, 'sizeBytes' | 'sha256' | 'sliceSha256'>> {
  const whole = createHash('sha256');
  const slices: string[] = [];
  let slice = createHash('sha256');
  let inSlice = 0;
  let sizeBytes = 0;
  const endSlice = (): void => {
    slices.push(slice.digest('hex'));
    slice = createHash('sha256');
    inSlice = 0;
  };
  for await (const chunk of openContent(content) as AsyncIterable<Uint8Array>) {
    whole.update(chunk);
    sizeBytes += chunk.length;
    for (let rest = chunk; rest.length > 0; ) {
      const part = rest.subarray(0, sliceSizeBytes - inSlice);
      slice.update(part);
      inSlice += part.length;
      rest = rest.subarray(part.length);
      if (inSlice === sliceSizeBytes) endSlice();
    }
  }
  if (inSlice > 0) endSlice();
  const expected = content instanceof Uint8Array ? content.length : content.sizeBytes;
  if (sizeBytes !== expected) throw new Error(`read ${sizeBytes} bytes where ${expected} should be`);
  const sha256 = whole.digest('hex');
  return slices.length > 1 ? { sizeBytes, sha256, sliceSha256: slices } : { sizeBytes, sha256 };
}
