/** One answer written on a socket of the fast lane: as few writes as possible, counted when the kernel has them. */
import { once } from 'node:events';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { KernelIo } from '../../shared/platform/kernel-io.ts';
import type { StoredBytes } from '../../shared/ports/segment-cache.ts';
import type { BodyPart, Exchange, HeaderBlock } from './exchange.ts';
import type { PlainHead } from './plain-head.ts';
import { sendDirectly } from './send-directly.ts';
import { type StoredAnswer, sendStored } from './send-stored.ts';
import { takenBytesOf } from './taken-bytes.ts';

/** Bodies up to this go out in one piece with their head: copying them costs less than a second call. */
const joinedBytes = 16 * 1024;
const nothing = Buffer.alloc(0);

export interface LaneExchangeOptions {
  readonly isClosing: () => boolean;
  /** Null where files are not sent by the kernel. */
  readonly kernel: KernelIo | null;
}

export class LaneExchange implements Exchange {
  readonly method: string;
  readonly target: string;
  readonly isSecure = false;
  readonly takesStored: Exchange['takesStored'];
  readonly mayBorrow = true;
  readonly remoteAddress: string;
  onLeaving: () => void = () => {};
  onDone: (sentBytes: number) => void = () => {};
  readonly #socket: Socket;
  readonly #fields: ReadonlyMap<string, string>;
  readonly #isClosing: () => boolean;
  readonly #onAnswered: () => void;
  readonly #kernel: KernelIo | null;
  #stored: StoredAnswer | null = null;
  #bodyFrom = 0;
  #isOver = false;
  #closes = false;

  constructor(
    socket: Socket,
    head: PlainHead,
    remoteAddress: string,
    { isClosing, kernel }: LaneExchangeOptions,
    onAnswered: () => void,
  ) {
    this.takesStored = kernel === null ? 'none' : isLoopback(remoteAddress) ? 'not in memory' : 'any';
    this.#kernel = kernel;
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

  /** The lane takes no request that has one. */
  readBody(): Promise<Buffer> {
    return Promise.resolve(nothing);
  }

  send(status: number, head: readonly HeaderBlock[], body: Buffer | null): void {
    const socket = this.#socket;
    if (socket.destroyed) {
      this.gone();
      return;
    }
    const text = this.#headText(status, head);
    if (body === null || body.length <= joinedBytes) {
      const rest = sendDirectly(this.#kernel, socket, text, body);
      this.#bodyFrom -= text.length + (body?.length ?? 0) - (rest?.length ?? 0);
      if (rest) socket.write(rest);
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

  sendStored(status: number, head: readonly HeaderBlock[], body: StoredBytes): void {
    const socket = this.#socket;
    if (socket.destroyed || !this.#kernel) {
      socket.destroy();
      this.gone();
      return;
    }
    this.#stored = sendStored(this.#kernel, socket, this.#headText(status, head), body, (error) => {
      if (error) {
        socket.destroy();
        this.gone();
      } else this.#over(Number.POSITIVE_INFINITY);
    });
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

  takenBytes(): number | null {
    const taken = takenBytesOf(this.#socket);
    return taken === null ? null : taken + (this.#stored?.directBytes ?? 0);
  }

  cut(): void {
    this.#socket.destroy();
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
    if (this.#stored) this.#over(this.#stored.sentBytes);
    else this.#over(this.#bodyFrom === 0 ? 0 : Math.max(0, this.#socket.bytesWritten - this.#bodyFrom));
  }

  #over(sentBytes: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#closes) this.#socket.end();
    this.onDone(sentBytes);
    this.#onAnswered();
  }
}

const isLoopback = (address: string): boolean =>
  address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.');

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
