/**
 * Plain requests for media, and what fills push, read and answered on the socket itself; see docs/decisions/0028 and 0077.
 *
 * | a connection is | until |
 * |-----------------|-------|
 * | in the lane     | it sends anything but one whole, plain request for media at a time |
 * | given up        | for good: Node's HTTP server reads on, beginning with what was read here |
 *
 * Plain is `GET` or `HEAD` in HTTP/1.1 without a body, without an upgrade, in one piece and alone in it; and, where the kernel's calls
 * can be had, the `PUT` of an object by a fill, whose head comes in one piece and says how long its body is. The lane never
 * refuses a request: whatever it does not read is Node's to judge, so there is one parser that decides what is wrong.
 */
import type { Socket } from 'node:net';
import { descriptorOf, type KernelIo } from '../../shared/platform/kernel-io.ts';
import { idleConnectionMs } from './config.ts';
import type { Exchange } from './exchange.ts';
import { LaneExchange } from './lane-exchange.ts';
import { type PlainHead, type PutHead, readPlainHead, readPutHead } from './plain-head.ts';
import type { PutObject } from './put-object.ts';
import { makeSocketBody, type SocketBody } from './socket-body.ts';

/** A client that has said that it sends no more is still waited with for so long before it counts as gone. */
const leavingMs = 1_000;

export interface FastLaneDeps {
  readonly media: (exchange: Exchange) => void;
  readonly putObject: PutObject;
  readonly isClosing: () => boolean;
  readonly kernel: KernelIo | null;
  /** Lets Node's HTTP server have the connection. */
  readonly giveUp: (socket: Socket) => void;
}

export interface FastLane {
  take(socket: Socket): void;
  /** Ends the connection that has waited longest for a request; false where none waits. */
  closeIdlest(): boolean;
  /** Ends the connections that wait for a request; the others end with their answer. */
  closeIdle(): void;
  closeAll(): void;
}

export function makeFastLane({ media, putObject, isClosing, kernel, giveUp }: FastLaneDeps): FastLane {
  const idle = new Set<Socket>();
  const all = new Set<Socket>();

  function take(socket: Socket): void {
    let head: PlainHead | null = null;
    let waiting: Buffer | null = null;
    let current: LaneExchange | null = null;
    /** Of the request before too, until all of it has come. */
    let body: SocketBody | null = null;
    let ended = false;
    const remoteAddress = socket.remoteAddress ?? '';
    const options = { isClosing, kernel: descriptorOf(socket) === null ? null : kernel };
    all.add(socket);
    idle.add(socket);
    socket.setTimeout(idleConnectionMs);
    socket.setNoDelay(true);

    function onData(chunk: Buffer): void {
      if (body && !body.isOver()) {
        const behind = body.take(chunk);
        if (behind) onData(behind);
        return;
      }
      if (current) {
        // The next request before this one has its answer: it waits, and the client with it.
        waiting = waiting ? Buffer.concat([waiting, chunk]) : chunk;
        socket.pause();
        return;
      }
      const last = head;
      head = readPlainHead(chunk, last);
      if (!head && options.kernel && !isClosing()) {
        const put = readPutHead(chunk);
        if (put) {
          receive(put, chunk, options.kernel);
          return;
        }
      }
      if (!head) {
        leave(chunk);
        return;
      }
      idle.delete(socket);
      const exchange = new LaneExchange(socket, head, remoteAddress, options, onAnswered);
      current = exchange;
      media(exchange);
    }

    function receive(put: PutHead, chunk: Buffer, kernel: KernelIo): void {
      idle.delete(socket);
      const exchange = new LaneExchange(socket, put, remoteAddress, options, onAnswered);
      const arriving = makeSocketBody(socket, kernel, put.lengthBytes, () => {
        if (!current) goOn();
      });
      current = exchange;
      body = arriving;
      if (chunk.length > put.bodyFrom) onData(chunk.subarray(put.bodyFrom));
      putObject(exchange, arriving);
    }

    function onAnswered(): void {
      current = null;
      if (body && !body.isOver() && !socket.destroyed) body.leave();
      else goOn();
    }

    function goOn(): void {
      body = null;
      if (ended && !waiting) socket.end();
      if (socket.destroyed || socket.writableEnded) return;
      idle.add(socket);
      if (!waiting) {
        if (socket.isPaused()) socket.resume();
        return;
      }
      const chunk = waiting;
      waiting = null;
      // Not from within the answer: a row of waiting requests must not become a deep stack.
      setImmediate(() => {
        if (socket.destroyed) return;
        onData(chunk);
        if (all.has(socket)) socket.resume();
      });
    }

    function onClose(): void {
      all.delete(socket);
      idle.delete(socket);
      body?.fail();
      current?.gone();
    }
    const onError = (): void => {};
    const onTimeout = (): void => void socket.destroy();
    /** The client sends no more: it left, or it still reads and says so early, as simple clients do. */
    const onEnd = (): void => {
      ended = true;
      if (body && !body.isOver()) return void socket.destroy();
      const waiting = current;
      if (!waiting) return void socket.end();
      setTimeout(() => {
        if (current === waiting) waiting.onLeaving();
      }, leavingMs).unref();
    };

    function leave(chunk: Buffer): void {
      all.delete(socket);
      idle.delete(socket);
      socket.setTimeout(0);
      socket
        .off('data', onData)
        .off('close', onClose)
        .off('error', onError)
        .off('timeout', onTimeout)
        .off('end', onEnd);
      // Put back rather than passed on: Node stops reading while answers wait, and must be asked by the stream itself to begin.
      socket.pause();
      socket.unshift(chunk);
      giveUp(socket);
      socket.resume();
    }

    socket.on('data', onData).on('close', onClose).on('error', onError).on('timeout', onTimeout).on('end', onEnd);
  }

  return {
    take,
    closeIdlest() {
      // In the order in which they began to wait.
      const [socket] = idle;
      if (!socket) return false;
      idle.delete(socket);
      socket.destroy();
      return true;
    },
    closeIdle() {
      for (const socket of idle) socket.destroy();
    },
    closeAll() {
      for (const socket of all) socket.destroy();
    },
  };
}
