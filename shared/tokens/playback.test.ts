import { createHash } from 'node:crypto';
import { SignJWT, UnsecuredJWT } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../ports/clock.ts';
import { sealAddress } from './bound-address.ts';
import { generateTokenKey, parseSigningKeys, type SigningKey, verificationKey } from './keys.ts';
import { makeTokenVerifier, signPlaybackToken, type TokenVerifier } from './playback.ts';

const nowS = 1_795_000_000;
let at = nowS;
const clock: Clock = { now: () => at * 1_000, sleep: async () => {} };
const uri = 'https://edge.example/v/film/v1/video-720p/seg-0.m4s';

let key: SigningKey;
let verifier: TokenVerifier;
beforeEach(async () => {
  at = nowS;
  key = await generateTokenKey();
  verifier = makeTokenVerifier({ clock });
  await verifier.setKeys([verificationKey(key)]);
});

const sign = (more: Partial<Parameters<typeof signPlaybackToken>[0]> = {}) =>
  signPlaybackToken({ key, assetId: 'film', version: 'v1', expiresAtS: nowS + 60, ...more });
const outcome = async (token: string | null, of = uri) => (await verifier.verify(token, of)).outcome;
const custom = (claims: Record<string, unknown>, header: Record<string, unknown> = {}) =>
  new SignJWT({ cdniuc: 'regex:.*', exp: nowS + 60, ...claims })
    .setProtectedHeader({ alg: 'HS256', kid: key.kid, ...header })
    .sign(Buffer.from(key.k ?? '', 'base64url'));

describe.each(['HS256', 'ES256'] as const)('a token signed with %s', (alg) => {
  it('opens its version on any appliance, again and again, until it expires', async () => {
    key = await generateTokenKey(alg);
    await verifier.setKeys([verificationKey(key)]);
    const token = await sign({ sessionId: 's-1' });
    const verdict = { outcome: 'ok', sessionId: 's-1', expiresAtS: nowS + 60, isBound: false, renewal: null };
    expect(await verifier.verify(token, uri)).toEqual(verdict);
    expect(await verifier.verify(token, 'http://127.0.0.1:9000/v/film/v1/master.m3u8')).toEqual(verdict);
    at = nowS + 60;
    expect(await outcome(token)).toBe('denied-expired');
    expect(await outcome(token)).toBe('denied-expired');
  });
});

