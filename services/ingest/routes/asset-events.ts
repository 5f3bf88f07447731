import { Readable } from 'node:stream';
import { Type } from 'typebox';
import { isId } from '../../../shared/domain/keys.ts';
import type { HttpServer } from '../../../shared/platform/http-server.ts';
import type { Catalogue } from '../../../shared/ports/catalogue.ts';
import { assetNotFound } from '../change-asset.ts';
import { idParams, problems } from './schemas.ts';

export interface AssetEventsRouteDependencies {
  readonly catalogue: Pick<Catalogue, 'get'>;
  readonly events: (id: string, signal: AbortSignal) => AsyncIterable<string>;
  /** Aborts when the process stops: a stream that nobody ends would hold it up. */
  readonly stopping: AbortSignal;
}

/** `GET /v1/assets/:id/events` */
export async function assetEventsRoute(server: HttpServer, dependencies: AssetEventsRouteDependencies): Promise<void> {
  const { catalogue, events, stopping } = dependencies;
  server.get(
    '/v1/assets/:id/events',
    {
      exposeHeadRoute: false,
      schema: {
        tags: ['assets'],
        summary: 'Follow an asset',
        description:
          'Server-sent events named `asset`, each with the asset as `GET /v1/assets/:id` gives it: the present state at once, then every change, ' +
          'at most four a second. Ends after `published`, `failed` or `deleted`.',
        params: idParams,
        response: {
          200: {
            description: 'The stream.',
            content: { 'text/event-stream': { schema: Type.Unsafe<Readable>({ type: 'string' }) } },
          },
          ...problems('unauthorized', 'asset-not-found'),
        },
      },
    },
    async ({ params: { id }, log }, reply) => {
      if (!isId(id) || !(await catalogue.get(id))) throw assetNotFound(id);
      const gone = new AbortController();
      const stream = Readable.from(events(id, AbortSignal.any([gone.signal, stopping])), { objectMode: false });
      stream.once('close', () => gone.abort());
      stream.once('error', (error) => log.warn({ err: error }, 'an event stream failed'));
      reply.raw.once('close', () => gone.abort());
      return reply
        .type('text/event-stream')
        .headers({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
        .send(stream);
    },
  );
}
