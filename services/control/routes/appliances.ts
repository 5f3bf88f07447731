import { Type } from 'typebox';
import type { HttpServer } from '../../../shared/platform/http-server.ts';
import type { Appliances } from '../fleet/appliances.ts';
import type { GetInventory, Inventory } from '../fleet/inventory.ts';
import { ApplianceParams, Empty, Id, Next, PageQuery, pageOf, problems } from '../schemas/common.ts';
import { documentSchema } from '../schemas/document-schema.ts';
import { AppliancePatch, ApplianceSchema, CreatedApplianceSchema, NewAppliance } from '../schemas/fleet.ts';
import { pageById } from './paging.ts';

const tags = ['appliances'];

const ListQuery = Type.Object({ ...PageQuery.properties, region: Type.Optional(Id('a region')) });

const InventorySchema = documentSchema<Inventory>()(
  Type.Object({
    items: Type.Array(
      Type.Object({
        key: Type.String({ description: '`<assetId>/<version>/<path>`' }),
        heldBytes: Type.Number(),
        slices: Type.Number(),
        pinned: Type.Boolean({ description: 'True for what a fill brought and the plan keeps.' }),
      }),
      { description: 'In key order.' },
    ),
    next: Next,
    stats: Type.Object({
      capacityBytes: Type.Number(),
      storedBytes: Type.Number(),
      pinnedBytes: Type.Number(),
      storedObjects: Type.Number(),
      memoryBytes: Type.Number(),
      evictedBytes: Type.Number(),
    }),
  }),
);

export function applianceRoutes(server: HttpServer, appliances: Appliances, getInventory: GetInventory): void {
  server.get(
    '/v1/appliances',
    {
      schema: {
        tags,
        summary: 'List appliances with their health',
        querystring: ListQuery,
        response: { 200: pageOf(ApplianceSchema), ...problems() },
      },
    },
    async ({ query }) => {
      const { items, next } = pageById(await appliances.list(query.region), query);
      return { items: [...items], next };
    },
  );

  server.post(
    '/v1/appliances',
    {
      schema: {
        tags,
        summary: 'Add an appliance',
        description: 'The answer carries the credential that the appliance is started with.',
        body: NewAppliance,
        response: { 201: CreatedApplianceSchema, ...problems('already-exists') },
      },
    },
    async ({ body }, reply) => {
      const appliance = await appliances.create(body);
      return reply.code(201).header('location', `/v1/appliances/${appliance.id}`).send(appliance);
    },
  );

  server.get(
    '/v1/appliances/:id',
    {
      schema: {
        tags,
        summary: 'One appliance',
        params: ApplianceParams,
        response: { 200: ApplianceSchema, ...problems('appliance-not-found') },
      },
    },
    async ({ params }) => appliances.get(params.id),
  );

  server.patch(
    '/v1/appliances/:id',
    {
      schema: {
        tags,
        summary: 'Change, drain or move an appliance',
        params: ApplianceParams,
        body: AppliancePatch,
        response: { 200: ApplianceSchema, ...problems('appliance-not-found') },
      },
    },
    async ({ params, body }) => appliances.change(params.id, body),
  );

  server.delete(
    '/v1/appliances/:id',
    {
      schema: {
        tags,
        summary: 'Remove an appliance',
        description: 'It gets no more viewers and its heartbeats are refused; what it stores stays on its disk.',
        params: ApplianceParams,
        response: { 204: Empty, ...problems('appliance-not-found') },
      },
    },
    async ({ params }, reply) => {
      await appliances.remove(params.id);
      return reply.code(204).send(null);
    },
  );

  server.get(
    '/v1/appliances/:id/inventory',
    {
      schema: {
        tags,
        summary: 'What an appliance holds',
        params: ApplianceParams,
        querystring: PageQuery,
        response: { 200: InventorySchema, ...problems('appliance-not-found', 'upstream-failed') },
      },
    },
    async ({ params, query }) => {
      const after = query.after === undefined ? {} : { after: query.after };
      return getInventory(params.id, { ...after, limit: query.limit ?? 100 });
    },
  );
}
