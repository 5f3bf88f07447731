/** Random requests, each with what its answer must be. Made from one seed, so that they come again the same. */
import { createHmac } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { resolveRange } from '../../../shared/domain/http/range.ts';

export interface Probe {
  readonly kind: string;
  readonly bytes: Buffer;
  /** What is wrong with the answer, or null. */
  judge(answer: Buffer): string | null;
}

export interface FuzzerOptions {
  readonly assetId: string;
  readonly version: string;
  readonly seed: number;
  readonly published: ReadonlyMap<string, Buffer>;
  readonly goodToken: string;
}

export function makeFuzzer({ assetId, version, seed, published, goodToken }: FuzzerOptions): { next(): Probe } {
  let state = seed >>> 0 || 1;
  /** xorshift32: fast, and the same everywhere. */
  const random = (below: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
  const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T;
  const paths = [...published.keys()];
  const base = `/v/${assetId}/${version}/`;

  const badToken = (): string => {
    const [head = '', body = '', signature = ''] = goodToken.split('.');
    const other = (claims: object, header: object = { alg: 'HS256', kid: 'k1' }): string => {
      const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
      return `${text}.${createHmac('sha256', pick(['', 'secret', head]))
        .update(text)
        .digest('base64url')}`;
    };
    const claims = { cdniuc: 'regex:.*', exp: 4e9, cdniv: 1, aud: 'nightfill' };
    return pick([
      () => mutate(goodToken),
      () => `${head}.${body}.`,
      () => `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`,
      () => other(claims),
      () => other(claims, { alg: 'none' }),
      () => other(claims, { ...(JSON.parse(Buffer.from(head, 'base64url').toString()) as object), alg: 'none' }),
      () => other(claims, { alg: 'HS256', kid: '__proto__' }),
      () => 'x'.repeat(random(6_000)),
      () => '',
    ])();
  };
  /** Never what it was; a signature has two spare bits at its end, so the last letter is left alone. */
  function mutate(text: string): string {
    const at = random(text.length - 1);
    const letter = pick([...'ABCabc019-_.'].filter((one) => one !== text[at]));
    return pick([
      text.slice(0, at) + letter + text.slice(at + 1),
      text.slice(0, at) + text.slice(at + 1),
      text.slice(0, at),
    ]);
  }
  const badPath = (): string =>
    pick([
      () => `${base}../${version}/${pick(paths)}`,
      () => `${base}%2e%2e/x`,
      () => `${base}%252e%252e%2fx`,
      () => `//v/${assetId}/${version}/${pick(paths)}`,
      () => `/v/other/${version}/${pick(paths)}`,
      () => `${base}${pick(paths)}/`,
      () => `${base}${pick(paths)}%00`,
      () => `${base}asset.json`,
      () => `${base}${'a/'.repeat(random(900))}x`,
      () => `/v/${assetId.toUpperCase()}/${version}/${pick(paths)}`,
      () => `${base}${pick(paths)}\\..`,
    ])();
  const number = (): string =>
    String(pick([0, 1, 999, 1_023, 1_024, 4_194_303, 4_194_304, 8_999_999, 1e15, random(1e7)]));
  const spec = (): string =>
    pick([
      () => `${number()}-${number()}`,
      () => `${number()}-`,
      () => `-${number()}`,
      () => pick(['', '-', 'x', '1-x', '--1']),
    ])();
  const range = (): string =>
    `${pick(['bytes', 'bytes', 'bytes', 'Bytes', 'lines'])}=${Array.from({ length: pick([1, 1, 1, 2, 3, 20]) }, spec).join(',')}`;
  const field = (): string =>
    pick([
      () => `X-A: ${'b'.repeat(random(300))}\r\n`,
      () => 'Connection: keep-alive\r\n',
      () => `If-Modified-Since: ${pick(['x', 'Fri, 20 Nov 2000 12:00:00 GMT'])}\r\n`,
      () => `If-None-Match: ${pick(['"x"', 'W/"y", "z"', ''])}\r\n`,
      () => `Cookie: nf_token=${badToken().slice(0, 500)}\r\n`,
      () => 'Accept: */*\r\n',
      () => `CDN-Loop: ${pick(['a', 'b;id=c'])}\r\n`,
    ])();
  const request = (target: string, more = ''): Buffer =>
    Buffer.from(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`, 'latin1');

  const refusedOnly = (answer: Buffer): string | null => {
    const status = answer.subarray(9, 12).toString('latin1');
    if (!/^[45]\d\d$/.test(status) && status !== '') return `answered ${status} without a right to it`;
    for (const [path, bytes] of published) if (answer.includes(bytes.subarray(0, 32))) return `gave bytes of ${path}`;
    return status === '500' ? 'failed inside' : null;
  };

  const kinds: readonly (() => Probe)[] = [
    () => ({ kind: 'bad token', bytes: request(`/t/${badToken()}${base}${pick(paths)}`, field()), judge: refusedOnly }),
    () => ({ kind: 'no token', bytes: request(`${base}${pick(paths)}`, field()), judge: refusedOnly }),
    () => ({
      kind: 'query token',
      bytes: request(`${base}${pick(paths)}?token=${encodeURIComponent(badToken())}`),
      judge: refusedOnly,
    }),
    () => ({ kind: 'bad path', bytes: request(`/t/${goodToken}${badPath()}`, field()), judge: refusedOnly }),
    () => ({
      kind: 'bad bearer',
      bytes: request(`${base}${pick(['asset.json', pick(paths)])}`, `Authorization: Bearer ${mutate(goodToken)}\r\n`),
      judge: refusedOnly,
    }),
    () => {
      const whole = request(`/t/${badToken()}${base}${pick(paths)}`, field() + field());
      for (let i = 0; i <= random(4); i += 1) whole[random(whole.length)] = random(256);
      return { kind: 'garbled', bytes: whole, judge: refusedOnly };
    },
    () => {
      const path = pick(paths);
      const bytes = published.get(path) ?? Buffer.alloc(0);
      const asked = random(3) === 0 ? undefined : range();
      const gzip = random(4) === 0 ? 'Accept-Encoding: gzip\r\n' : '';
      const more = `${asked === undefined ? '' : `Range: ${asked}\r\n`}${gzip}`;
      return {
        kind: 'good',
        bytes: request(`/t/${goodToken}${base}${path}`, more),
        judge: (answer) => judgeGood(answer, bytes, asked),
      };
    },
  ];
  return { next: () => pick(kinds)() };
}

function judgeGood(answer: Buffer, bytes: Buffer, range: string | undefined): string | null {
  const end = answer.indexOf('\r\n\r\n');
  const head = answer.toString('latin1', 0, end);
  const body = answer.subarray(end + 4);
  const status = Number(head.slice(9, 12));
  const model = resolveRange(range, bytes.length);
  if (model.kind === 'unsatisfiable') return status === 416 ? null : `${status} instead of 416`;
  if (model.kind === 'whole') {
    const content = /content-encoding: gzip/i.test(head) ? gunzipSync(body) : body;
    return status === 200 && content.equals(bytes) ? null : `${status} with other bytes than the whole`;
  }
  if (status !== 206) return `${status} instead of 206`;
  if (model.kind === 'partial')
    return body.equals(bytes.subarray(model.range.start, model.range.end + 1)) ? null : 'other bytes than the range';
  let at = 0;
  for (const { start, end: last } of model.ranges) {
    const part = bytes.subarray(start, last + 1);
    at = body.indexOf(`Content-Range: bytes ${start}-${last}/${bytes.length}\r\n\r\n`, at);
    if (at < 0) return 'a part is missing';
    at = body.indexOf('\r\n\r\n', at) + 4;
    if (!body.subarray(at, at + part.length).equals(part)) return 'other bytes in a part';
    at += part.length;
  }
  return null;
}
