/** Exchanges over Node's own servers, HTTP/1.1 and HTTP/2 alike. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { Writable } from 'node:stream';
import type { BodyPart, Exchange, HeaderBlock } from './exchange.ts';
import { Refusal } from './refusals.ts';
import { takenBytesOf } from './taken-bytes.ts';

export type NodeRequest = IncomingMessage | Http2ServerRequest;
export type NodeResponse = ServerResponse | Http2ServerResponse;

export interface NodeExchangeOptions {
  /** True while the process stops: connections are closed with their answer. */
  readonly isClosing: () => boolean;
}

const isHttp1 = (response: NodeResponse): response is ServerResponse => 'shouldKeepAlive' in response;

export function makeNodeExchange(
  request: NodeRequest,
  response: NodeResponse,
  { isClosing }: NodeExchangeOptions,
): Exchange {
  const socket = request.socket;
  const writtenBefore = socket?.bytesWritten ?? 0;
  /** On a stream of HTTP/2. */
  let handedBytes = 0;
  async function* counted(parts: AsyncGenerator<BodyPart>): AsyncGenerator<BodyPart> {
    for await (const part of parts) {
      handedBytes += part.bytes.length;
      yield part;
    }
  }
  const exchange: Exchange = {
    method: request.method ?? '',
    target: request.url ?? '',
    isSecure: 'encrypted' in (socket ?? {}),
    takesStored: 'none',
    // HTTP/2 frames refer to the bytes until they are written, which may be after their stream was closed.
    mayBorrow: isHttp1(response),
    remoteAddress: socket?.remoteAddress ?? '',
    header(name) {
      const value = request.headers[name];
      if (value === undefined && name === 'host') return request.headers[':authority'] as string | undefined;
      return Array.isArray(value) ? value.join(', ') : value;
    },
    onLeaving: () => {},
    onDone: () => {},
    readBody: (maxBytes) => collect(request, maxBytes),
    send(status, head, body) {
      writeHead(status, head);
      if (body === null) response.end();
      else if (!exchange.mayBorrow && body.length > pieceBytes)
        pump(response, counted(pieces(body))).catch(() => response.destroy());
      else {
        handedBytes += body.length;
        response.end(body);
      }
    },
    takenBytes() {
      if (isHttp1(response)) return socket ? takenBytesOf(socket) : null;
      const waiting = response.stream?.writableLength ?? 0;
      return waiting > 0 ? handedBytes - waiting : null;
    },
    cut() {
      if (isHttp1(response)) response.destroy();
      else response.stream?.close(constants.NGHTTP2_CANCEL);
    },
    sendStored() {
      throw new Error('the bytes of a file cannot be sent this way');
    },
    stream(status, head, parts) {
      writeHead(status, head);
      pump(response, exchange.mayBorrow ? parts : counted(copied(parts))).catch(() => response.destroy());
    },
  };

  function writeHead(status: number, head: readonly HeaderBlock[]): void {
    const pairs = head.length === 1 ? [...(head[0]?.pairs ?? [])] : head.flatMap((block) => block.pairs);
    if (isHttp1(response)) {
      if (isClosing()) pairs.push('connection', 'close');
      response.writeHead(status, pairs);
    } else {
      for (let i = 0; i < pairs.length; i += 2) response.appendHeader(pairs[i] ?? '', pairs[i + 1] ?? '');
      response.writeHead(status);
    }
  }

  response.once('close', () => {
    const finished = response.writableFinished;
    exchange.onDone(finished ? Number.POSITIVE_INFINITY : Math.max(0, (socket?.bytesWritten ?? 0) - writtenBefore));
  });
  return exchange;
}

async function collect(request: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > maxBytes) throw new Refusal('bad-request', 'too-large', `The body may have ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A slow client holds the part that it reads, and none behind it. */
async function pump(answer: NodeResponse, parts: AsyncGenerator<BodyPart>): Promise<void> {
  // Both kinds are writable streams; TypeScript cannot choose between their signatures.
  const response: Writable = answer;
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  for await (const { bytes, release } of parts) {
    if (gone.signal.aborted) {
      release?.();
      return;
    }
    const more = response.write(bytes, release && (() => release()));
    if (!more) await once(response, 'drain', { signal: gone.signal });
  }
  response.end();
}

/** What a stream of HTTP/2 may have waiting: its neighbours share the memory that a session may take. */
const pieceBytes = 128 * 1024;

async function* pieces(bytes: Buffer): AsyncGenerator<BodyPart> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield { bytes: bytes.subarray(at, at + pieceBytes) };
}

async function* copied(parts: AsyncGenerator<BodyPart>): AsyncGenerator<BodyPart> {
  for await (const { bytes, release } of parts) {
    const own = release ? Buffer.from(bytes) : bytes;
    release?.();
    yield* pieces(own);
  }
}
