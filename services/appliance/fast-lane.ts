/**
 * Plain requests for media, read and answered on the socket itself; see docs/decisions/0028.
 *
 * | a connection is | until |
 * |-----------------|-------|
 * | in the lane     | it sends anything but one whole, plain request for media at a time |
 * | given up        | for good: Node's HTTP server reads on, beginning with what was read here |
 *
 * Plain is `GET` or `HEAD` in HTTP/1.1 without a body, without an upgrade, in one piece and alone in it. The lane never
 * refuses a request: whatever it does not read is Node's to judge, so there is one parser that decides what is wrong.
 */
import { once } from 'node:events';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { idleConnectionMs } from './config.ts';
import type { BodyPart, Exchange, HeaderBlock } from './exchange.ts';
import { type PlainHead, readPlainHead } from './plain-head.ts';

export interface FastLaneDeps {
  readonly media: (exchange: Exchange) => void;
  readonly isClosing: () => boolean;
  /** Lets Node's HTTP server have the connection. */
  readonly giveUp: (socket: Socket) => void;
}

export interface FastLane {
  take(socket: Socket): void;
  /** Ends the connections that wait for a request; the others end with their answer. */
  closeIdle(): void;
  closeAll(): void;
}

/** Bodies up to this go out in one piece with their head: copying them costs less than a second buffer. */
const joinedBytes = 16 * 1024;
const nothing = Buffer.alloc(0);

export function makeFastLane({ media, isClosing, giveUp }: FastLaneDeps): FastLane {
  const idle = new Set<Socket>();
  const all = new Set<Socket>();

  function take(socket: Socket): void {
    let head: PlainHead | null = null;
    let waiting: Buffer | null = null;
    let current: LaneExchange | null = null;
    let ended = false;
    const remoteAddress = socket.remoteAddress ?? '';
    all.add(socket);
    idle.add(socket);
    socket.setTimeout(idleConnectionMs);
    socket.setNoDelay(true);

    function onData(chunk: Buffer): void {
      if (current) {
        // The next request before this one has its answer: it waits, and the client with it.
        waiting = waiting ? Buffer.concat([waiting, chunk]) : chunk;
        socket.pause();
        return;
      }
      head = readPlainHead(chunk, head);
      if (!head) {
        leave(chunk);
        return;
      }
      idle.delete(socket);
      const exchange = new LaneExchange(socket, head, remoteAddress, isClosing, onAnswered);
      current = exchange;
      media(exchange);
    }

    function onAnswered(): void {
      current = null;
      if (ended && !waiting) socket.end();
      if (socket.destroyed || socket.writableEnded) return;
      idle.add(socket);
      if (!waiting) return;
      const chunk = waiting;
      waiting = null;
      // Not from within the answer: a row of waiting requests must not become a deep stack.
      setImmediate(() => {
        if (socket.destroyed) return;
        onData(chunk);
        socket.resume();
      });
    }

    function onClose(): void {
      all.delete(socket);
      idle.delete(socket);
      current?.gone();
    }
    const onError = (): void => {};
    const onTimeout = (): void => void socket.destroy();
    /** The client sends no more, but may still read. */
    const onEnd = (): void => {
      ended = true;
      if (!current) socket.end();
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
      giveUp(socket);
      socket.emit('data', chunk);
    }

    socket.on('data', onData).on('close', onClose).on('error', onError).on('timeout', onTimeout).on('end', onEnd);
  }

  return {
    take,
    closeIdle() {
      for (const socket of idle) socket.destroy();
    },
    closeAll() {
      for (const socket of all) socket.destroy();
    },
  };
}

class LaneExchange implements Exchange {
  readonly method: string;
  readonly target: string;
  readonly isSecure = false;
  readonly mayBorrow = true;
  readonly remoteAddress: string;
  onDone: (sentBytes: number) => void = () => {};
  readonly #socket: Socket;
  readonly #fields: ReadonlyMap<string, string>;
  readonly #isClosing: () => boolean;
  readonly #onAnswered: () => void;
  #bodyFrom = 0;
  #isOver = false;
  #closes = false;