describe('a token', () => {
  it.each([
    'https://edge.example/v/film/v2/a.m4s',
    'https://edge.example/v/other/v1/a.m4s',
    'https://edge.example/v/film/v1',
    'https://edge.example/x/v/film/v1/a.m4s',
    'ftp://edge.example/v/film/v1/a.m4s',
  ])('does not cover %s', async (other) => {
    expect(await outcome(await sign(), other)).toBe('denied-not-covered');
  });

  it('is expired when its time is over, also when it was never seen before', async () => {
    expect(await outcome(await sign({ expiresAtS: nowS - 1 }))).toBe('denied-expired');
  });

  it('does not work before its time', async () => {
    const token = await sign({ notBeforeS: nowS + 30 });
    expect(await outcome(token)).toBe('denied-bad-token');
    at = nowS + 31;
    expect(await outcome(token)).toBe('ok');
  });

  it('is missing when it is not there', async () => {
    expect(await outcome(null)).toBe('denied-no-token');
    expect(await outcome('')).toBe('denied-no-token');
  });

  it('is bad with any character changed', async () => {
    const token = await sign();
    for (let i = 0; i < token.length - 1; i += 7) {
      const changed = token.slice(0, i) + (token[i] === 'A' ? 'B' : 'A') + token.slice(i + 1);
      expect(await outcome(changed)).toBe('denied-bad-token');
    }
  });

  it('is bad when another key signed it, when it is unsigned, or when it is none', async () => {
    const stranger = await generateTokenKey();
    expect(await outcome(await sign({ key: { ...stranger, kid: key.kid } }))).toBe('denied-bad-token');
    expect(await outcome(await sign({ key: stranger }))).toBe('denied-bad-token');
    const unsigned = new UnsecuredJWT({ cdniuc: 'regex:.*' }).setExpirationTime(nowS + 60).encode();
    expect(await outcome(unsigned)).toBe('denied-bad-token');
    expect(await outcome('a.b.c')).toBe('denied-bad-token');
    expect(await outcome('x'.repeat(10_000))).toBe('denied-bad-token');
  });

  it('cannot turn a public key into a shared secret', async () => {
    const ec = await generateTokenKey('ES256');
    await verifier.setKeys([verificationKey(ec)]);
    const forged = await new SignJWT({ cdniuc: 'regex:.*', exp: nowS + 60 })
      .setProtectedHeader({ alg: 'HS256', kid: ec.kid })
      .sign(Buffer.from(ec.x ?? '', 'base64url'));
    expect(await outcome(forged)).toBe('denied-bad-token');
  });

  it.each([
    ['no expiry', { exp: undefined }],
    ['no container', { cdniuc: undefined }],
    ['a container of another kind', { cdniuc: 'hash:abc' }],
    ['a container that is no pattern', { cdniuc: 'regex:(' }],
    ['another version of URI signing', { cdniv: 2 }],
    ['another audience', { aud: 'elsewhere' }],
    ['a bound address', { cdniip: 'x' }],
    ['a critical claim that is not obeyed', { cdnicrit: 'cdniuc,else' }],
  ])('is bad with %s', async (_what, claims) => {
    expect(await outcome(await custom(claims))).toBe('denied-bad-token');
  });

  it('is good with critical claims that are obeyed', async () => {
    expect(await outcome(await custom({ cdnicrit: 'cdniuc,exp', aud: ['nightfill', 'else'], cdniv: 1 }))).toBe('ok');
  });
});

describe('keys', () => {
  it('can be rotated: both are accepted, then the old one is refused although its token was remembered', async () => {
    const old = await sign();
    expect(await outcome(old)).toBe('ok');
    const next = await generateTokenKey('ES256');
    await verifier.setKeys([verificationKey(key), verificationKey(next)]);
    expect(await outcome(old)).toBe('ok');
    expect(await outcome(await sign({ key: next }))).toBe('ok');
    await verifier.setKeys([verificationKey(next)]);
    expect(await outcome(old)).toBe('denied-bad-token');
  });

  it('leave no private part with appliances', async () => {
    expect(verificationKey(await generateTokenKey('ES256'))).not.toHaveProperty('d');
  });

  it('are read from a key set, and refused with the reason', async () => {
    const keys = [await generateTokenKey(), await generateTokenKey('ES256')];
    expect(parseSigningKeys(JSON.stringify({ keys }))).toEqual(keys);
    for (const [text, reason] of [
      ['nonsense', 'must be JSON'],
      ['{}', 'must be a JSON Web Key Set'],
      [JSON.stringify({ keys: [{ kid: 'a', alg: 'HS256', kty: 'oct', k: 'short' }] }), 'key 1 has a secret below'],
      [JSON.stringify({ keys: [keys[0], { kid: 'a', alg: 'RS256', kty: 'RSA' }] }), 'key 2 is neither'],
      [JSON.stringify({ keys: [verificationKey(keys[1] ?? key)] }), 'key 1 lacks'],
    ] as const) {
      expect(() => parseSigningKeys(text)).toThrow(reason);
    }
  });
});

