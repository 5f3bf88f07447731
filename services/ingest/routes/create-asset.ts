import { setTimeout as delay } from 'node:timers/promises';
import multipart from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Asset } from '../../../shared/domain/asset.ts';
import { encryptions } from '../../../shared/domain/encryption.ts';
import { storeKeys } from '../../../shared/domain/keys.ts';
import { packagings } from '../../../shared/domain/manifest.ts';
import { profileNames } from '../../../shared/media/profiles.ts';
import type { HttpServer } from '../../../shared/platform/http-server.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { Catalogue } from '../../../shared/ports/catalogue.ts';
import type { PartUploads } from '../../../shared/ports/part-uploads.ts';
import type { AdmitObject } from '../admit-object.ts';
import { assetIdOfKey } from '../asset-id.ts';
import type { ViewAsset } from '../asset-view.ts';
import type { AddressGuard } from '../import/address-guard.ts';
import type { UrlImports } from '../import/url-imports.ts';
import type { Quota } from '../quota.ts';
import { receiveMultipart } from '../receive-multipart.ts';
import { readUploadDetails } from '../upload-details.ts';
import type { UploadMetrics } from '../upload-metrics.ts';
import { drainRequest } from './drain.ts';
import { assetSchema, importSchema, problems, uploadSchema } from './schemas.ts';

export interface CreateAssetDependencies {
  readonly catalogue: Pick<Catalogue, 'get'>;
  readonly admitObject: AdmitObject;
  readonly view: ViewAsset;
  readonly parts: PartUploads;
  readonly quota: Pick<Quota, 'admit' | 'enter'>;
  readonly guard: Pick<AddressGuard, 'checkUrl'>;
  readonly imports: Pick<UrlImports, 'start' | 'find'>;
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
    premieresAt: { type: 'string', description: 'The instant, with offset or Z; goes before the day.' },
    mustHave: { type: 'boolean', description: 'Fills bring it first, whatever is forecast.' },
    profile: {
      type: 'string',
      enum: [...profileNames],
      description: '`default` (H.264) by default; `hevc` and `av1` add a ladder of that codec.',
    },
    packaging: { type: 'string', enum: [...packagings], description: '`segments` by default.' },
    encryption: { type: 'string', enum: [...encryptions], description: '`none` by default.' },
    earlyPlay: {
      type: 'string',
      enum: ['true', 'false'],
      description: 'Whether a long film plays while the rest of it is encoded; by default as the workers are set.',
    },
    sha256: { type: 'string', description: 'Hexadecimal SHA-256 that the file must have.' },
    file: { type: 'string', format: 'binary', description: 'The video.' },
  },
};

const description =
  'The file is streamed to the object store once it is known to be a video that can be played. Fields may come before or after it. ' +
  'JSON with a `url` has it fetched in the background instead: from the public Internet and networks that are allowed, by at most 5 redirects, with the same refusals as an upload, told by `GET /v1/uploads/{id}`. ' +
  'With `hls: { url }` a finished HLS stream is fetched the same way, checked, and published as it is; it may lie in one folder and the ones below, must not be encrypted, and errors of the conformance rules refuse it. ' +
  'With an `Idempotency-Key`, a repeated request answers with the asset that the first one made. For large files and poor connections use tus.';

const tidyUpMs = 1_000;

/** `POST /v1/assets` */
export async function createAssetRoute(server: HttpServer, dependencies: CreateAssetDependencies): Promise<void> {
  const { catalogue, admitObject, view, parts, quota, uploadMetrics, newId } = dependencies;
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
    let leave = (): void => undefined;
    try {
      await quota.admit(Number(request.headers['content-length'] ?? 0));
      leave = quota.enter();
      const { file, details } = await receiveMultipart(request, parts, storeKeys.upload(id), dependencies);
      uploadMetrics.received('multipart', file.sizeBytes);
      const asset = await admitObject(id, file, details);
      uploadMetrics.accepted('multipart');
      return asset;
    } catch (error) {
      if (request.raw.destroyed && !request.raw.complete) uploadMetrics.brokenOff('multipart');
      else uploadMetrics.refused('multipart', error);
      throw error;
    } finally {
      leave();
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

  /** The same id is the same import, or the asset that it became. */
  async function importUrl(id: string, order: ImportOrder) {
    const { imports, guard, profileNames } = dependencies;
    const running = imports.find(id);
    if (running) return { ...running, assetId: null };
    const existing = await catalogue.get(id);
    if (existing) {
      const { sizeBytes } = existing.source;
      return { id, offset: sizeBytes, sizeBytes, assetId: id, failure: null };
    }
    const source = order.hls?.url ?? order.url;
    if (source === undefined || (order.hls && order.url))
      throw new Problem('invalid-request', 'Give either url or hls.url.');
    const url = URL.parse(source);
    if (!url)
      throw new Problem('invalid-request', 'url is not an absolute URL.', {
        errors: [{ at: 'url', message: 'is not an absolute URL' }],
      });
    const details = readUploadDetails({ ...order, fileName: fileNameOf(url) }, profileNames);
    try {
      await quota.admit(0);
      await guard.checkUrl(url);
    } catch (error) {
      uploadMetrics.refused('url', error);
      throw error;
    }
    return { ...(await imports.start(id, url.href, details, order.hls !== undefined)), assetId: null };
  }

  await server.register(multipart);
  server.post(
    '/v1/assets',
    {
      schema: {
        tags: ['assets'],
        summary: 'Upload a video in one request, or have it fetched from a URL',
        description,
        body: {
          content: { 'multipart/form-data': { schema: form }, 'application/json': { schema: importSchema } },
        },
        headers: Type.Object({
          'idempotency-key': Type.Optional(Type.String({ description: 'Any text, new for each upload.' })),
        }),
        response: {
          201: {
            description: 'The asset, to be transcoded. `Location` is its address.',
            content: { 'application/json': { schema: assetSchema } },
          },
          202: {
            description:
              'The import of a URL, under way. `Location` is where its progress is, and then its asset’s id.',
            content: { 'application/json': { schema: uploadSchema } },
          },
          ...problems(
            'invalid-request',
            'unauthorized',
            'quota-exceeded',
            'conflict',
            'too-large',
            'unsupported-media-type',
            'unplayable-source',
            'too-long',
            'url-not-allowed',
            'source-unreachable',
            'digest-mismatch',
            'too-many-requests',
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
      const key = request.headers['idempotency-key'];
      if (!request.isMultipart()) {
        const id = key ? assetIdOfKey(key) : newId();
        const answer = await importUrl(id, readOrder(request.body));
        reply.code(202).header('location', `/v1/uploads/${id}`);
        return answer;
      }
      const asset = key ? await receiveOnce(request, key) : await receive(request, newId());
      reply.code(201).header('location', `/v1/assets/${asset.id}`);
      return view(asset);
    },
  );
}

type ImportOrder = Static<typeof importSchema>;

function readOrder(body: unknown): ImportOrder {
  if (typeof body !== 'object' || body === null)
    throw new Problem(
      'unsupported-media-type',
      'Send the video as multipart/form-data with a part "file", or by tus to /v1/uploads, or JSON with its "url".',
    );
  if (Value.Check(importSchema, body)) return body;
  const errors = Value.Errors(importSchema, body).map(({ instancePath, message }) => ({
    at: instancePath.slice(1) || 'body',
    message,
  }));
  throw new Problem('invalid-request', errors.map(({ at, message }) => `${at} ${message}`).join('; '), { errors });
}

/** What the path of a URL ends with. */
function fileNameOf(url: URL): string {
  const last = url.pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}
