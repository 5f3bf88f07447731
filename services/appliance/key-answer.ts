/**
 * Keys for players, behind the same token as the media beside them:
 *
 * | asked for                    | answer |
 * |------------------------------|--------|
 * | `GET keys/<id>`              | the 16 bytes, as `EXT-X-KEY` of HLS wants them (RFC 8216 §5.2) |
 * | `POST keys/clearkey`, CBCS   | a ClearKey licence (W3C Encrypted Media Extensions §9.1.3, §9.1.4) |
 */
import { clearKeyPath, keysFolder } from '../../shared/domain/encryption.ts';
import { andThen } from './and-then.ts';
import type { ContentKeys, VersionKeys } from './content-keys.ts';
import type { Cors } from './cors.ts';
import { headerBlock } from './exchange.ts';
import type { Version } from './manifest-shape.ts';
import type { Answer, Asked } from './media-answer.ts';
import { licenceAllowHeader, makeOutcomeHeaders } from './media-headers.ts';
import { Refusal } from './refusals.ts';
import type { Traffic } from './traffic.ts';

export interface KeyAnswerDeps {
  readonly applianceId: string;
  readonly contentKeys: ContentKeys;
  readonly traffic: Traffic;
  readonly cors: Cors;
}

/** A licence request names a few keys. */
const maxRequestBytes = 16 * 1024;

/** Whether a request target may be one for a licence, which alone is asked for with POST. */
export const isLicenceTarget = (target: string): boolean =>
  target.split('?', 1)[0]?.endsWith(`/${clearKeyPath}`) === true;

/** Whether a path of a version is one of its keys. */
export const isKeyOf = (version: Version, path: string): boolean =>
  version.manifest.encryption !== undefined && path.startsWith(keysFolder);

/** @throws Refusal; nothing was sent then. */
export function makeKeyAnswer({ applianceId, contentKeys, traffic, cors }: KeyAnswerDeps) {
  const outcomeHeaders = makeOutcomeHeaders(applianceId);

  return (asked: Asked, version: Version): Answer => {
    const { exchange, visit, url } = asked;
    visit.counts = false;
    if (visit.client !== 'viewer') throw new Refusal('not-found', 'not-found', 'Keys are for players.');
    const isLicence = url.key.path === clearKeyPath;
    if (isLicence !== (exchange.method === 'POST')) throw wrongMethod(isLicence);
    if (isLicence) return answerLicence(asked, version);
    const id = url.key.path.slice(keysFolder.length);
    if (!version.manifest.encryption?.keys.some((key) => key.id === id)) throw noSuchKey();
    return andThen(contentKeys.of(url.key), (keys) => finish(asked, 'application/octet-stream', keyIn(keys, id)));
  };

  async function answerLicence(asked: Asked, { manifest }: Version): Promise<'sent'> {
    if (manifest.encryption?.scheme !== 'cbcs') throw noSuchKey();
    const wanted = readLicenceRequest(await asked.exchange.readBody(maxRequestBytes));
    const ours = new Set(manifest.encryption.keys.map(({ id }) => id));
    const ids = wanted.filter((id) => ours.has(id));
    if (ids.length === 0) throw noSuchKey();
    const keys = await contentKeys.of(asked.url.key);
    const licence = {
      keys: ids.map((id) => ({
        kty: 'oct',
        kid: Buffer.from(id, 'hex').toString('base64url'),
        k: keyIn(keys, id).toString('base64url'),
      })),
      type: 'temporary',
    };
    return finish(asked, 'application/json', Buffer.from(JSON.stringify(licence)));
  }

  function finish({ exchange, visit, startedMs }: Asked, contentType: string, body: Buffer): 'sent' {
    visit.outcome = 'key';
    visit.parts.push({ outcome: 'key', bytes: body.length, slice: null, cause: undefined });
    const tookMs = performance.now() - startedMs;
    traffic.firstByte('key', tookMs / 1_000);
    const head = headerBlock({
      'content-type': contentType,
      'content-length': String(body.length),
      'cache-control': 'no-store',
    });
    const blocks = [head, cors.headers(exchange), outcomeHeaders('key', tookMs)];
    exchange.send(200, blocks, exchange.method === 'HEAD' ? null : body);
    return 'sent';
  }
}

function keyIn(keys: VersionKeys, id: string): Buffer {
  const key = keys.get(id);
  if (!key) throw noSuchKey();
  return key;
}

/** Ids in hex. @throws Refusal for what is no licence request. */
function readLicenceRequest(body: Buffer): string[] {
  const { kids } = (parseJson(body) ?? {}) as { readonly kids?: unknown };
  if (!Array.isArray(kids) || !kids.every((kid) => typeof kid === 'string'))
    throw new Refusal('bad-request', 'invalid-request', 'A ClearKey licence request is JSON with `kids`.');
  return kids.map((kid) => Buffer.from(kid, 'base64url').toString('hex'));
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return null;
  }
}

const noSuchKey = (): Refusal => new Refusal('not-found', 'not-found', 'The version has no such key.');

function wrongMethod(isLicence: boolean): Refusal {
  const detail = isLicence ? 'Licences are asked for with POST.' : 'Keys are read with GET.';
  return new Refusal(
    'bad-request',
    'method-not-allowed',
    detail,
    isLicence ? licenceAllowHeader : { allow: 'GET, HEAD, OPTIONS' },
  );
}
