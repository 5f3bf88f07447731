/**
 * An answer whose body lies in a file, sent by the kernel; see docs/decisions/0076.
 *
 * | the socket                              | what happens |
 * |-----------------------------------------|--------------|
 * | takes bytes                             | they go from the file to it |
 * | is full                                 | a little is written by the stream, which says when there is room again |
 * | is still full when the check is too old | the rest is read in pieces, each checked |
 */
import type { Socket } from 'node:net';
import { descriptorOf, type KernelIo } from '../../shared/platform/kernel-io.ts';
import type { StoredBytes } from '../../shared/ports/segment-cache.ts';
import { sendDirectly } from './send-directly.ts';

/** What waits in memory for a client that does not read. */
const waitingBytes = 16 * 1024;
/** What is read at once where each piece has to be checked. */
const checkedBytes = 64 * 1024;

export interface StoredAnswer {
  /** Bytes of the body that were handed to the socket, or lie before it. */
  readonly sentBytes: number;
  /** Those of them that did not go through the stream. */
  readonly directBytes: number;
}

/** `done` is called once, unless the socket is destroyed before; with an error the connection is of no more use. */
export function sendStored(
  kernel: KernelIo,
  socket: Socket,
  head: string,
  body: StoredBytes,
  done: (error?: Error) => void,
): StoredAnswer {
  // Fields and no getters: V8 makes a hidden class for each literal with getters, which keeps all they close over until a major collection.
  const answer = { sentBytes: 0, directBytes: 0 };

  /** Null while it waits for room, or for the disk. */
  function sendOn(): 'sent' | Error | null {
    try {
      while (answer.sentBytes < body.length) {
        const at = answer.sentBytes;
        const fd = socket.destroyed ? null : descriptorOf(socket);
        if (fd === null) return null;
        if (!body.isFresh()) {
          readOn().then(() => done(), done);
          return null;
        }
        const count = body.sendNow((file, position, length) => kernel.file(fd, file, position, length), at);
        if (count === 0) {
          write(body.readNow(at, Math.min(body.length, at + waitingBytes)));
          return null;
        }
        answer.sentBytes += count;
        answer.directBytes += count;
      }
      return 'sent';
    } catch (error) {
      return error as Error;
    }
  }

  function goOn(): void {
    const end = sendOn();
    if (end !== null) done(end === 'sent' ? undefined : end);
  }

  function write(bytes: Buffer): void {
    answer.sentBytes += bytes.length;
    // An error is the end of the socket, which is told of elsewhere.
    socket.write(bytes, (error) => {
      if (!error) goOn();
    });
  }

  async function readOn(): Promise<void> {
    while (answer.sentBytes < body.length) {
      const at = answer.sentBytes;
      if (socket.destroyed) throw new Error('the client is gone');
      const { bytes, release } = await body.read(at, Math.min(body.length, at + checkedBytes));
      answer.sentBytes += bytes.length;
      await new Promise<void>((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      }).finally(release);
    }
  }

  const rest = sendDirectly(body.isFresh() ? kernel : null, socket, head, null, true);
  if (!rest) goOn();
  else {
    socket.write(rest, (error) => {
      if (!error) goOn();
    });
  }
  return answer;
}
