/** `multipart/byteranges` of RFC 9110 §14.6. */
import { type ByteRange, formatContentRange } from '../../shared/domain/http/range.ts';
import type { ManifestFile } from '../../shared/domain/manifest.ts';
import { type BodyPart, type HeaderBlock, headerBlock } from './exchange.ts';
import type { Serving } from './serve-range.ts';

export interface Multipart {
  readonly headers: HeaderBlock;
  /** The heads of the parts, then what closes the last. */
  readonly frames: readonly Buffer[];
}

/** `boundary` must not occur in the file: random, and long enough that it does not. */
export function makeMultipart(file: ManifestFile, ranges: readonly ByteRange[], boundary: string): Multipart {
  const frames = ranges.map((range, at) => {
    const head = `--${boundary}\r\nContent-Type: ${file.contentType}\r\nContent-Range: ${formatContentRange(range, file.sizeBytes)}\r\n\r\n`;
    return Buffer.from(at === 0 ? head : `\r\n${head}`, 'latin1');
  });
  frames.push(Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1'));
  const media = ranges.reduce((sum, { start, end }) => sum + end + 1 - start, 0);
  const length = frames.reduce((sum, frame) => sum + frame.length, media);
  return {
    frames,
    headers: headerBlock({
      'content-type': `multipart/byteranges; boundary=${boundary}`,
      'content-length': String(length),
    }),
  };
}

/** The served parts with the heads between them. */
export async function* framed(
  { frames }: Multipart,
  { first, rest }: Serving,
): AsyncGenerator<BodyPart | Serving['first']> {
  yield { bytes: frames[0] ?? Buffer.alloc(0) };
  yield first;
  for await (const part of rest?.() ?? []) {
    if (part.startsRange !== null) yield { bytes: frames[part.startsRange] ?? Buffer.alloc(0) };
    yield part;
  }
  yield { bytes: frames.at(-1) ?? Buffer.alloc(0) };
}
