/**
 * A body of known length that arrives on a socket, received where it is to lie: Node tells that something is there by its first
 * 64 KiB, and the rest is fetched from the kernel into the buffer itself. Read piece by piece by Node each byte is copied twice more, into
 * memory that is collected at once.
 *
 * | the body is | the socket |
 * |-------------|------------|
 * | asked for   | flows, once the kernel has nothing left |
 * | not asked for, because its reader has other work | is paused, and so is the sender |
 * | left        | flows, and what comes is dropped until the body's end |
 */
import type { Socket } from 'node:net';
import { descriptorOf, type KernelIo } from '../../shared/platform/kernel-io.ts';
import { idleConnectionMs } from './config.ts';
import type { FillBody } from './fill-body.ts';

export interface SocketBody extends FillBody {
  /** What Node has read; returns what lies behind the body's end. */
  take(chunk: Buffer): Buffer | null;
  /** No more of it is wanted. */
  leave(): void;
  /** The sender is gone. */
  fail(): void;
  /** All of it has come. A function, no getter: V8 makes a hidden class for each literal with one, which keeps what it closes over. */
  isOver(): boolean;
}

/** Fetched before others have a turn: some tenths of a millisecond. */
const atOnceBytes = 1024 * 1024;
const nothing = Buffer.alloc(0);

export function makeSocketBody(socket: Socket, kernel: KernelIo, lengthBytes: number, onOver: () => void): SocketBody {
  let comingBytes = lengthBytes;
  /** Came before it was asked for. */
  let early: Buffer = nothing;
  let left = false;
  let failed = false;
  let wanted: {
    readonly into: Buffer;
    readonly done: (length: number) => void;
    readonly fail: (e: Error) => void;
  } | null = null;
  let length = 0;

  const broken = (): Error => new Error(`the sender broke off ${comingBytes} bytes before the end`);

  function came(bytes: number): void {
    comingBytes -= bytes;
    if (comingBytes === 0 && bytes > 0) onOver();
  }

  function fill(bytes: Buffer): Buffer {
    if (!wanted) return bytes;
    const part = bytes.subarray(0, wanted.into.length - length);
    wanted.into.set(part, length);
    length += part.length;
    return bytes.subarray(part.length);
  }

  /** Into the buffer, as long as it comes and fits; false where others should have a turn first. */
  function fetch(): boolean {
    let fetched = 0;
    while (wanted && comingBytes > 0 && length < wanted.into.length) {
      if (fetched >= atOnceBytes) return false;
      const fd = socket.destroyed ? null : descriptorOf(socket);
      if (fd === null) return true;
      const most = Math.min(wanted.into.length - length, comingBytes, atOnceBytes);
      const count = kernel.receive(fd, wanted.into.subarray(length, length + most));
      if (count === 0) return true;
      length += count;
      fetched += count;
      came(count);
    }
    return true;
  }

  function goOn(): void {
    if (!wanted) return;
    // In its order: what Node has read already comes first.
    if (socket.readableLength > 0) {
      socket.read();
      return;
    }
    if (!fetch()) {
      setImmediate(goOn);
      return;
    }
    const { into, done, fail } = wanted;
    if (length === into.length || (comingBytes === 0 && early.length === 0)) {
      wanted = null;
      socket.pause();
      // What Node did not read itself is no sign of life to it.
      socket.setTimeout(idleConnectionMs);
      done(length);
    } else if (failed || socket.destroyed) {
      wanted = null;
      fail(broken());
    } else socket.resume();
  }

  return {
    isOver: () => comingBytes === 0,

    take(chunk) {
      const mine = chunk.subarray(0, comingBytes);
      const behind = chunk.length > mine.length ? chunk.subarray(mine.length) : null;
      came(mine.length);
      if (left) return behind;
      const rest = fill(mine);
      if (rest.length > 0) early = early.length > 0 ? Buffer.concat([early, rest]) : rest;
      if (wanted) goOn();
      else socket.pause();
      return behind;
    },

    async read(into) {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      wanted = { into, done: resolve, fail: reject };
      length = 0;
      early = fill(early);
      goOn();
      return promise;
    },

    leave() {
      left = true;
      early = nothing;
      if (comingBytes > 0) socket.resume();
    },

    fail() {
      failed = true;
      goOn();
    },
  };
}
