import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { parseDigest } from '../../../shared/domain/http/digest.ts';
import type { HttpServer } from '../../../shared/platform/http-server.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import { assetIdOfKey } from '../asset-id.ts';
import type { FolderImports } from '../import/hls/folder-imports.ts';
import type { Quota } from '../quota.ts';
import { readUploadDetails } from '../upload-details.ts';
import type { UploadMetrics } from '../upload-metrics.ts';
import { drainRequest } from './drain.ts';
import {
  idParams,
  importedFileSchema,
  importedFilesSchema,
  importOrderSchema,
  importViewSchema,
  problems,
} from './schemas.ts';

export interface ImportRoutesDependencies {
  readonly imports: FolderImports;
  readonly quota: Pick<Quota, 'admit'>;
  readonly uploadMetrics: UploadMetrics;
  readonly newId: () => string;
  readonly profileNames: readonly string[];
}

const tags = ['imports'];
const filesAtMost = 1_000;
const ok = (description: string) => ({ description, content: { 'application/json': { schema: importViewSchema } } });

/** `/v1/imports`: finished HLS streams that a client sends file by file. */
export async function importRoutes(server: HttpServer, dependencies: ImportRoutesDependencies): Promise<void> {
  const { imports, quota, uploadMetrics, newId, profileNames } = dependencies;

  server.post(
    '/v1/imports',
    {
      schema: {
        tags,
        summary: 'Begin to import a finished HLS stream',
        description:
          'Then each file that its playlists name is put under `/v1/imports/{id}/files/`, in any order and several at once, and the import published. ' +
          'An import that was cut off goes on: `GET …/files` tells what is there. One that is not published expires. A stream that a server offers is imported by `POST /v1/assets` with `hls`.',
        headers: Type.Object({
          'idempotency-key': Type.Optional(Type.String({ description: 'Any text, new for each import.' })),
        }),
        body: importOrderSchema,
        response: {
          201: ok('`Location` is its address; its id becomes that of the asset.'),
          ...problems('invalid-request', 'unauthorized', 'too-many-requests', 'quota-exceeded', 'not-ready'),
        },
      },
    },
    async (request, reply) => {
      const { sizeBytes = 0, ...given } = request.body;
      const key = request.headers['idempotency-key'];
      const id = key ? assetIdOfKey(key) : newId();
      const details = readUploadDetails({ ...given, fileName: given.title }, profileNames);
      if (!key || !(await imports.isKnown(id))) await quota.admit(sizeBytes);
      reply.code(201).header('location', `/v1/imports/${id}`);
      return imports.begin(id, details);
    },
  );

  server.get(
    '/v1/imports/:id',
    {
      exposeHeadRoute: false,
      schema: {
        tags,
        summary: 'How far an import is',
        params: idParams,
        response: { 200: ok('The import.'), ...problems('unauthorized', 'import-not-found') },
      },
    },
    ({ params }) => imports.find(params.id),
  );

  server.get(
    '/v1/imports/:id/files',
    {
      exposeHeadRoute: false,
      schema: {
        tags,
        summary: 'Which files of an import are there',
        params: idParams,
        querystring: Type.Object({
          after: Type.Optional(Type.String({ maxLength: 500, description: '`next` of the page before.' })),
          limit: Type.Integer({ minimum: 1, maximum: filesAtMost, default: filesAtMost }),
        }),
        response: {
          200: { description: 'By path.', content: { 'application/json': { schema: importedFilesSchema } } },
          ...problems('invalid-request', 'unauthorized', 'import-not-found', 'conflict'),
        },
      },
    },
    ({ params, query }) => imports.files(params.id, query.after ?? null, query.limit),
  );

  server.post(
    '/v1/imports/:id/publish',
    {
      schema: {
        tags,
        summary: 'Publish an import as it is',
        description:
          'What the playlists alone tell is refused at once, such as a file that did not arrive. The rules of conformance are judged in the background: `GET /v1/imports/{id}` has the `assetId` then, or the `failure` with the rule that is broken; files can be sent anew after it, and the import published again.',
        params: idParams,
        body: Type.Object(
          {
            entry: Type.String({ minLength: 1, maxLength: 500, description: 'Path of the playlist to begin with.' }),
          },
          { additionalProperties: false },
        ),
        response: {
          202: ok('It is being published.'),
          ...problems(
            'invalid-request',
            'unauthorized',
            'import-not-found',
            'conflict',
            'too-large',
            'hls-not-importable',
            'too-long',
            'not-ready',
          ),
        },
      },
    },
    async ({ params, body }, reply) => {
      try {
        const view = await imports.publish(params.id, body.entry);
        return reply.code(202).send(view);
      } catch (error) {
        uploadMetrics.refused('folder', error);
        throw error;
      }
    },
  );

  server.delete(
    '/v1/imports/:id',
    {
      schema: {
        tags,
        summary: 'Give up an import',
        params: idParams,
        response: {
          204: { description: 'The import and its files are gone.', type: 'null' },
          ...problems('unauthorized', 'import-not-found', 'conflict'),
        },
      },
    },
    async ({ params }, reply) => {
      await imports.remove(params.id);
      return reply.code(204).send(null);
    },
  );

  await server.register(fileRoutes, { imports, uploadMetrics });
}

async function fileRoutes(
  server: HttpServer,
  { imports, uploadMetrics }: Pick<ImportRoutesDependencies, 'imports' | 'uploadMetrics'>,
): Promise<void> {
  // Bodies are bytes, whatever they say they are.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, _payload, done) => done(null));
  server.put(
    '/v1/imports/:id/files/*',
    {
      onResponse: drainRequest,
      schema: {
        tags,
        summary: 'Send a file of an import',
        description:
          'Its path is relative to the folder of the first playlist. `Content-Digest` (RFC 9530, sha-256) is checked where it is given; a file that is there already is not stored again. Another file of the same path takes its place.',
        params: Type.Object({ ...idParams.properties, '*': Type.String({ maxLength: 500 }) }),
        headers: Type.Object({ 'content-digest': Type.Optional(Type.String()) }),
        response: {
          200: { description: 'It was there.', content: { 'application/json': { schema: importedFileSchema } } },
          201: { description: 'It is stored.', content: { 'application/json': { schema: importedFileSchema } } },
          ...problems(
            'invalid-request',
            'unauthorized',
            'import-not-found',
            'conflict',
            'too-large',
            'digest-mismatch',
            'not-ready',
            'no-room',
          ),
        },
      },
    },
    async (request, reply) => {
      const { id, '*': path } = request.params;
      const { file, isNew } = await imports.putFile(id, path, {
        body: request.raw,
        sha256: digestOf(request),
        sizeBytes: sizeOf(request),
      });
      if (isNew) uploadMetrics.received('folder', file.sizeBytes);
      return reply.code(isNew ? 201 : 200).send(file);
    },
  );
}

function digestOf({ headers }: FastifyRequest): string | null {
  const header = headers['content-digest'];
  if (header === undefined) return null;
  const digest = parseDigest(String(header));
  if (digest === null) throw new Problem('invalid-request', 'Content-Digest must name sha-256 (RFC 9530).');
  return digest;
}

function sizeOf({ headers }: FastifyRequest): number | null {
  const length = Number(headers['content-length'] ?? Number.NaN);
  return Number.isInteger(length) ? length : null;
}
