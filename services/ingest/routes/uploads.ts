import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Asset } from '../../../shared/domain/asset.ts';
import { isId } from '../../../shared/domain/keys.ts';
import type { HttpServer } from '../../../shared/platform/http-server.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { Catalogue } from '../../../shared/ports/catalogue.ts';
import type { UrlImports } from '../import/url-imports.ts';
import { assetIdHeader, type TusAnswer, uploadsPath } from '../tus-server.ts';
import type { TusUploads } from '../tus-uploads.ts';
import type { UploadMetrics } from '../upload-metrics.ts';
import { drainRequest } from './drain.ts';
import { idParams, problems, uploadSchema } from './schemas.ts';

export interface UploadRoutesDependencies {
  readonly tus: (request: FastifyRequest) => Promise<TusAnswer>;
  readonly uploads: TusUploads;
  readonly imports: Pick<UrlImports, 'find' | 'cancel'>;
  readonly catalogue: Pick<Catalogue, 'get'>;
  readonly uploadMetrics: UploadMetrics;
}

const tags = ['uploads'];
const version = { 'tus-resumable': '1.0.0' };

const tusHeaders = Type.Object({
  'tus-resumable': Type.Optional(Type.String({ description: '`1.0.0`; needed but for OPTIONS.' })),
});

/** What tus answers with, beside its headers: nothing. */
const empty = (description: string) => ({ description, type: 'null' });

/**
 * tus 1.0 under `/v1/uploads`, and `GET /v1/uploads/:id` beside it.
 *
 * An upload that became an asset is no longer there. It goes on answering from the asset of the same id, so that
 * a client which lost the last answer learns that all is well.
 */
