/**
 * Calls of the kernel that Node does not offer; see docs/decisions/0076. `sendfile` sends from a file to a socket: the bytes are
 * copied once, by the receiver, instead of three times, and no memory of the process holds them. `preadv2` reads what lies in
 * the page cache and nothing else, so that it never waits for a disk. `recv` puts what arrived where it is to stay.
 *
 * Through koffi, which brings its binary with it; where there is none for this machine, there is no `KernelIo`.
 */
import type { Socket } from 'node:net';

export interface KernelIo {
  /**
   * Hands the first `length` bytes to the socket; returns how many were taken, 0 where it is full. With `more`, others follow at
   * once, and no packet is made for these alone.
   *
   * @throws Error where the connection is broken.
   */
  send(socketFd: number, bytes: Buffer, length: number, more: boolean): number;
  /**
   * Sends up to `length` bytes of the file from `position` on; returns how many were taken, 0 where the socket is full.
   * Blocks while the bytes are read from a disk: only for what lies in the page cache.
   *
   * @throws Error where the connection is broken, or the file ends before `position + 1`.
   */
  file(socketFd: number, fileFd: number, position: number, length: number): number;
  /**
   * Fills the buffer with what has arrived on the socket; returns how many bytes. 0 also at its end and where it is broken, of both of
   * which Node tells.
   */
  receive(socketFd: number, into: Buffer): number;
  /**
   * Fills the buffer from the file as far as the bytes lie in the page cache; returns how many did. 0 also where the file system
   * cannot tell.
   */
  readCached(fileFd: number, into: Buffer, position: number): number;
  /** How often this thread has had to read from a disk so far (getrusage(2), in blocks). */
  diskReads(): number;
}

/** Linux: send(2). */
const dontWait = 0x40;
const noSignal = 0x4000;
const moreFollows = 0x8000;
/** Linux: getrusage(2), for the calling thread; where `ru_inblock` lies in its answer of 16 times 8 bytes and 16 more. */
const thisThread = 1;
const usageBytes = 144;
const blockReadsAt = 88;
/** Linux: preadv2(2), RWF_NOWAIT. */
const fromCacheOnly = 8;
/** errno(3), the same on all of Linux's common machines. */
const interrupted = 4;
const tryAgain = 11;

/** Null where this machine cannot: another system than Linux with glibc, or no binary for it. `why` is told then. */
export async function openKernelIo(why: (reason: string) => void = () => {}): Promise<KernelIo | null> {
  if (process.platform !== 'linux') {
    why(`sendfile is used on Linux only, and this is ${process.platform}`);
    return null;
  }
  try {
    const { default: koffi } = await import('koffi');
    const libc = koffi.load('libc.so.6');
    const send = libc.func('int64_t send(int fd, const uint8_t *bytes, uint64_t length, int flags)');
    const receive = libc.func('int64_t recv(int fd, uint8_t *bytes, uint64_t length, int flags)');
    const sendFile = libc.func('int64_t sendfile64(int to, int from, int64_t *position, uint64_t length)');
    const place = new BigInt64Array(1);
    koffi.struct('iovec', { base: 'uint8_t *', length: 'uint64_t' });
    const read = libc.func('int64_t preadv2(int fd, const iovec *into, int count, int64_t position, int flags)');

    const getUsage = libc.func('int getrusage(int who, uint8_t *usage)');
    const usage = Buffer.alloc(usageBytes);

    const taken = (count: number, call: string): number => {
      if (count >= 0) return count;
      const code = koffi.errno();
      if (code === tryAgain || code === interrupted) return 0;
      throw new Error(`${call} failed with errno ${code}`);
    };
    return {
      send: (socketFd, bytes, length, more) =>
        taken(Number(send(socketFd, bytes, length, dontWait | noSignal | (more ? moreFollows : 0))), 'send'),
      file(socketFd, fileFd, position, length) {
        place[0] = BigInt(position);
        const count = Number(sendFile(socketFd, fileFd, place, length));
        if (count === 0) throw new Error('the file ends early');
        return taken(count, 'sendfile');
      },
      receive: (socketFd, into) => Math.max(0, Number(receive(socketFd, into, into.length, dontWait))),
      readCached: (fileFd, into, position) =>
        Math.max(0, Number(read(fileFd, { base: into, length: into.length }, 1, position, fromCacheOnly))),
      diskReads() {
        getUsage(thisThread, usage);
        return Number(usage.readBigInt64LE(blockReadsAt));
      },
    };
  } catch (error) {
    why(error instanceof Error ? error.message : String(error));
    return null;
  }
}

/** The descriptor of an open socket; null for one that has none, or none any more. Node has no public way to ask. */
export function descriptorOf(socket: Socket): number | null {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : null;
  return typeof fd === 'number' && fd >= 0 ? fd : null;
}
