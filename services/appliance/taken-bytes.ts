import type { Socket } from 'node:net';

/**
 * Bytes that the kernel has taken of what was written on a connection; null while none wait for it.
 *
 * Node counts a write whole as soon as it begins. What the kernel has not taken of it is known to the handle alone, which
 * Node's own time-outs ask as well.
 */
export function takenBytesOf(socket: Socket): number | null {
  if (socket.writableLength === 0) return null;
  const handle = Reflect.get(socket, '_handle') as { readonly writeQueueSize?: number } | null | undefined;
  return socket.bytesWritten - (handle?.writeQueueSize ?? 0);
}
