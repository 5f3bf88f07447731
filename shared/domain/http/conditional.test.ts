import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluateConditions } from './conditional.ts';
import { formatHttpDate, parseHttpDate } from './date.ts';
import { formatDigest, parseDigest } from './digest.ts';
import { resolveRange } from './range.ts';

const validators = { etag: '"abc"', lastModifiedMs: Date.UTC(2026, 10, 20, 14, 30, 7) };
const changedAt = 'Fri, 20 Nov 2026 14:30:07 GMT';
const evaluate = (headers: Parameters<typeof evaluateConditions>[0]) => evaluateConditions(headers, validators, 100);

describe('If-None-Match and If-Modified-Since', () => {
  it.each(['"abc"', 'W/"abc"', '*', '"x", "abc"', '"x,y" , W/"abc"'])('304 for If-None-Match %s', (ifNoneMatch) => {
    expect(evaluate({ ifNoneMatch, range: 'bytes=0-1' })).toEqual({ kind: 'not-modified' });
  });

  it.each(['"x"', 'abc', '"ABC"', '', '"x", W/"y"'])('no 304 for If-None-Match %s', (ifNoneMatch) => {
    expect(evaluate({ ifNoneMatch })).toEqual({ kind: 'whole' });
  });

  it('the tag decides alone where both are sent', () => {
    expect(evaluate({ ifNoneMatch: '"x"', ifModifiedSince: changedAt })).toEqual({ kind: 'whole' });
  });

  it.each([changedAt, 'Sat, 21 Nov 2026 00:00:00 GMT', 'Saturday, 21-Nov-26 00:00:00 GMT', 'Sat Nov 21 00:00:00 2026'])(
    '304 for If-Modified-Since %s',
    (ifModifiedSince) => {
      expect(evaluate({ ifModifiedSince })).toEqual({ kind: 'not-modified' });
    },
  );

  it.each(['Fri, 20 Nov 2026 14:30:06 GMT', 'yesterday', '2026-11-21T00:00:00Z', 'Sat, 31 Feb 2027 00:00:00 GMT'])(
    'no 304 for If-Modified-Since %s',
    (ifModifiedSince) => {
      expect(evaluate({ ifModifiedSince })).toEqual({ kind: 'whole' });
    },
  );
});

describe('conditions and a range together', () => {
  type Case = readonly [text: string | undefined, holds: boolean];
  const none: Case = [undefined, false];
  const oneOf = (...cases: Case[]) => fc.constantFrom(none, ...cases);
  const tags = oneOf(
    ['"abc"', true],
    ['W/"abc"', true],
    ['*', true],
    ['"x", "abc"', true],
    ['"x"', false],
    ['', false],
  );
  const since = oneOf(
    [changedAt, true],
    ['Sat, 20 Nov 2027 00:00:00 GMT', true],
    ['x', false],
    ['Fri, 20 Nov 2020 00:00:00 GMT', false],
  );
  const ifRanges = oneOf(
    ['"abc"', true],
    [changedAt, true],
    ['W/"abc"', false],
    ['"x"', false],
    ['Sat, 20 Nov 2027 00:00:00 GMT', false],
  );
  const spec = fc.oneof(
    fc.tuple(fc.nat(120), fc.nat(40)).map(([first, more]) => `${first}-${first + more}`),
    fc.nat(120).map((first) => `${first}-`),
    fc.nat(120).map((length) => `-${length}`),
  );
  const ranges = fc.option(fc.array(spec, { minLength: 1, maxLength: 20 }), { nil: undefined });

  it('are weighed in the order of §13.2.2, whatever is combined', () => {
    fc.assert(
      fc.property(tags, since, ifRanges, ranges, (tag, date, ifRange, specs) => {
        const range = specs && `bytes=${specs.join(',')}`;
        const headers = { ifNoneMatch: tag[0], ifModifiedSince: date[0], ifRange: ifRange[0], range };
        const isUnchanged = tag[0] === undefined ? date[1] : tag[1];
        const falls = ifRange[0] !== undefined && !ifRange[1];
        const expected = isUnchanged ? { kind: 'not-modified' } : falls ? { kind: 'whole' } : resolveRange(range, 100);
        expect(evaluate(headers)).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('what has no date', () => {
  const undated = { etag: '"abc"', lastModifiedMs: null };
  it.each([changedAt, 'yesterday', ''])('is not told apart by %s', (text) => {
    expect(evaluateConditions({ ifModifiedSince: text }, undated, 100)).toEqual({ kind: 'whole' });
    expect(evaluateConditions({ ifRange: text, range: 'bytes=0-1' }, undated, 100)).toEqual({ kind: 'whole' });
  });
});

describe('If-Range', () => {
  const range = 'bytes=10-19';

  it.each(['"abc"', changedAt])('%s lets the range stand', (ifRange) => {
    expect(evaluate({ range, ifRange })).toEqual({ kind: 'partial', range: { start: 10, end: 19 } });
  });

  it.each(['W/"abc"', '"x"', 'Fri, 20 Nov 2026 14:30:08 GMT', 'nonsense', ''])('%s makes it void', (ifRange) => {
    expect(evaluate({ range, ifRange })).toEqual({ kind: 'whole' });
  });

  it('makes an unsatisfiable range void too, rather than 416', () => {
    expect(evaluate({ range: 'bytes=500-', ifRange: '"x"' })).toEqual({ kind: 'whole' });
  });
});

describe('HTTP dates', () => {
  it('are read as they are written', () => {
    const seconds = fc.integer({ min: 0, max: 4_000_000_000 });
    fc.assert(
      fc.property(seconds, (s) => {
        expect(parseHttpDate(formatHttpDate(s * 1000))).toBe(s * 1000);
      }),
    );
  });
});

describe('digest fields', () => {
  it('agree with Node’s own base64 and read back', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const hash = createHash('sha256').update(bytes);
        const hex = hash.copy().digest('hex');
        expect(formatDigest(hex)).toBe(`sha-256=:${hash.digest('base64')}:`);
        expect(parseDigest(formatDigest(hex))).toBe(hex);
        expect(parseDigest(`sha-512=:AAAA:, ${formatDigest(hex)}`)).toBe(hex);
      }),
    );
  });

  it.each(['', 'sha-256=abc', 'sha-256=:AAAA:', 'md5=:AAAA:'])('have no SHA-256 in %s', (header) => {
    expect(parseDigest(header)).toBeNull();
  });
});
