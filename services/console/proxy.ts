/**
 * The one public door: what comes under `/v1/` is passed on to the service that owns it, as a stream in both directions.
 *
 * Nothing is buffered, nothing times out (uploads and event streams last as long as they need), and the services decide
 * about keys. `/internal/` is passed on to nobody.
 */
import type { Readable } from 'node:stream';
import httpProxy from '@fastify/http-proxy';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { HttpServer } from '../../shared/platform/http-server.ts';
import { type ServiceName, unreachable } from './api-client.ts';
import type { ConsoleSettings } from './config.ts';

const doors: readonly { readonly prefix: string; readonly service: ServiceName }[] = [
  { prefix: '/v1/assets', service: 'ingest' },
  { prefix: '/v1/uploads', service: 'ingest' },
  { prefix: '/v1/imports', service: 'ingest' },
  { prefix: '/v1', service: 'control' },
];

/** Headers that the console speaks for: what a caller says of itself here is not passed on. */
const ownHeaders = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip'];
/** The session cookie is the pages' own; `Expect: 100-continue` was answered by this server (RFC 9110 §10.1.1). */
const hopHeaders = ['cookie', 'expect'];

export async function registerProxy(server: HttpServer, settings: ConsoleSettings): Promise<void> {
  const urls: Readonly<Record<ServiceName, string>> = { control: settings.controlUrl, ingest: settings.ingestUrl };
  const endless = new Set<Readable>();
  // Event streams never end by themselves; a stopping console would wait for them.
  server.addHook('preClose', async () => {
    for (const stream of endless) stream.destroy();
  });

  for (const { prefix, service } of doors) {
    await server.register(httpProxy, {
      upstream: urls[service],
      prefix,
      rewritePrefix: prefix,
      disableRequestLogging: true,
      internalRewriteLocationHeader: false,
      destroyAgent: true,
      undici: { connections: 256, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 },
      replyOptions: {
        rewriteRequestHeaders,
        // A refusal is the service's word; asking again is the caller's decision.
        retryDelay: () => null,
        onError: (given: object, { error }: { readonly error: Error }) => {
          const reply = given as FastifyReply;
          // Nobody is left to tell when it was the client that went away.
          if (reply.raw.destroyed) reply.hijack();
          else reply.send(unreachable(service, error));
        },
        onResponse: (_request: unknown, reply: object, response: unknown) => {
          const { headers, stream } = response as UpstreamResponse;
          if (headers['content-type']?.startsWith('text/event-stream')) {
            endless.add(stream);
            stream.once('close', () => endless.delete(stream));
          }
          (reply as FastifyReply).send(stream);
        },
      },
    });
  }
}

interface UpstreamResponse {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly stream: Readable;
}

type Headers = Record<string, string | string[] | undefined>;

function rewriteRequestHeaders(
  request: Pick<FastifyRequest, 'ip' | 'protocol' | 'host' | 'id'>,
  given: Headers,
): Headers {
  const headers = { ...given };
  for (const name of [...ownHeaders, ...hopHeaders]) delete headers[name];
  return {
    ...headers,
    'x-forwarded-for': request.ip,
    'x-forwarded-proto': request.protocol,
    'x-forwarded-host': request.host,
    'x-request-id': request.id,
  };
}
