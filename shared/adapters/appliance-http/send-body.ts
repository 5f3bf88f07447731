/**
 * A request with a large body, by Node's own client: it tells when each piece has left the process, so that pieces may lie in memory
 * that is used again. A file's bytes in fresh memory cost several times what sending them costs, most of it for collecting garbage.
 */
import { once } from 'node:events';
import http, { type ClientRequest, IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';

export interface BodySender {
  /**
   * Sends the pieces and resolves with the head of the answer, whose body the caller reads. An answer that comes early ends
   * the sending.
   *
   * @throws BodyLengthError, the signal's reason, what `body` throws, or what is wrong with the connection.
   */
  send(url: URL, request: BodyRequest): Promise<IncomingMessage>;
  close(): void;
}

export interface BodyRequest {
  readonly method: 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  /** A piece has left when the next one is asked for. */
  readonly body: AsyncIterable<Uint8Array>;
  readonly sizeBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** The body is shorter or longer than was announced. */
export class BodyLengthError extends Error {
  constructor(sizeBytes: number, isShort: boolean) {
    super(`the source has ${isShort ? 'less' : 'more'} than the ${sizeBytes} bytes that it should have`);
    this.name = 'BodyLengthError';
  }
}

const idleConnectionMs = 10_000;

export function makeBodySender({
  silenceMs,
  connectMs,
}: {
  readonly silenceMs: number;
  readonly connectMs: number;
}): BodySender {
  const options = { keepAlive: true, timeout: idleConnectionMs };
  const agents = { 'http:': new http.Agent(options), 'https:': new https.Agent(options) };

  /** Time in which we have nothing to send is not the other's silence. */
  function watchSilence(request: ClientRequest) {
    let socket: Socket | null = null;
    let armed = true;
    const apply = (): void => {
      socket?.setTimeout(armed ? (socket.connecting ? connectMs : silenceMs) : 0);
    };
    request.on('timeout', () => request.destroy(new Error('it is silent')));
    request.on('socket', (given) => {
      socket = given;
      apply();
      if (given.connecting) given.once('connect', apply);
    });
    return (on: boolean): void => {
      armed = on;
      apply();
    };
  }

  return {
    async send(url, { method, headers, body, sizeBytes, signal }) {
      signal?.throwIfAborted();
      const secure = url.protocol === 'https:';
      const request = (secure ? https : http).request(url, {
        method,
        headers: { ...headers, 'content-length': String(sizeBytes) },
        agent: secure ? agents['https:'] : agents['http:'],
      });
      const ended = Promise.withResolvers<IncomingMessage>();
      ended.promise.catch(() => undefined);
      request.on('error', ended.reject).on('response', (answer: IncomingMessage) => {
        answer.on('error', () => undefined);
        ended.resolve(answer);
      });
      const expectAnswer = watchSilence(request);
      const onAbort = (): void => void request.destroy(signal?.reason as Error);
      signal?.addEventListener('abort', onAbort, { once: true });
      const pieces = body[Symbol.asyncIterator]();
      try {
        let leftBytes = sizeBytes;
        for (;;) {
          expectAnswer(false);
          const next = await Promise.race([pieces.next(), ended.promise]);
          expectAnswer(true);
          if (next instanceof IncomingMessage) return early(request, next);
          if (next.done) break;
          leftBytes -= next.value.byteLength;
          if (leftBytes < 0) throw new BodyLengthError(sizeBytes, false);
          const left = Promise.withResolvers<null>();
          request.write(next.value, (error) => (error ? left.reject(error) : left.resolve(null)));
          left.promise.catch(() => undefined);
          const answer = await Promise.race([left.promise, ended.promise]);
          if (answer) return early(request, answer);
        }
        if (leftBytes > 0) throw new BodyLengthError(sizeBytes, true);
        request.end();
        return await ended.promise;
      } catch (error) {
        request.destroy();
        signal?.throwIfAborted();
        throw error;
      } finally {
        signal?.removeEventListener('abort', onAbort);
        // It ends when it has what it waits for, which may be long.
        pieces.return?.()?.catch(() => undefined);
      }
    },

    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

/** What is left of the body is not sent, so the connection is of no more use once the answer was read. */
function early(request: ClientRequest, answer: IncomingMessage): IncomingMessage {
  once(answer, 'close').then(
    () => request.destroy(),
    () => undefined,
  );
  return answer;
}
