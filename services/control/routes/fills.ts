import { Type } from 'typebox';
import type { HttpServer } from '../../../shared/platform/http-server.ts';
import type { Fills } from '../fills/fills.ts';
import type { Previews } from '../fills/previews.ts';
import { FillParams, Id, PageQuery, pageOf, problems, RegionParams } from '../schemas/common.ts';
import {
  FillSchema,
  ForecastSchema,
  NewFill,
  PlanLine,
  PlanListName,
  PlanSchema,
  RoomSchema,
  run,
} from '../schemas/fill.ts';
import { pageBehind } from './paging.ts';

/** Older ones are found through their reports. */
const mostFills = 5_000;

const date = Type.Optional(
  Type.String({
    maxLength: 10,
    description: 'The day on the region’s calendar; by default what the coming window prepares.',
  }),
);

const lines = Type.Optional(
  Type.Integer({ minimum: 1, maximum: 10_000, default: 1_000, description: 'Lines of each list.' }),
);

export function fillRoutes(server: HttpServer, fills: Fills, previews: Previews): void {
  server.get(
    '/v1/regions/:id/forecast',
    {
      schema: {
        tags: ['fills'],
        summary: 'Expected demand of a region’s day',
        description: 'The frozen forecast of the date, else one made now; its assets page by page.',
        params: RegionParams,
        querystring: Type.Object({ date, after: PageQuery.properties.after, limit: lines }),
        response: { 200: ForecastSchema, ...problems('region-not-found', 'forecast-not-ready') },
      },
    },
    async ({ params, query }) => previews.forecast(params.id, query),
  );

  server.get(
    '/v1/regions/:id/plan',
    {
      schema: {
        tags: ['fills'],
        summary: 'What goes where, and why',
        description:
          'The frozen plan of the date’s last run, else a dry one (`frozen: false`): totals, and the first lines of each list. Frozen lists can be read whole, page by page, at `/plan/lines`.',
        params: RegionParams,
        querystring: Type.Object({
          date,
          asset: Type.Optional(Id('the asset to explain; narrows the lists to it')),
          limit: lines,
        }),
        response: { 200: PlanSchema, ...problems('region-not-found', 'forecast-not-ready') },
      },
    },
    async ({ params, query }) => previews.plan(params.id, query),
  );

  server.get(
    '/v1/regions/:id/plan/lines',
    {
      schema: {
        tags: ['fills'],
        summary: 'A list of a frozen plan, page by page',
        params: RegionParams,
        querystring: Type.Object({
          date,
          run: Type.Optional({ ...run, minimum: 1, description: 'By default the last that has a plan.' }),
          list: PlanListName,
          appliance: Type.Optional(Id('the appliance whose list it is; for all lists but `rejected`')),
          after: PageQuery.properties.after,
          limit: lines,
        }),
        response: { 200: pageOf(PlanLine), ...problems('region-not-found', 'plan-not-found') },
      },
    },
    async ({ params, query }) => {
      const { items, next } = await previews.planLines(params.id, query);
      return { items: [...items], next };
    },
  );

  server.get(
    '/v1/regions/:id/pulled-room',
    {
      schema: {
        tags: ['fills'],
        summary: 'How much of each disk plans leave to what viewers pull, and why',
        description:
          'Decided once a week by replays of the region’s own log; `PATCH` the region’s `pulledShare` to set it.',
        params: RegionParams,
        response: { 200: RoomSchema, ...problems('region-not-found') },
      },
    },
    async ({ params }) => previews.room(params.id),
  );

  server.post(
    '/v1/fills',
    {
      schema: {
        tags: ['fills'],
        summary: 'Start a fill, now or in the region’s next window',
        body: NewFill,
        response: { 202: FillSchema, ...problems('region-not-found', 'fill-running') },
      },
    },
    async ({ body }, reply) => {
      const fill = await fills.create(body);
      return reply.code(202).header('location', `/v1/fills/${fill.id}`).send(fill);
    },
  );

  server.get(
    '/v1/fills',
    {
      schema: {
        tags: ['fills'],
        summary: 'List fills, newest first',
        querystring: Type.Object({ ...PageQuery.properties, region: Type.Optional(Id('a region')) }),
        response: { 200: pageOf(FillSchema), ...problems() },
      },
    },
    async ({ query }) => {
      const { region, limit = 50, after } = query;
      // One more than asked for tells whether there is a next page; a later page is found by reading from the start.
      const all = await fills.list(region, after === undefined ? limit + 1 : mostFills);
      const { items, next } = pageBehind(all, { limit, ...(after === undefined ? {} : { after }) });
      return { items: [...items], next };
    },
  );

  server.get(
    '/v1/fills/:id',
    {
      schema: {
        tags: ['fills'],
        summary: 'Live state of a fill',
        params: FillParams,
        response: { 200: FillSchema, ...problems('fill-not-found') },
      },
    },
    async ({ params }) => fills.get(params.id),
  );

  const orders = {
    pause: [
      'Hold a fill back',
      'Nothing more is sent until it is resumed; its window and its budgets go on. One that has not begun begins paused.',
    ],
    resume: ['Let a paused fill go on', 'With what is still missing, if its window is still open.'],
    cancel: ['Cancel a fill', 'The same as `DELETE`. What was pushed stays where it is.'],
  } as const;
  for (const order of ['pause', 'resume', 'cancel'] as const) {
    const [summary, description] = orders[order];
    server.post(
      `/v1/fills/:id/${order}`,
      {
        schema: {
          tags: ['fills'],
          summary,
          description,
          params: FillParams,
          response: { 200: FillSchema, ...problems('fill-not-found', 'conflict') },
        },
      },
      async ({ params }) => fills[order](params.id),
    );
  }

  server.delete(
    '/v1/fills/:id',
    {
      schema: {
        tags: ['fills'],
        summary: 'Cancel a fill',
        description: 'What was pushed stays where it is.',
        params: FillParams,
        response: { 200: FillSchema, ...problems('fill-not-found', 'conflict') },
      },
    },
    async ({ params }) => fills.cancel(params.id),
  );
}
