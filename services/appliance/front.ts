/** The server that an appliance listens with: media is answered here, everything else by the routes. */
import http, { type RequestListener, type Server } from 'node:http';
import { idleConnectionMs, keepAliveMs } from './config.ts';
import type { Exchange } from './exchange.ts';
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
    return server;
  };
