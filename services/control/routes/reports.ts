import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { FillReport } from '../../../shared/domain/fill.ts';
import { actionsOf } from '../../../shared/domain/reporting/failures.ts';
import type { HttpServer } from '../../../shared/platform/http-server.ts';
import { type CsvTable, csvTables, reportCsv } from '../reports/report-csv.ts';
import type { Reports } from '../reports/reports.ts';
import { DateText, Id, PageQuery, pageOf, problems, RegionParams } from '../schemas/common.ts';
import { type ReportAnswer, ReportSchema, VerificationSchema } from '../schemas/report.ts';

const tags = ['reports'];
const csvNote =
  '`Accept: text/csv` gives a table: a line for each appliance, for each step of the rate curve, or for each number.';
const Csv = { 'text/csv': { schema: Type.String() } };

export function reportRoutes(server: HttpServer, reports: Reports): void {
  server.get(
    '/v1/regions/:id/fill-reports',
    {
      schema: {
        tags,
        summary: 'Fill reports, newest first',
        description: `The last run of each date. ${csvNote}`,
        params: RegionParams,
        querystring: Type.Object({ ...PageQuery.properties, table: Table }),
        response: {
          200: { description: 'Reports.', content: { 'application/json': { schema: pageOf(ReportSchema) }, ...Csv } },
          ...problems('region-not-found'),
        },
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      const page = await reports.list(params.id, query.after, query.limit ?? 30);
      if (wantsCsv(request)) return sendCsv(reply, page.items, query.table);
      return reply.send({ items: page.items.map(answer), next: page.next });
    },
  );

  server.get(
    '/v1/regions/:id/fill-reports/:date',
    {
      schema: {
        tags,
        summary: 'The fill report of one date',
        description: csvNote,
        params: Type.Object({ id: Id('the region'), date: DateText }),
        querystring: Type.Object({ ...RunQuery.properties, table: Table }),
        response: {
          200: { description: 'The report.', content: { 'application/json': { schema: ReportSchema }, ...Csv } },
          ...problems('region-not-found', 'report-not-found'),
        },
      },
    },
    async (request, reply) => {
      const report = await reports.get(request.params.id, request.params.date, request.query.run);
      return wantsCsv(request) ? sendCsv(reply, [report], request.query.table) : reply.send(answer(report));
    },
  );

  server.get(
    '/v1/regions/:id/fill-reports/:date/verification',
    {
      schema: {
        tags,
        summary: 'Every number of a report, computed again',
        description:
          'From the frozen plan, the fill’s document, the forecast and the demand log, by the forecast worker and the code that wrote the report.',
        params: Type.Object({ id: Id('the region'), date: DateText }),
        querystring: RunQuery,
        response: {
          200: VerificationSchema,
          ...problems('region-not-found', 'report-not-found', 'forecast-not-ready'),
        },
      },
    },
    async ({ params, query }) => reports.verify(params.id, params.date, query.run),
  );
}

const Table = Type.Optional(
  Type.Enum([...csvTables], { description: 'Which table `text/csv` gives; `appliances` by default.' }),
);
const RunQuery = Type.Object({
  run: Type.Optional(Type.Integer({ minimum: 1, description: 'The last run that has a report by default.' })),
});

const wantsCsv = (request: Pick<FastifyRequest, 'headers'>): boolean =>
  /(^|,)\s*text\/csv\s*(;|,|$)/i.test(request.headers.accept ?? '');

const sendCsv = (
  reply: Pick<FastifyReply, 'type' | 'send'>,
  reports: readonly FillReport[],
  table: CsvTable | undefined,
) => reply.type('text/csv; charset=utf-8').send(reportCsv(reports, table));

const answer = (report: FillReport): ReportAnswer => ({ ...report, actions: actionsOf(report) });
