/** The server that an appliance listens with: media is answered here, everything else by the routes. */
import http, { type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { KernelIo } from '../../shared/platform/kernel-io.ts';
import { headersMs, headsCheckedEveryMs, idleConnectionMs, keepAliveMs, maxHeaders } from './config.ts';
import { type Exchange, headerBlock } from './exchange.ts';
import { makeFastLane } from './fast-lane.ts';
import type { Guard } from './guard.ts';
import { isMediaTarget } from './media.ts';
import { allowHeader } from './media-headers.ts';
import { makeNodeExchange, type NodeRequest, type NodeResponse } from './node-exchange.ts';
import type { PutObject } from './put-object.ts';
import { endUnreadable } from './unreadable.ts';

export interface FrontDeps {
  readonly media: (exchange: Exchange) => void;
  /** What fills push over plain HTTP, where the kernel's calls can be had; else the routes take it. */
  readonly putObject: PutObject;
  readonly isClosing: () => boolean;
  readonly guard: Pick<Guard, 'watch' | 'onFull'>;
  /** Null where files are not sent by the kernel. */
  readonly kernel: KernelIo | null;
}

export interface Front {
  /** The server for plain HTTP; `routes` answer all that is no media. */
  makeServer(routes: RequestListener): Server;
  /** One request from any of Node's servers. */
  readonly dispatch: (request: NodeRequest, response: NodeResponse) => void;
}

export function makeFront(deps: FrontDeps): Front {
  const { media, isClosing } = deps;
  let routes: RequestListener = () => {};
  const dispatch = (request: NodeRequest, response: NodeResponse): void => {
    if (!('stream' in request) && !readRequestLine(request)) {
      makeNodeExchange(request, response, { isClosing: () => true }).send(505, [], null);
      return;
    }
    if (request.url === '*' && request.method === 'OPTIONS') {
      makeNodeExchange(request, response, { isClosing }).send(204, [headerBlock(allowHeader)], null);
      return;
    }
    if (isMediaTarget(request.url ?? '')) media(makeNodeExchange(request, response, { isClosing }));
    // The routes know the compatible side of HTTP/2 as well; only their types do not say so.
    else routes(request as IncomingMessage, response as ServerResponse<IncomingMessage>);
  };
  return {
    dispatch,
    makeServer(given) {
      routes = given;
      const server = http.createServer(
        {
          keepAliveTimeout: keepAliveMs,
          headersTimeout: headersMs,
          connectionsCheckingInterval: headsCheckedEveryMs,
          noDelay: true,
        },
        dispatch,
      );
      server.setTimeout(idleConnectionMs);
      // Fills take as long as they take; what dawdles is cut by the idle time.
      server.requestTimeout = 0;
      server.maxHeadersCount = maxHeaders;
      server.on('clientError', endUnreadable);
      leadThroughLane(server, deps);
      deps.guard.watch(server);
      return server;
    },
  };
}

/**
 * Takes the absolute form of a target apart (RFC 9112 §3.2.2): its host counts, the field does not. False where the
 * request is of another version than HTTP/1.0 and 1.1, which Node's parser lets pass.
 */
function readRequestLine(request: IncomingMessage): boolean {
  if (request.httpVersionMajor !== 1) return false;
  const [, authority, rest = ''] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(request.url ?? '') ?? [];
  if (authority === undefined) return true;
  request.url = rest.startsWith('/') ? rest : `/${rest}`;
  request.headers.host = authority;
  return true;
}

/** New connections begin in the fast lane and come to Node's own listener when they leave it. */
function leadThroughLane(server: Server, { media, putObject, isClosing, kernel, guard }: FrontDeps): void {
  const listeners = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  const giveUp = (socket: Socket): void => {
    for (const listener of listeners) listener.call(server, socket);
  };
  const lane = makeFastLane({ media, putObject, isClosing, kernel, giveUp });
  server.on('connection', (socket) => {
    if (!socket.destroyed) lane.take(socket);
  });
  guard.onFull('connections', lane.closeIdlest);
  const closeIdle = server.closeIdleConnections.bind(server);
  const closeAll = server.closeAllConnections.bind(server);
  server.closeIdleConnections = () => {
    closeIdle();
    lane.closeIdle();
  };
  server.closeAllConnections = () => {
    closeAll();
    lane.closeAll();
  };
}
