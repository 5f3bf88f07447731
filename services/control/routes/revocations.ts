import type { HttpServer } from '../../../shared/platform/http-server.ts';
import type { Revocations } from '../fleet/revocations.ts';
import { Empty, PageQuery, pageOf, problems } from '../schemas/common.ts';
import {
  NewRevocationSchema,
  RevocationAnswerSchema,
  RevocationParams,
  RevocationSchema,
} from '../schemas/revocations.ts';
import { pageById } from './paging.ts';

const tags = ['playback'];

export function revocationRoutes(server: HttpServer, revocations: Revocations): void {
  server.get(
    '/v1/revocations',
    {
      schema: {
        tags,
        summary: 'List revoked sessions',
        querystring: PageQuery,
        response: { 200: pageOf(RevocationSchema), ...problems() },
      },
    },
    async ({ query }) => {
      const { items, next } = pageById(await revocations.list(), query);
      return { items: [...items], next };
    },
  );

  server.post(
    '/v1/revocations',
    {
      schema: {
        tags,
        summary: 'Refuse a playback session from now on',
        description: 'Its URL, and whatever was renewed from it, is answered with 401. Appliances are told at once.',
        body: NewRevocationSchema,
        response: { 201: RevocationAnswerSchema, ...problems('too-many-revocations') },
      },
    },
    async ({ body }, reply) => reply.code(201).send(await revocations.add(body)),
  );

  server.delete(
    '/v1/revocations/:session',
    {
      schema: {
        tags,
        summary: 'Take a revocation back',
        params: RevocationParams,
        response: { 204: Empty, ...problems('revocation-not-found') },
      },
    },
    async ({ params }, reply) => {
      await revocations.remove(params.session);
      return reply.code(204).send(null);
    },
  );
}
