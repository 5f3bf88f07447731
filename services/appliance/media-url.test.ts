import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cookieOf, parseMediaUrl } from './media-url.ts';

const key = { assetId: 'film', version: 'v1', path: 'video-720p/seg-0.m4s' };

describe('a media address', () => {
  it.each([
    ['/v/film/v1/video-720p/seg-0.m4s', null],
    ['/v/film/v1/video-720p/seg-0.m4s?token=a.b.c', 'a.b.c'],
    ['/v/film/v1/video-720p/seg-0.m4s?x=1&token=a.b.c', 'a.b.c'],
    ['/t/a.b.c/v/film/v1/video-720p/seg-0.m4s', 'a.b.c'],
    ['/t/a.b.c/v/film/v1/video-720p/seg-0.m4s?token=d.e.f', 'a.b.c'],
    ['/v/f%69lm/%761/video-720p/seg%2D0%2em4s', null],
    ['/v/film/v1/video-720p/seg%2d0%2Em4s', null],
  ])('%s', (target, token) => {
    expect(parseMediaUrl(target)).toEqual({ key, name: 'film/v1/video-720p/seg-0.m4s', token });
  });

  it.each([
    '/v/film/v1/',
    '/v/film/v1',
    '/v/film/v1/../v2/a.m4s',
    '/v/film/v1/a/../b.m4s',
    '/v/film/v1/%2e%2e/v2/a.m4s',
    '/v/film/v1/..%2fv2/a.m4s',
    '/v/film/v1/video-720p%2Fa.m4s',
    '/v/film%2Fv1/a.m4s',
    '/v/film/v1/%c0%ae%c0%ae/a.m4s',
    '/v/film/v1/a.m4s;v=1',
    '/v/film/v1/a.m4s#x',
    '/v/film/v1/a.m4s/',
    '/v/film/v1/a%2em4s%',
    '/v/film/v1/./a.m4s',
    '/%76/film/v1/a.m4s',
    '/v/film/v1/a+b.m4s',
    '/t/a%2eb.c/v/film/v1/a.m4s',
    '/v/film/v1/%252e%252e/a.m4s',
    '/v/film/v1//a.m4s',
    '/v//film/v1/a.m4s',
    '/v/film/v1/a\\b.m4s',
    '/v/film/v1/a%5cb.m4s',
    '/v/film/v1/a%00.m4s',
    '/v/film/v1/.hidden',
    '/v/film/v1/a%zz.m4s',
    '/v/FILM/v1/a.m4s',
    '/t/not-a-token/v/film/v1/a.m4s',
    '/t/a.b.c/film/v1/a.m4s',
    '/t//v/film/v1/a.m4s',
    '//v/film/v1/a.m4s',
    '/film/v1/a.m4s',
    '',
  ])('is not %s', (target) => {
    expect(parseMediaUrl(target)).toBeNull();
  });

  it('never yields a key outside its version, whatever is sent', () => {
    const part = fc.oneof(fc.string(), fc.constantFrom('..', '.', '%2e', '%2f', '\\', '/', '%25', 'a'));
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const found = parseMediaUrl(`/v/film/v1/${parts.join('/')}`);
        if (found) expect(found.key.path).toMatch(/^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('cookieOf', () => {
  it('finds one cookie among others', () => {
    expect(cookieOf('a=1; nf_token=x.y.z; b=2', 'nf_token')).toBe('x.y.z');
    expect(cookieOf('xnf_token=1', 'nf_token')).toBeNull();
    expect(cookieOf('nf_token=', 'nf_token')).toBeNull();
    expect(cookieOf(undefined, 'nf_token')).toBeNull();
  });
});
