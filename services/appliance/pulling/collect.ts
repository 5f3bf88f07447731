/** Bodies of upstreams' answers, gathered in memory within what was asked for. */
import { PullError } from '../upstream.ts';
import type { Patience } from './patience.ts';

/** Fills one buffer of the size that was asked for. */
export async function collectExactly(
  body: AsyncIterable<Uint8Array>,
  sizeBytes: number,
  patience: Patience,
): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(sizeBytes);
  let length = 0;
  for await (const chunk of body) {
    if (length + chunk.length > sizeBytes) throw new PullError('mismatch', 'sent more than was asked for');
    buffer.set(chunk, length);
    length += chunk.length;
    patience.arrived(chunk.length);
    patience.signal.throwIfAborted();
  }
  if (length < sizeBytes) throw new PullError('failed', `ended after ${length} of ${sizeBytes} bytes`);
  return buffer;
}

export async function collectUpTo(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  patience: Patience,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes) throw new PullError('mismatch', `sent more than ${maxBytes} bytes`);
    chunks.push(chunk);
    patience.arrived(chunk.length);
    patience.signal.throwIfAborted();
  }
  return Buffer.concat(chunks);
}
