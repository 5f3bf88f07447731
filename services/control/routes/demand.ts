import { Readable } from 'node:stream';
import { Type } from 'typebox';
import type { HttpServer } from '../../../shared/platform/http-server.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import { defaultExportDays, type ExportDemand } from '../demand/export.ts';
import { type ImportDemand, maxImportRows } from '../demand/import.ts';
import { Id, problems } from '../schemas/common.ts';

const tags = ['demand'];
const Csv = Type.Unsafe<unknown>({
  description: '`hour,region,asset,views,bytes`; hours are UTC, a day alone is allowed.',
});

const DemandQuery = Type.Object({
  region: Type.Optional(Id('one region; all when absent')),
  from: Type.Optional(
    Type.String({ description: `First UTC day; ${defaultExportDays} days up to \`to\` by default.`, maxLength: 10 }),
  ),
  to: Type.Optional(Type.String({ description: 'Last UTC day; today by default.', maxLength: 10 })),
});

/** The table streams both ways; only this scope takes CSV bodies, and takes them as they come. */
export async function demandRoutes(
  server: HttpServer,
  deps: { readonly importDemand: ImportDemand; readonly exportDemand: ExportDemand },
): Promise<void> {
  server.addContentTypeParser(['text/csv', 'application/csv'], (_request, payload, done) => done(null, payload));

  server.post(
    '/v1/demand',
    {
      schema: {
        tags,
        summary: 'Import a demand table',
        description: `Sets the cells that the table names, whole or not at all; importing it again changes nothing. At most ${maxImportRows} rows.`,
        consumes: ['text/csv'],
        body: { content: { 'text/csv': { schema: Csv }, 'application/csv': { schema: Csv } } },
        response: {
          200: Type.Object({ rows: Type.Integer(), regions: Type.Integer(), days: Type.Integer() }),
          ...problems('invalid-demand', 'too-large', 'unsupported-media-type'),
        },
      },
    },
    async ({ body }) => {
      if (body instanceof Readable) return deps.importDemand(body);
      throw new Problem('unsupported-media-type', 'Send the table with Content-Type: text/csv.');
    },
  );

  server.get(
    '/v1/demand',
    {
      schema: {
        tags,
        summary: 'Export the demand table',
        querystring: DemandQuery,
        produces: ['text/csv'],
        response: {
          200: { description: 'The table.', content: { 'text/csv': { schema: Csv } } },
          ...problems('region-not-found'),
        },
      },
    },
    async ({ query }, reply) => {
      const csv = await deps.exportDemand(query);
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', 'attachment; filename="demand.csv"')
        .send(csv);
    },
  );
}
