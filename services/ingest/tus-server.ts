import { Readable } from 'node:stream';
import { ERRORS, Server } from '@tus/server';
import type { FastifyRequest } from 'fastify';
import { Problem, type ProblemCode } from '../../shared/platform/problem.ts';
import { ObjectStoreError } from '../../shared/ports/object-store.ts';
import { refuseStore } from './admit-source.ts';
import type { Quota } from './quota.ts';
import { detailsOfMetadata, type TusUploads } from './tus-uploads.ts';
import { checksumAlgorithms, parseUploadChecksum, requestChecksum } from './upload-checksum.ts';
import { readUploadDetails } from './upload-details.ts';

export const uploadsPath = '/v1/uploads';
export const assetIdHeader = 'nightfill-asset-id';

export interface TusServerDependencies {
  readonly uploads: TusUploads;
  readonly quota: Pick<Quota, 'admit'>;
  readonly maxUploadBytes: number;
  readonly profileNames: readonly string[];
  readonly newId: () => string;
}

/** An answer of tus that is no refusal: its bodies are empty. */
export interface TusAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Speaks tus 1.0 by @tus/server, in our words where it refuses: the library answers with plain text, which is turned
 * into a problem of the same status, with tus's own headers.
 *
 * @throws Problem for every refusal.
 */
export function makeTusServer(dependencies: TusServerDependencies): (request: FastifyRequest) => Promise<TusAnswer> {
  const { uploads, quota, maxUploadBytes, profileNames, newId } = dependencies;
  const refusals = new WeakMap<object, unknown>();

  const server = new Server({
    path: uploadsPath,
    datastore: uploads.store,
    maxSize: maxUploadBytes,
    // The console passes requests on from another port and perhaps another scheme; a path is right everywhere.
    relativeLocation: true,
    disableTerminationForFinishedUploads: true,
    exposedHeaders: [assetIdHeader, 'X-Request-Id', 'Upload-Expires', 'Tus-Checksum-Algorithm'],
    allowedHeaders: ['Upload-Checksum'],
    namingFunction: newId,
    onUploadCreate: async (_request, upload) => {
      readUploadDetails(detailsOfMetadata(upload.metadata), profileNames);
      await quota.admit(upload.size ?? 0);
      return {};
    },
    onUploadFinish: async (_request, upload) => {
      const asset = await uploads.finish(upload.id);
      return { headers: { [assetIdHeader]: asset.id } };
    },
    onResponseError: (request, error) => {
      refusals.set(request, error);
      return undefined;
    },
  });

  async function problemOf(cause: unknown, response: Response): Promise<Problem> {
    if (cause instanceof Problem) return cause;
    if (cause instanceof ObjectStoreError) return problemOfStore(cause);
    if (cause === ERRORS.INVALID_CONTENT_TYPE)
      return new Problem('unsupported-media-type', 'Content-Type must be application/offset+octet-stream.');
    if (cause === ERRORS.INVALID_TERMINATION)
      return new Problem('conflict', 'The upload is complete; delete its asset instead.');
    if (cause instanceof Error) return new Problem('internal', 'The upload failed; it can be resumed.', { cause });
    const code = codes[response.status] ?? (response.status < 500 ? 'invalid-request' : 'internal');
    return new Problem(code, (await response.text()).trim(), { cause });
  }

  return async (request) => {
    const webRequest = asWebRequest(request);
    const checksum = webRequest.headers.get('upload-checksum');
    const response = await requestChecksum.run(checksum === null ? null : parseUploadChecksum(checksum), () =>
      server.handleWeb(webRequest),
    );
    if (request.method === 'OPTIONS') response.headers.set('tus-checksum-algorithm', checksumAlgorithms.join(','));
    const {
      'content-length': _length,
      'content-type': _type,
      connection: _connection,
      ...headers
    } = Object.fromEntries(response.headers);
    if (response.status < 400) return { status: response.status, headers };
    const problem = await problemOf(refusals.get(webRequest), response);
    throw new Problem(problem.code, problem.message, {
      cause: problem.cause ?? problem,
      headers: { ...headers, ...problem.headers },
      ...(problem.errors ? { errors: problem.errors } : {}),
    });
  };
}

function problemOfStore(error: ObjectStoreError): Problem {
  try {
    return refuseStore(error);
  } catch (refused) {
    if (refused instanceof Problem) return refused;
    return new Problem('internal', 'The upload failed; it can be resumed.', { cause: error });
  }
}

const codes: Readonly<Record<number, ProblemCode>> = {
  404: 'upload-not-found',
  409: 'conflict',
  410: 'gone',
  412: 'precondition-failed',
  413: 'too-large',
};

/** `runtime` is where the library looks for the connection, to keep what arrived before a client broke off. */
function asWebRequest(request: FastifyRequest): Request {
  const { raw } = request;
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    for (const one of [value ?? []].flat()) headers.append(name, one);
  }
  const hasBody = raw.method === 'POST' || raw.method === 'PATCH';
  const webRequest = new Request(new URL(request.url, 'http://ingest.invalid'), {
    method: request.method,
    headers,
    ...(hasBody ? { body: Readable.toWeb(raw), duplex: 'half' } : {}),
  });
  return Object.assign(webRequest, { runtime: { name: 'node', node: { req: raw } } });
}
