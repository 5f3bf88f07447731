import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatContentRange, parseContentRange, resolveRange } from './range.ts';

const partial = (start: number, end: number) => ({ kind: 'partial', range: { start, end } });

describe('resolveRange', () => {
  it.each([
    ['bytes=0-99', 1000, partial(0, 99)],
    ['bytes=900-', 1000, partial(900, 999)],
    ['bytes=-100', 1000, partial(900, 999)],
    ['bytes=-5000', 1000, partial(0, 999)],
    ['bytes=990-5000', 1000, partial(990, 999)],
    ['bytes=0-0', 1, partial(0, 0)],
    ['BYTES=0-1', 10, partial(0, 1)],
    ['bytes= 0-1', 10, partial(0, 1)],
    ['bytes=,0-1,', 10, partial(0, 1)],
    ['bytes=0-99999999999999999999999', 10, partial(0, 9)],
    ['bytes=1000-', 1000, { kind: 'unsatisfiable' }],
    ['bytes=99999999999999999999999-', 1000, { kind: 'unsatisfiable' }],
    ['bytes=-0', 1000, { kind: 'unsatisfiable' }],
    ['bytes=0-', 0, { kind: 'unsatisfiable' }],
  ])('%s of %i bytes', (header, sizeBytes, expected) => {
    expect(resolveRange(header, sizeBytes)).toEqual(expected);
  });

  it.each([
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=,',
    'bytes=-',
    'bytes=5-2',
    'bytes=a-b',
    'bytes=0x1-2',
    'bytes=1.5-2',
    'bytes=--5',
    'bytes=1-2-3',
    'bytes 0-1',
    'seconds=0-1',
    'bytes=0-1,4-5',
    'bytes=0-1,bad',
  ])('ignores %s', (header) => {
    expect(resolveRange(header, 10)).toEqual({ kind: 'whole' });
  });

  it('answers a suffix of an empty file whole, since no Content-Range can describe it', () => {
    expect(resolveRange('bytes=-5', 0)).toEqual({ kind: 'whole' });
  });

  it('selects the bytes that a plain slice of the content selects', () => {
    const nat = fc.nat({ max: 300 });
    fc.assert(
      fc.property(nat, fc.option(nat), fc.option(nat), (sizeBytes, first, last) => {
        fc.pre(first !== null || last !== null);
        const bytes = Array.from({ length: sizeBytes }, (_, i) => i);
        const answer = resolveRange(`bytes=${first ?? ''}-${last ?? ''}`, sizeBytes);
        if (first !== null && last !== null && last < first) {
          expect(answer.kind).toBe('whole');
          return;
        }
        const wanted =
          first === null ? (last ? bytes.slice(-last) : []) : bytes.slice(first, last === null ? undefined : last + 1);
        const got = answer.kind === 'partial' ? bytes.slice(answer.range.start, answer.range.end + 1) : [];
        expect(got).toEqual(wanted);
      }),
      { numRuns: 2000 },
    );
  });

  it('never leaves the content, whatever is sent', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), (text, sizeBytes) => {
        for (const header of [text, `bytes=${text}`]) {
          const answer = resolveRange(header, sizeBytes);
          if (answer.kind !== 'partial') continue;
          expect(answer.range.start).toBeGreaterThanOrEqual(0);
          expect(answer.range.start).toBeLessThanOrEqual(answer.range.end);
          expect(answer.range.end).toBeLessThan(sizeBytes);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('Content-Range', () => {
  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(), (start, more, rest) => {
        const range = { start, end: start + more };
        const sizeBytes = range.end + 1 + rest;
        expect(parseContentRange(formatContentRange(range, sizeBytes))).toEqual({ ...range, sizeBytes });
      }),
    );
  });

  it.each(['bytes */10', 'bytes 5-2/10', 'bytes 0-10/10', 'bytes 0-1/*', 'bytes=0-1/10', '', 'bytes -1-2/3'])(
    'refuses %s',
    (header) => {
      expect(parseContentRange(header)).toBeNull();
    },
  );
});
