/** What is small enough goes to the kernel at once, past Node's stream, which costs more than the call itself. */
import type { Socket } from 'node:net';
import { descriptorOf, type KernelIo } from '../../shared/platform/kernel-io.ts';

/** Used for one call at a time. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * Null where all was taken; else what is left, for the stream: all of it where the stream has something to write already or
 * the connection is broken, which whoever writes the rest finds out.
 *
 * @param text at most 32 KiB in latin1.
 * @param body at most 32 KiB.
 * @param more Whether more will follow at once, so that no packet is made for this alone.
 */
export function sendDirectly(
  kernel: KernelIo | null,
  socket: Socket,
  text: string,
  body: Buffer | null,
  more = false,
): Buffer | null {
  const head = scratch.write(text, 'latin1');
  const length = head + (body?.copy(scratch, head) ?? 0);
  const taken = kernel ? take(kernel, socket, length, more) : 0;
  return taken === length ? null : Buffer.from(scratch.subarray(taken, length));
}

function take(kernel: KernelIo, socket: Socket, length: number, more: boolean): number {
  const fd = descriptorOf(socket);
  if (socket.writableLength > 0 || fd === null) return 0;
  try {
    return kernel.send(fd, scratch, length, more);
  } catch {
    return 0;
  }
}
