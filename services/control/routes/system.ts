import { Type } from 'typebox';
import type { HttpServer } from '../../../shared/platform/http-server.ts';
import { problems } from '../schemas/common.ts';
import { documentSchema } from '../schemas/document-schema.ts';
import { SystemStatusSchema } from '../schemas/status.ts';
import type { Rebuilt } from '../status/rebuild.ts';
import type { ReadStatus } from '../status/status.ts';

const tags = ['system'];

const RebuiltSchema = documentSchema<Rebuilt>()(
  Type.Object({
    fleetDocuments: Type.Integer(),
    assets: Type.Integer(),
    demandDays: Type.Integer(),
    jobs: Type.Integer({ description: 'Unfinished work that has a job now.' }),
  }),
);

export function systemRoutes(
  server: HttpServer,
  deps: { readonly readStatus: ReadStatus; readonly rebuild: () => Promise<Rebuilt> },
): void {
  server.get(
    '/v1/status',
    { schema: { tags, summary: 'What runs and what waits', response: { 200: SystemStatusSchema, ...problems() } } },
    async () => deps.readStatus(),
  );

  server.post(
    '/v1/rebuild',
    {
      schema: {
        tags,
        summary: 'Restore Redis from the object store',
        description: 'Safe at any time; also queues again what was unfinished.',
        response: { 200: RebuiltSchema, ...problems() },
      },
    },
    async () => deps.rebuild(),
  );
}
