/** What a fill pushes, over any way: who may, what the request means, and how it is answered. */
import type { IncomingHttpHeaders } from 'node:http';
import { parseDigest } from '../../shared/domain/http/digest.ts';
import { parseContentRange } from '../../shared/domain/http/range.ts';
import { type ObjectKey, parseObjectKey } from '../../shared/domain/keys.ts';
import { requireBearer } from '../../shared/platform/bearer.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import { Problem } from '../../shared/platform/problem.ts';
import { type Exchange, headerBlock } from './exchange.ts';
import type { FillBody } from './fill-body.ts';
import type { FillObject, FillRequest } from './fill-object.ts';
import { sendProblem } from './send-refusal.ts';

/** Answers a `PUT` below `/fill/objects/` that came in the fast lane. */
export type PutObject = (exchange: Exchange, body: FillBody) => void;

export interface FillGateDeps {
  readonly credential: string;
  /** False until the capacity is known. */
  readonly isReady: () => boolean;
}

export const credentialMend = 'The fill API takes the credential of this appliance.';

/** @throws Problem `unauthorized`, `not-ready` */
export function makeFillGate({ credential, isReady }: FillGateDeps) {
  const authorise = requireBearer(credential, credentialMend);
  return async (request: { readonly headers: IncomingHttpHeaders }): Promise<void> => {
    await authorise(request);
    if (!isReady()) throw new Problem('not-ready', 'This appliance has not heard from control yet.');
  };
}

/** @throws Problem `invalid-request` */
export function readFillKey(address: string): ObjectKey {
  const key = parseObjectKey(address);
  if (!key) throw new Problem('invalid-request', 'The address must end in <assetId>/<version>/<path>.');
  return key;
}

/** @throws Problem `invalid-request` */
export function readFillRequest(
  address: string,
  header: (name: 'content-range' | 'content-digest') => unknown,
  body: FillBody,
): FillRequest {
  const key = readFillKey(address);
  const range = header('content-range');
  const digest = header('content-digest');
  const parsed = typeof range === 'string' ? parseContentRange(range) : null;
  if (range !== undefined && !parsed) throw new Problem('invalid-request', 'Content-Range must be bytes a-b/size.');
  const sha256 = typeof digest === 'string' ? parseDigest(digest) : null;
  if (digest !== undefined && sha256 === null)
    throw new Problem('invalid-request', 'Content-Digest must name sha-256 (RFC 9530).');
  return { key, body, digest: sha256, range: parsed };
}

const prefix = '/fill/objects/';
const noBody = headerBlock({ 'content-length': '0' });

export function makePutObject(
  deps: FillGateDeps & { readonly fillObject: FillObject; readonly logger: Logger },
): PutObject {
  const { fillObject, logger } = deps;
  const mayFill = makeFillGate(deps);

  async function put(exchange: Exchange, body: FillBody): Promise<number> {
    await mayFill({ headers: { authorization: exchange.header('authorization') } });
    const path = exchange.target.slice(prefix.length).split('?', 1)[0] ?? '';
    const address = decoded(path);
    return (await fillObject.put(readFillRequest(address, exchange.header.bind(exchange), body))) === 'stored'
      ? 201
      : 200;
  }

  return (exchange, body) => {
    let isGone = false;
    exchange.onDone = () => {
      isGone = true;
    };
    put(exchange, body).then(
      (status) => exchange.send(status, [noBody], null),
      (error: unknown) => {
        if (!isGone) sendProblem(logger, exchange, error);
      },
    );
  };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new Problem('invalid-request', 'The address is not percent-encoded as it should be.');
  }
}
