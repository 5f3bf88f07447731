/**
 * TLS with HTTP/2, and HTTP/1.1 for those who do not speak it, in the same process and with the same answers.
 *
 * The certificate is read again when its file changes and when somebody asks; connections that are open keep theirs. One
 * that cannot be used is told and the one before stays.
 */
import { readFile, stat } from 'node:fs/promises';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { Logger } from '../../shared/platform/logger.ts';
import { repeat } from '../../shared/platform/repeat.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { headersMs, headsCheckedEveryMs, idleConnectionMs, keepAliveMs, maxHeaders } from './config.ts';
import type { Guard } from './guard.ts';
import type { NodeRequest, NodeResponse } from './node-exchange.ts';
import { endUnreadable } from './unreadable.ts';

export interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface TlsServerOptions extends CertificateFiles {
  readonly dispatch: (request: NodeRequest, response: NodeResponse) => void;
  readonly guard: Pick<Guard, 'watch'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often the files are looked at. */
  readonly watchMs?: number;
}

export interface TlsServer {
  readonly port: number;
  listen(host: string, port: number): Promise<void>;
  /** Reads the certificate again; never throws. */
  reload(): Promise<void>;
  /** Takes no more connections and resolves when those that are open have ended. */
  close(): Promise<void>;
  closeAllConnections(): void;
}

/** Devices of living rooms speak 1.2 for years to come; both sides take 1.3 where both know it. */
const minVersion = 'TLSv1.2';
const maxStreams = 128;
/** A browser that leaves a page cancels some streams at once; thousands a second are the rapid reset attack. */
const resetBurst = 200;
const resetsPerSecond = 50;
/** For HTTP/1.1; the types do not know it here. */
const headsChecked = { connectionsCheckingInterval: headsCheckedEveryMs };
/** Each stream has at most a piece of its answer waiting. */
const maxSessionMegabytes = 32;

/** @throws Error when the certificate cannot be read or used. */
export async function openTlsServer(options: TlsServerOptions): Promise<TlsServer> {
  const { certificateFile, keyFile, dispatch, guard, clock, logger, watchMs = 5_000 } = options;
  const read = async () => {
    const [cert, key] = await Promise.all([readFile(certificateFile), readFile(keyFile)]);
    // Throws here, rather than at the first handshake.
    createSecureContext({ cert, key });
    return { cert, key };
  };
  const stateOf = async () => {
    const files = await Promise.all([stat(certificateFile), stat(keyFile)]);
    return files.map(({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`).join(', ');
  };
  let seen = await stateOf();
  const server = http2.createSecureServer({
    ...(await read()),
    allowHTTP1: true,
    minVersion,
    settings: { maxConcurrentStreams: maxStreams, maxHeaderListSize: 16 * 1024, enablePush: false },
    unknownProtocolTimeout: 5_000,
    handshakeTimeout: headersMs,
    streamResetBurst: resetBurst,
    streamResetRate: resetsPerSecond,
    ...headsChecked,
    maxSessionMemory: maxSessionMegabytes,
  });
  // For HTTP/1.1, whose limits the types do not know here; fills take as long as they take.
  Object.assign(server, {
    keepAliveTimeout: keepAliveMs,
    requestTimeout: 0,
    headersTimeout: headersMs,
    maxHeadersCount: maxHeaders,
  });
  const sessions = new Set<http2.ServerHttp2Session>();
  const sockets = new Set<{ destroy(): unknown }>();
  guard.watch(server);
  server.on('request', dispatch);
  server.on('clientError', endUnreadable);
  server.setTimeout(idleConnectionMs);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.setTimeout(idleConnectionMs, () => session.close());
    session.on('error', () => {});
  });
  server.on('stream', (stream) => {
    // A stream that moves no byte is cut, however busy its neighbours are.
    stream.setTimeout(idleConnectionMs, () => stream.close(http2.constants.NGHTTP2_CANCEL));
    const { session } = stream;
    stream.once('aborted', () => {
      if (session) noteReset(session);
    });
  });
  server.on('sessionError', (error) => logger.debug({ err: error }, 'an HTTP/2 session broke'));

  const resets = new WeakMap<object, { left: number; atMs: number }>();
  /** Ends a session that resets more than a few streams for longer than a moment: rapid reset, CVE-2023-44487. */
  function noteReset(session: http2.Http2Session): void {
    const nowMs = performance.now();
    const { left, atMs } = resets.get(session) ?? { left: resetBurst, atMs: nowMs };
    const allowed = Math.min(resetBurst, left + ((nowMs - atMs) / 1_000) * resetsPerSecond) - 1;
    resets.set(session, { left: allowed, atMs: nowMs });
    if (allowed >= 0 || session.destroyed) return;
    logger.debug('an HTTP/2 session was ended for resetting too many streams');
    session.destroy(undefined, http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  async function reload(): Promise<void> {
    try {
      seen = await stateOf();
      server.setSecureContext({ ...(await read()), minVersion });
      logger.info('the certificate was read again');
    } catch (error) {
      logger.error({ err: error }, 'the new certificate cannot be used; the one before stays');
    }
  }
  const stopWatching = repeat({
    name: 'certificate',
    everyMs: watchMs,
    clock,
    logger,
    task: async () => {
      if ((await stateOf()) !== seen) await reload();
    },
  });

  return {
    get port() {
      return (server.address() as AddressInfo).port;
    },
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          resolve();
        });
      }),
    reload,
    async close() {
      await stopWatching();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.close();
      await closed;
    },
    closeAllConnections() {
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
    },
  };
}
