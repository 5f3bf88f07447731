/** Tokens of every kind, each with whether it opens an address: signed here, by other code than the product's. */
import { createHmac, createPrivateKey, hash, randomUUID, sign } from 'node:crypto';
import { sealAddress } from '../../../../shared/tokens/bound-address.ts';
import type { SigningKey } from '../../../../shared/tokens/keys.ts';
import type { Chance } from './chance.ts';

export interface Token {
  readonly text: string;
  /** `path` is below the version; `uri` what a player asked for, without the token. */
  opens(path: string, uri: string): boolean;
}

export interface TokenOptions {
  readonly assetId: string;
  readonly version: string;
  /** HS256 and ES256, both accepted. */
  readonly keys: readonly SigningKey[];
  /** Never accepted. */
  readonly stranger: SigningKey;
  readonly revokedSession: string;
}

type Fields = Readonly<Record<string, unknown>>;

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

export function signRaw(key: SigningKey, header: Fields, claims: Fields): string {
  const text = `${encode(header)}.${encode(claims)}`;
  if (key.alg === 'HS256')
    return `${text}.${createHmac('sha256', Buffer.from(key.k ?? '', 'base64url'))
      .update(text)
      .digest('base64url')}`;
  const privateKey = createPrivateKey({ key: { ...key }, format: 'jwk' });
  return `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const nowS = (): number => Math.floor(Date.now() / 1_000);
const always = () => true;
const never = () => false;

/** The good and the bad, made once: most requests of a session come with the same token. */
export async function makeTokens(options: TokenOptions, chance: Chance): Promise<() => Token> {
  const { assetId, version, keys, stranger, revokedSession } = options;
  const base = `/v/${assetId}/${version}/`;
  const hs = keys.find(({ alg }) => alg === 'HS256') ?? stranger;
  const all = { cdniv: 1, cdniuc: `regex:https?://[^/]+${base}.*`, exp: nowS() + 86_400, aud: 'nightfill', jti: 's' };
  const signed = (key: SigningKey, claims: Fields, header: Fields = {}): string =>
    signRaw(key, { alg: key.alg, kid: key.kid, typ: 'JWT', ...header }, claims);

  const good: Token[] = [];
  const bad: Token[] = [];
  for (const key of keys) {
    const opening: readonly (readonly [Fields, Token['opens']])[] = [
      [all, always],
      [{ ...all, cdniuc: 'regex:.*', aud: ['else', 'nightfill'], nbf: nowS() - 9, iat: 1 }, always],
      [{ cdniuc: `prefix:${base}`, exp: 4e9 }, always],
      [
        { ...all, cdniuc: `prefix:${base}video-720p/`, cdnicrit: 'cdniuc,exp,nbf' },
        (path) => path.startsWith('video-720p/'),
      ],
      [
        { ...all, cdniuc: 'regex:https?://[^/]+/v/.*/video-720p/.*', jti: 'other' },
        (path) => path.startsWith('video-720p/'),
      ],
    ];
    for (const [claims, opens] of opening) good.push({ text: signed(key, claims), opens });
    const denied: readonly (readonly [Fields, Fields?])[] = [
      [{ ...all, exp: nowS() - 1 }],
      [{ ...all, exp: undefined }],
      [{ ...all, exp: '4000000000' }],
      [{ ...all, exp: null }],
      [{ ...all, nbf: nowS() + 90_000 }],
      [{ ...all, aud: 'else' }],
      [{ ...all, cdniv: 2 }],
      [{ ...all, cdniuc: undefined }],
      [{ ...all, cdniuc: 'regex:(' }],
      [{ ...all, cdniuc: ['regex:.*'] }],
      [{ ...all, cdniuc: `regex:${base}.*` }],
      [{ ...all, cdniuc: `regex:https?://[^/]+/v/other/${version}/.*` }],
      [{ ...all, cdniuc: `prefix:/v/${assetId}/` + `${version}x/` }],
      [{ ...all, cdniuc: 'prefix:/' }],
      [{ ...all, cdniuc: 'hash:sha-256;x' }],
      [{ ...all, cdnicrit: 'cdniuc,sub' }],
      [{ ...all, cdniip: 'x.y.z.a.b' }],
      [{ ...all, jti: revokedSession }],
      [all, { kid: undefined }],
      [all, { kid: 'k0' }],
      [all, { kid: '__proto__' }],
      [all, { alg: 'none' }],
      [all, { alg: 'HS384' }],
      [all, { alg: key.alg === 'HS256' ? 'ES256' : 'HS256' }],
      [all, { kid: keys.find((other) => other !== key)?.kid }],
      [all, { crit: ['x'], x: 1 }],
    ];
    for (const [claims, header] of denied) bad.push({ text: signed(key, claims, header), opens: never });
  }
  for (const kid of keys.map(({ kid }) => kid)) bad.push({ text: signed(stranger, all, { kid }), opens: never });
  good.push({ text: signed(hs, { ...all, cdniip: await sealAddress(hs, '127.0.0.0/8') }), opens: always });
  bad.push({ text: signed(hs, { ...all, cdniip: await sealAddress(hs, '192.0.2.0/24') }), opens: never });
  bad.push({ text: signed(hs, { ...all, cdniip: await sealAddress(stranger, '127.0.0.0/8') }), opens: never });

  /** Never what it was: a signature has spare bits at its end, so the last letter is left alone. */
  function mutated(): Token {
    const { text } = chance.pick(good);
    const at = chance.below(text.length - 1);
    const letter = chance.pick([...'ABCabc019-_.'].filter((one) => one !== text[at]));
    const changed = chance.pick([
      text.slice(0, at) + letter + text.slice(at + 1),
      text.slice(0, at) + text.slice(at + 1),
      text.slice(0, at),
      `${text.slice(0, text.lastIndexOf('.'))}.`,
      `${text}A`,
    ]);
    return { text: changed, opens: never };
  }
  /** Seen once and never again: what the table of remembered tokens has to stand. */
  const fresh = (): Token => ({ text: signed(hs, { ...all, jti: randomUUID() }), opens: always });
  const hashed = (path: string): Token => {
    const uri = `http://fuzz.test${base}${path}`;
    const digest = hash('sha256', uri, 'base64url');
    return { text: signed(hs, { ...all, cdniuc: `hash:sha-256;${digest}` }), opens: (_path, of) => of === uri };
  };
  const rubbish = (): Token => ({
    text: chance.pick(['', 'a.b.c', '..', 'x'.repeat(chance.below(6_000))]),
    opens: never,
  });

  return () =>
    chance.pick([
      () => chance.pick(good),
      () => chance.pick(good),
      () => chance.pick(good),
      () => chance.pick(bad),
      mutated,
      fresh,
      () => hashed(chance.pick(['video-720p/seg-0.m4s', 'master.m3u8'])),
      rubbish,
    ])();
}
