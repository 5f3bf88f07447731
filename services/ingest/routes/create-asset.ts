import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import multipart from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Asset } from '../../../shared/domain/asset.ts';
import { packagings } from '../../../shared/domain/manifest.ts';
import type { HttpServer } from '../../../shared/platform/http-server.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { Catalogue } from '../../../shared/ports/catalogue.ts';
import type { AdmitSource } from '../admit-source.ts';
import { assetIdOfKey } from '../asset-id.ts';
import type { ViewAsset } from '../asset-view.ts';
import { receiveMultipart } from '../receive-multipart.ts';
import type { Scratch } from '../scratch.ts';
import type { UploadMetrics } from '../upload-metrics.ts';
import { drainRequest } from './drain.ts';
import { assetSchema, problems } from './schemas.ts';

export interface CreateAssetDependencies {
  readonly catalogue: Pick<Catalogue, 'get'>;
  readonly admit: AdmitSource;
  readonly view: ViewAsset;
  readonly scratch: Scratch;
  readonly uploadMetrics: UploadMetrics;
  readonly newId: () => string;
  readonly maxUploadBytes: number;
  readonly profileNames: readonly string[];
}

const form = {
  type: 'object',
  required: ['file'],
  properties: {
    title: { type: 'string', description: 'By default the file name.' },
    tag: { type: 'array', items: { type: 'string' }, description: 'One field for each tag.' },
    series: { type: 'string', description: 'The series that it belongs to.' },
    premiereDate: { type: 'string', format: 'date', description: 'The day on which it is first shown.' },
    profile: { type: 'string', description: 'Encoding profile, `default` by default.' },
    packaging: { type: 'string', enum: [...packagings], description: '`segments` by default.' },
    sha256: { type: 'string', description: 'Hexadecimal SHA-256 that the file must have.' },
    file: { type: 'string', format: 'binary', description: 'The video.' },
  },
};

const description =
  'The file is streamed to the object store once it is known to be a video that can be played. Fields may come before or after it. ' +
  'With an `Idempotency-Key`, a repeated request answers with the asset that the first one made. For large files and poor connections use tus.';

const tidyUpMs = 1_000;

/** `POST /v1/assets` */
export async function createAssetRoute(server: HttpServer, dependencies: CreateAssetDependencies): Promise<void> {
  const { catalogue, admit, view, scratch, uploadMetrics, newId } = dependencies;
  const keysAtWork = new Set<string>();

  const atWork = new Set<Promise<Asset>>();
  // A process that exits right after its connections were cut would leave their files behind.
  server.addHook('onClose', () => Promise.race([Promise.allSettled(atWork), delay(tidyUpMs)]).then(() => undefined));

  function receive(request: FastifyRequest, id: string): Promise<Asset> {
    const work = receiveOne(request, id).finally(() => atWork.delete(work));
    atWork.add(work);
    return work;
  }

  async function receiveOne(request: FastifyRequest, id: string): Promise<Asset> {
    try {
      const { file, details } = await receiveMultipart(request, scratch, dependencies);
      uploadMetrics.received('multipart', file.sizeBytes);
      const asset = await admit({ id, ...file, details }).finally(() => rm(file.path, { force: true }));
      uploadMetrics.accepted('multipart');
      return asset;
    } catch (error) {
      if (request.raw.destroyed && !request.raw.complete) uploadMetrics.brokenOff('multipart');
      else uploadMetrics.refused('multipart', error);
      throw error;
    }
  }

  /** One key is one asset: there already, being made now, or made by this request. */
  async function receiveOnce(request: FastifyRequest, key: string): Promise<Asset> {
    const id = assetIdOfKey(key);
    const existing = await catalogue.get(id);
    if (existing) return existing;
    if (keysAtWork.has(id))
      throw new Problem('conflict', 'A request with this Idempotency-Key is under way; wait for its answer.');
    keysAtWork.add(id);
    return receive(request, id).finally(() => keysAtWork.delete(id));
  }

  await server.register(multipart);
  server.post(
    '/v1/assets',
    {
      schema: {
        tags: ['assets'],
        summary: 'Upload a video in one request',
        description,
        consumes: ['multipart/form-data'],
        body: form,
        headers: Type.Object({
          'idempotency-key': Type.Optional(Type.String({ description: 'Any text, new for each upload.' })),
        }),
        response: {
          201: {
            description: 'The asset, to be transcoded. `Location` is its address.',
            content: { 'application/json': { schema: assetSchema } },
          },
          ...problems(
            'invalid-request',
            'unauthorized',
            'conflict',
            'too-large',
            'unsupported-media-type',
            'unplayable-source',
            'digest-mismatch',
            'not-ready',
            'no-room',
          ),
        },
      },
      // The schema documents the form; there is no body in memory that could be validated.
      validatorCompiler: () => () => true,
      onResponse: drainRequest,
    },
    async (request, reply) => {
      if (!request.isMultipart()) throw notMultipart(request);
      const key = request.headers['idempotency-key'];
      const asset = key ? await receiveOnce(request, key) : await receive(request, newId());
      reply.code(201).header('location', `/v1/assets/${asset.id}`);
      return view(asset);
    },
  );
}

function notMultipart({ body }: FastifyRequest): Problem {
  const asksForUrl = typeof body === 'object' && body !== null && 'url' in body;
  return new Problem(
    'unsupported-media-type',
    asksForUrl
      ? 'Fetching a video from a URL is not offered yet. Download it and send it as multipart/form-data with a part "file".'
      : 'Send the video as multipart/form-data with a part "file", or by tus to /v1/uploads.',
  );
}