  constructor(
    socket: Socket,
    head: PlainHead,
    remoteAddress: string,
    isClosing: () => boolean,
    onAnswered: () => void,
  ) {
    this.method = head.method;
    this.target = head.target;
    this.remoteAddress = remoteAddress;
    this.#socket = socket;
    this.#fields = head.fields;
    this.#isClosing = isClosing;
    this.#onAnswered = onAnswered;
  }

  header(name: string): string | undefined {
    return this.#fields.get(name);
  }

  send(status: number, head: readonly HeaderBlock[], body: Buffer | null): void {
    const socket = this.#socket;
    if (socket.destroyed) {
      this.gone();
      return;
    }
    const text = this.#headText(status, head);
    if (body === null || body.length <= joinedBytes) {
      const bytes = Buffer.allocUnsafe(text.length + (body?.length ?? 0));
      bytes.write(text, 'latin1');
      body?.copy(bytes, text.length);
      socket.write(bytes);
    } else {
      socket.cork();
      socket.write(text, 'latin1');
      socket.write(body);
      socket.uncork();
    }
    // As a rule the kernel took it all at once; a callback would cost a turn of the event loop for each answer.
    if (socket.writableLength === 0) this.#over(Number.POSITIVE_INFINITY);
    else socket.write(nothing, (error) => (error ? this.gone() : this.#over(Number.POSITIVE_INFINITY)));
  }

  stream(status: number, head: readonly HeaderBlock[], parts: AsyncGenerator<BodyPart>): void {
    this.#pump(this.#headText(status, head), parts).then(
      () => this.#over(Number.POSITIVE_INFINITY),
      () => {
        this.#socket.destroy();
        this.gone();
      },
    );
  }

  /** A slow client holds the part that it reads, and none behind it. */
  async #pump(text: string, parts: AsyncGenerator<BodyPart>): Promise<void> {
    const socket = this.#socket;
    const left = new AbortController();
    const onClose = () => left.abort();
    socket.once('close', onClose);
    let written: Promise<unknown> = Promise.resolve();
    try {
      socket.cork();
      socket.write(text, 'latin1');
      for await (const { bytes, release } of parts) {
        if (socket.destroyed) {
          release?.();
          throw new Error('the client is gone');
        }
        const { promise, resolve } = Promise.withResolvers<void>();
        written = promise;
        const more = socket.write(bytes, () => {
          release?.();
          resolve();
        });
        socket.uncork();
        if (!more) await once(socket, 'drain', { signal: left.signal });
      }
      await written;
      if (socket.destroyed) throw new Error('the client is gone');
    } finally {
      socket.uncork();
      socket.off('close', onClose);
    }
  }

  #headText(status: number, head: readonly HeaderBlock[]): string {
    this.#closes = this.#isClosing();
    let text = `${statusLine(status)}date: ${httpDate()}\r\n`;
    for (const block of head) text += block.text;
    text += this.#closes ? 'connection: close\r\n\r\n' : '\r\n';
    this.#bodyFrom = this.#socket.bytesWritten + text.length;
    return text;
  }

  /** The client left, or cannot be reached any more. */
  gone(): void {
    this.#over(this.#bodyFrom === 0 ? 0 : Math.max(0, this.#socket.bytesWritten - this.#bodyFrom));
  }

  #over(sentBytes: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#closes) this.#socket.end();
    this.onDone(sentBytes);
    this.#onAnswered();
  }
}

const statusLines = new Map<number, string>();
function statusLine(status: number): string {
  let line = statusLines.get(status);
  if (!line) {
    line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
    statusLines.set(status, line);
  }
  return line;
}

let dateSecond = 0;
let dateText = '';
/** Made once a second. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1_000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1_000).toUTCString();
  }
  return dateText;
}
