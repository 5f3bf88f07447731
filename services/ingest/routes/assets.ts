import { Type } from 'typebox';
import type { Asset } from '../../../shared/domain/asset.ts';
import { isId } from '../../../shared/domain/keys.ts';
import { isDate, readInstant } from '../../../shared/domain/time/local-time.ts';
import type { HttpServer } from '../../../shared/platform/http-server.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { Catalogue } from '../../../shared/ports/catalogue.ts';
import type { ViewAsset } from '../asset-view.ts';
import { type AssetChange, assetNotFound } from '../change-asset.ts';
import { cleanText, instantMend } from '../upload-details.ts';
import { assetChangeSchema, assetPageSchema, assetSchema, assetState, idParams, problems } from './schemas.ts';

export interface AssetRoutesDependencies {
  readonly catalogue: Pick<Catalogue, 'get' | 'list'>;
  readonly view: ViewAsset;
  readonly rename: (id: string, change: AssetChange) => Promise<Asset>;
  readonly remove: (id: string, how: { readonly purge: boolean }) => Promise<Asset>;
  readonly restore: (id: string) => Promise<Asset>;
}

const tags = ['assets'];

/** List, read, rename and delete assets. */
export async function assetRoutes(server: HttpServer, dependencies: AssetRoutesDependencies): Promise<void> {
  const { catalogue, view, rename, remove, restore } = dependencies;

  server.get(
    '/v1/assets',
    {
      schema: {
        tags,
        summary: 'List assets, newest first',
        description: 'Deleted assets are listed only when `state=deleted` asks for them.',
        querystring: Type.Object({
          state: Type.Optional(assetState),
          after: Type.Optional(Type.String({ maxLength: 500, description: '`next` of the page before.' })),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
        }),
        response: {
          200: { description: 'One page.', content: { 'application/json': { schema: assetPageSchema } } },
          ...problems('invalid-request', 'unauthorized'),
        },
      },
    },
    async ({ query: { state, after, limit } }) => {
      const page = await catalogue.list({
        ...(state ? { state } : {}),
        ...(after ? { after } : {}),
        ...(limit ? { limit } : {}),
      });
      const shown = page.items.filter((asset) => state === 'deleted' || asset.state !== 'deleted');
      return { items: await Promise.all(shown.map((asset) => view(asset))), next: page.next };
    },
  );

  server.get(
    '/v1/assets/:id',
    {
      schema: {
        tags,
        summary: 'One asset, with its progress and renditions',
        params: idParams,
        response: {
          200: { description: 'The asset.', content: { 'application/json': { schema: assetSchema } } },
          ...problems('unauthorized', 'asset-not-found'),
        },
      },
    },
    async ({ params: { id } }) => {
      const asset = isId(id) ? await catalogue.get(id) : null;
      if (!asset) throw assetNotFound(id);
      return view(asset);
    },
  );

  server.patch(
    '/v1/assets/:id',
    {
      schema: {
        tags,
        summary: 'Change title, tags, series, premiere or priority',
        params: idParams,
        body: assetChangeSchema,
        response: {
          200: { description: 'The asset as it is now.', content: { 'application/json': { schema: assetSchema } } },
          ...problems('invalid-request', 'unauthorized', 'asset-not-found', 'gone', 'overloaded'),
        },
      },
    },
    async ({ params: { id }, body }) => {
      if (!isId(id)) throw assetNotFound(id);
      const title = cleanText(body.title ?? '');
      const { premiereDate } = body;
      if (premiereDate && !isDate(premiereDate))
        throw new Problem('invalid-request', 'premiereDate must be a day such as 2026-11-21.', {
          errors: [{ at: 'premiereDate', message: 'must be a day such as 2026-11-21' }],
        });
      const premieresAt = body.premieresAt ? readInstant(body.premieresAt) : null;
      if (body.premieresAt && premieresAt === null)
        throw new Problem('invalid-request', `premieresAt ${instantMend}.`, {
          errors: [{ at: 'premieresAt', message: instantMend }],
        });
      return view(
        await rename(id, {
          ...(title ? { title } : {}),
          ...(body.series === undefined ? {} : { series: cleanText(body.series ?? '') || null }),
          ...(premiereDate === undefined ? {} : { premiereDate }),
          ...(body.premieresAt === undefined ? {} : { premieresAt }),
          ...(body.mustHave === undefined ? {} : { mustHave: body.mustHave }),
          ...(body.tags ? { tags: [...new Set(body.tags.map(cleanText))].filter((tag) => tag !== '') } : {}),
        }),
      );
    },
  );

  server.delete(
    '/v1/assets/:id',
    {
      schema: {
        tags,
        summary: 'Delete an asset',
        description:
          'Viewers lose it at once; a running transcode is stopped. It can be restored until `deletion.purgeAt`, after NIGHTFILL_DELETE_DELAY; then its objects go in the background. With `purge=true` they go now.',
        params: idParams,
        querystring: Type.Object({
          purge: Type.Optional(Type.Boolean({ default: false, description: 'Without a way back.' })),
        }),
        response: {
          202: {
            description: 'The asset in state `deleted`; its address answers 404 once everything is gone.',
            content: { 'application/json': { schema: assetSchema } },
          },
          ...problems('unauthorized', 'asset-not-found', 'overloaded'),
        },
      },
    },
    async ({ params: { id }, query: { purge = false } }, reply) => {
      if (!isId(id)) throw assetNotFound(id);
      const asset = await remove(id, { purge });
      reply.code(202).header('location', `/v1/assets/${id}`);
      return view(asset);
    },
  );

  server.post(
    '/v1/assets/:id/restore',
    {
      schema: {
        tags,
        summary: 'Take a deletion back',
        description: 'The asset is exactly what it was, and plays again where it did.',
        params: idParams,
        response: {
          200: { description: 'The asset as it is again.', content: { 'application/json': { schema: assetSchema } } },
          ...problems('unauthorized', 'asset-not-found', 'conflict', 'gone', 'overloaded'),
        },
      },
    },
    async ({ params: { id } }) => {
      if (!isId(id)) throw assetNotFound(id);
      return view(await restore(id));
    },
  );
}
