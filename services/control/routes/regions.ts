import type { HttpServer } from '../../../shared/platform/http-server.ts';
import type { Regions } from '../fleet/regions.ts';
import { Empty, PageQuery, pageOf, problems, RegionParams } from '../schemas/common.ts';
import { NewRegion, RegionPatch, RegionSchema } from '../schemas/fleet.ts';
import { pageById } from './paging.ts';

const tags = ['regions'];

export function regionRoutes(server: HttpServer, regions: Regions): void {
  server.get(
    '/v1/regions',
    {
      schema: {
        tags,
        summary: 'List regions',
        querystring: PageQuery,
        response: { 200: pageOf(RegionSchema), ...problems() },
      },
    },
    async ({ query }) => {
      const { items, next } = pageById(await regions.list(), query);
      return { items: [...items], next };
    },
  );

  server.post(
    '/v1/regions',
    {
      schema: {
        tags,
        summary: 'Add a region',
        body: NewRegion,
        response: { 201: RegionSchema, ...problems('already-exists') },
      },
    },
    async ({ body }, reply) => {
      const region = await regions.create(body);
      return reply.code(201).header('location', `/v1/regions/${region.id}`).send(region);
    },
  );

  server.get(
    '/v1/regions/:id',
    {
      schema: {
        tags,
        summary: 'One region',
        params: RegionParams,
        response: { 200: RegionSchema, ...problems('region-not-found') },
      },
    },
    async ({ params }) => regions.get(params.id),
  );

  server.patch(
    '/v1/regions/:id',
    {
      schema: {
        tags,
        summary: 'Change a region',
        description: 'What is not named stays as it is, also inside `window`, `budget` and `coverage`.',
        params: RegionParams,
        body: RegionPatch,
        response: { 200: RegionSchema, ...problems('region-not-found') },
      },
    },
    async ({ params, body }) => regions.change(params.id, body),
  );

  server.delete(
    '/v1/regions/:id',
    {
      schema: {
        tags,
        summary: 'Remove a region without appliances',
        params: RegionParams,
        response: { 204: Empty, ...problems('region-not-found', 'region-in-use') },
      },
    },
    async ({ params }, reply) => {
      await regions.remove(params.id);
      return reply.code(204).send(null);
    },
  );
}
