/** The server that an appliance listens with: media is answered here, everything else by the routes. */
import http, { type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { idleConnectionMs, keepAliveMs } from './config.ts';
import type { Exchange } from './exchange.ts';
import { makeFastLane } from './fast-lane.ts';
import { isMediaTarget } from './media.ts';
import { makeNodeExchange } from './node-exchange.ts';

export interface FrontDeps {
  readonly media: (exchange: Exchange) => void;
  readonly isClosing: () => boolean;
}

export const makeFront =
  ({ media, isClosing }: FrontDeps) =>
  (routes: RequestListener): Server => {
    const server = http.createServer({ keepAliveTimeout: keepAliveMs, noDelay: true }, (request, response) => {
      if (isMediaTarget(request.url ?? '')) media(makeNodeExchange(request, response, { isClosing }));
      else routes(request, response);
    });
    server.setTimeout(idleConnectionMs);
    // Fills take as long as they take; what dawdles is cut by the idle time.
    server.requestTimeout = 0;
    leadThroughLane(server, { media, isClosing });
    return server;
  };

/** New connections begin in the fast lane and come to Node's own listener when they leave it. */
function leadThroughLane(server: Server, { media, isClosing }: FrontDeps): void {
  const listeners = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  const giveUp = (socket: Socket): void => {
    for (const listener of listeners) listener.call(server, socket);
  };
  const lane = makeFastLane({ media, isClosing, giveUp });
  server.on('connection', (socket) => lane.take(socket));
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
