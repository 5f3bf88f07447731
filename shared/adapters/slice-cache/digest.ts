import { hash, webcrypto } from 'node:crypto';

/** Above this, hashing takes longer than handing it to a thread. */
const inlineBytes = 128 * 1024;

/** Lower-case hex SHA-256; large buffers are hashed off the event loop. */
export async function sha256Of(bytes: Uint8Array): Promise<string> {
  if (bytes.length <= inlineBytes) return hash('sha256', bytes, 'hex');
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', view as Uint8Array<ArrayBuffer>)).toString('hex');
}