describe('containers', () => {
  const digest = createHash('sha256').update(uri).digest('base64url');
  it.each([
    ['the one URI of a hash', `hash:sha-256;${digest}`, uri, 'ok'],
    ['no other than that', `hash:sha-256;${digest}`, `${uri}x`, 'denied-not-covered'],
    ['what lies below a prefix', 'prefix:/v/film/v1/', uri, 'ok'],
    ['what lies deeper below it', 'prefix:/v/film/v1/video-720p/', uri, 'ok'],
    ['nothing beside it', 'prefix:/v/film/v1/audio/', uri, 'denied-not-covered'],
    ['nothing whose name only begins so', 'prefix:/v/film/v1/', 'https://x/v/film/v10/a.m4s', 'denied-not-covered'],
    ['no host that holds the prefix', 'prefix:/v/film/v1/', 'https://x?/v/film/v1/', 'denied-not-covered'],
    ['nothing: a prefix that is no folder', 'prefix:/v/film', uri, 'denied-bad-token'],
    ['nothing: a prefix of everything', 'prefix:/', uri, 'denied-bad-token'],
    ['nothing: another digest', 'hash:md5;abc', uri, 'denied-bad-token'],
  ])('cover %s', async (_what, cdniuc, of, expected) => {
    expect(await outcome(await custom({ cdniuc }), of)).toBe(expected);
  });
});

describe('a token bound to an address', () => {
  const from = async (token: string, ip: string) => (await verifier.verify(token, uri, ip)).outcome;

  it('opens for callers from there only, and does not show where that is', async () => {
    const token = await sign({ boundTo: '192.0.2.0/24' });
    expect(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).not.toContain('192.0.2');
    for (const [ip, expected] of [
      ['192.0.2.7', 'ok'],
      ['::ffff:192.0.2.7', 'ok'],
      ['192.0.3.7', 'denied-not-covered'],
      ['2001:db8::1', 'denied-not-covered'],
      ['', 'denied-not-covered'],
      ['192.0.2.7', 'ok'],
    ])
      expect(await from(token, ip ?? '')).toBe(expected);
    const single = await sign({ boundTo: '2001:db8::1' });
    expect(await from(single, '2001:db8:0::1')).toBe('ok');
    expect(await from(single, '2001:db8::2')).toBe('denied-not-covered');
  });

  it('is refused where another key sealed the address', async () => {
    const other = await generateTokenKey();
    expect(await outcome(await custom({ cdniip: await sealAddress(other, '192.0.2.7') }))).toBe('denied-bad-token');
  });
});

it('a revoked session is refused at once, also where its token was verified before, and after the key changed', async () => {
  const token = await sign({ sessionId: 's-1' });
  const other = await sign({ sessionId: 's-2' });
  expect([await outcome(token), await outcome(other)]).toEqual(['ok', 'ok']);
  const before = verifier.generation;
  verifier.setRevoked(new Set(['s-1']));
  expect([await outcome(token), await outcome(other)]).toEqual(['denied-bad-token', 'ok']);
  expect(verifier.generation).not.toBe(before);
  await verifier.setKeys([verificationKey(key)]);
  expect(await outcome(token)).toBe('denied-bad-token');
});

describe('renewal', () => {
  it('gives a token for longer, of the same session, for the same addresses, once half of its time is over', async () => {
    const token = await sign({ sessionId: 's-1', renewForS: 600, expiresAtS: nowS + 600 });
    const verdict = await verifier.verify(token, uri);
    if (verdict.outcome !== 'ok' || !verdict.renewal) throw new Error('it is not renewed');
    expect(verdict.renewal.isDue(nowS)).toBe(false);
    at = nowS + 400;
    expect(verdict.renewal.isDue(at)).toBe(true);
    const next = await verdict.renewal.renew(at);
    at = nowS + 900;
    expect(await outcome(token)).toBe('denied-expired');
    expect(await verifier.verify(next, uri)).toMatchObject({
      outcome: 'ok',
      sessionId: 's-1',
      expiresAtS: nowS + 1_000,
    });
    expect(await outcome(next, 'https://edge.example/v/other/v1/a.m4s')).toBe('denied-not-covered');
    verifier.setRevoked(new Set(['s-1']));
    expect(await outcome(next)).toBe('denied-bad-token');
    expect(verdict.renewal.cookiePath('/v/film/v1/video-720p/seg-0.m4s')).toBe('/v/film/v1');
  });

  it('is not for keys that cannot sign', async () => {
    key = await generateTokenKey('ES256');
    await verifier.setKeys([verificationKey(key)]);
    expect(await verifier.verify(await sign({ renewForS: 60 }), uri)).toMatchObject({ outcome: 'ok', renewal: null });
  });
});