export async function uploadRoutes(server: HttpServer, dependencies: UploadRoutesDependencies): Promise<void> {
  const { tus, uploads, imports, catalogue, uploadMetrics } = dependencies;

  // Bodies go to tus as they come, whatever they say they are.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, _payload, done) => done(null));

  const assetOf = async (id: string): Promise<Asset | null> => (isId(id) ? catalogue.get(id) : null);

  /** The asset that an upload became, when it did and the upload itself is gone. */
  async function finishedAs(id: string): Promise<{ readonly id: string; readonly sizeBytes: number } | null> {
    if (await uploads.find(id)) return null;
    const asset = await assetOf(id);
    return asset && { id, sizeBytes: asset.source.sizeBytes };
  }

  /** Passes a request that may bring bytes to tus; removes the upload once its asset exists and the answer is made. */
  async function receive(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    try {
      const answer = await tus(request);
      const assetId = answer.headers[assetIdHeader];
      uploadMetrics.received(
        'tus',
        Number(answer.headers['upload-offset'] ?? 0) - Number(request.headers['upload-offset'] ?? 0),
      );
      if (assetId) {
        uploadMetrics.accepted('tus');
        await uploads.remove(assetId);
      }
      return send(reply, answer);
    } catch (error) {
      uploadMetrics.refused('tus', error);
      throw error;
    }
  }

  const send = (reply: FastifyReply, { status, headers }: TusAnswer): FastifyReply =>
    reply.code(status).headers(headers).send();

  server.options(uploadsPath, { schema: { hide: true } }, async (request, reply) => send(reply, await tus(request)));
  server.options(`${uploadsPath}/:id`, { schema: { hide: true } }, async (request, reply) =>
    send(reply, await tus(request)),
  );

  server.post(
    uploadsPath,
    {
      onResponse: drainRequest,
      schema: {
        tags,
        summary: 'Begin a resumable upload (tus 1.0 creation)',
        description:
          '`Upload-Length` says the size; `Upload-Metadata` may hold `filename`, `title`, `tags` (comma separated), `series`, `premiereDate`, `premieresAt`, `mustHave`, `profile`, `packaging`, `encryption`, `earlyPlay` and `sha256`. A body is taken too (creation-with-upload), and `Upload-Checksum` for it.',
        headers: tusHeaders,
        response: {
          201: empty('`Location` is the path of the upload.'),
          ...problems(
            'invalid-request',
            'unauthorized',
            'precondition-failed',
            'too-large',
            'too-many-requests',
            'quota-exceeded',
            'unplayable-source',
            'checksum-mismatch',
            'no-room',
          ),
        },
      },
    },
    receive,
  );

  server.patch(
    `${uploadsPath}/:id`,
    {
      onResponse: drainRequest,
      schema: {
        tags,
        summary: 'Send bytes of an upload (tus 1.0)',
        description:
          '`Upload-Checksum` (md5, sha1, sha256, sha512) may say what the bytes of this request are: nothing of them is kept otherwise. The answer to the last bytes carries `Nightfill-Asset-Id`. A file that is not a playable video is refused then, and the upload is gone.',
        params: idParams,
        headers: tusHeaders,
        response: {
          204: empty('`Upload-Offset` says how many bytes arrived.'),
          ...problems(
            'invalid-request',
            'unauthorized',
            'upload-not-found',
            'conflict',
            'gone',
            'precondition-failed',
            'too-large',
            'unsupported-media-type',
            'unplayable-source',
            'too-long',
            'digest-mismatch',
            'checksum-mismatch',
            'not-ready',
            'no-room',
          ),
        },
      },
    },
    async (request, reply) => {
      const finished = await finishedAs(request.params.id);
      if (!finished) return receive(request, reply);
      const offset = Number(request.headers['upload-offset']);
      const length = Number(request.headers['content-length'] ?? 0);
      // The last PATCH once more, because its answer was lost: the same answer.
      if (offset + length === finished.sizeBytes)
        return reply
          .code(204)
          .headers({ ...version, 'upload-offset': finished.sizeBytes, [assetIdHeader]: finished.id })
          .send();
      throw new Problem('conflict', 'The upload is complete.', {
        headers: { ...version, [assetIdHeader]: finished.id },
      });
    },
  );

  server.head(
    `${uploadsPath}/:id`,
    {
      config: { swagger: { exposeHeadRoute: true } },
      schema: {
        tags,
        summary: 'How much of an upload arrived (tus 1.0)',
        description: 'Finishes an upload that is complete and was not finished, and carries `Nightfill-Asset-Id` then.',
        params: idParams,
        headers: tusHeaders,
        response: {
          200: empty('`Upload-Offset` and `Upload-Length`.'),
          ...problems('unauthorized', 'upload-not-found', 'gone', 'precondition-failed', 'unplayable-source'),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const upload = await uploads.find(id);
      if (upload && !upload.isComplete) return send(reply, await tus(request));
      const asset = upload ? await uploads.finish(id) : await assetOf(id);
      if (!asset) return send(reply, await tus(request));
      await uploads.remove(id);
      const { sizeBytes } = asset.source;
      return reply
        .code(200)
        .headers({
          ...version,
          'cache-control': 'no-store',
          'upload-offset': sizeBytes,
          'upload-length': sizeBytes,
          [assetIdHeader]: id,
        })
        .send();
    },
  );

  server.delete(
    `${uploadsPath}/:id`,
    {
      schema: {
        tags,
        summary: 'Give up an upload (tus 1.0 termination) or an import',
        params: idParams,
        headers: tusHeaders,
        response: {
          204: empty('The upload is gone.'),
          ...problems('unauthorized', 'upload-not-found', 'conflict', 'precondition-failed'),
        },
      },
    },
    async (request, reply) => {
      if (await imports.cancel(request.params.id)) return reply.code(204).send();
      if (await finishedAs(request.params.id))
        throw new Problem('conflict', 'The upload became an asset; delete that.', { headers: version });
      return send(reply, await tus(request));
    },
  );

  server.get(
    `${uploadsPath}/:id`,
    {
      exposeHeadRoute: false,
      schema: {
        tags,
        summary: 'How far an upload or import is',
        params: idParams,
        response: {
          200: { description: 'The upload.', content: { 'application/json': { schema: uploadSchema } } },
          ...problems('unauthorized', 'upload-not-found'),
        },
      },
    },
    async ({ params: { id } }) => {
      const running = imports.find(id);
      if (running) return { ...running, assetId: (await assetOf(id)) ? id : null };
      const upload = await uploads.find(id);
      if (upload) {
        const asset = upload.isComplete ? await assetOf(id) : null;
        return { id, offset: upload.offset, sizeBytes: upload.sizeBytes, assetId: asset ? id : null, failure: null };
      }
      const finished = await finishedAs(id);
      if (!finished) throw new Problem('upload-not-found', `There is no upload "${id}"; it may have expired.`);
      return { id, offset: finished.sizeBytes, sizeBytes: finished.sizeBytes, assetId: id, failure: null };
    },
  );
}
