import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatContentRange, maxRanges, mergedGapBytes, parseContentRange, resolveRange } from './range.ts';

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

  it.each([
    ['bytes=0-9,500-509', [0, 9, 500, 509]],
    ['bytes=500-509,0-9', [500, 509, 0, 9]],
    ['bytes=0-9,-10', [0, 9, 990, 999]],
    ['bytes=0-9,2000-,500-509', [0, 9, 500, 509]],
    ['bytes=500-600,0-9,550-700', [0, 9, 500, 700]],
  ])('%s selects several', (header, flat) => {
    const ranges = [0, 2].map((i) => ({ start: flat[i], end: flat[i + 1] }));
    expect(resolveRange(header, 1000)).toEqual({ kind: 'several', ranges });
  });

  it.each([
    ['bytes=0-9,10-19', partial(0, 19)],
    ['bytes=10-19,0-9', partial(0, 19)],
    ['bytes=0-,5-6,-1', partial(0, 999)],
    [`bytes=0-9,${9 + mergedGapBytes}-500`, partial(0, 500)],
    ['bytes=0-9,5000-', partial(0, 9)],
    ['bytes=5000-,-0', { kind: 'unsatisfiable' }],
    [`bytes=${Array.from({ length: maxRanges + 1 }, (_, i) => `${i * 200}-${i * 200}`)}`, { kind: 'whole' }],
  ])('%s is simplified', (header, expected) => {
    expect(resolveRange(header, 1000)).toEqual(expected);
  });

  it('sends every byte that was asked for, none twice, and never more than the content', () => {
    const spec = fc.tuple(fc.option(fc.nat({ max: 3000 })), fc.option(fc.nat({ max: 3000 })));
    fc.assert(
      fc.property(
        fc.array(spec, { minLength: 2, maxLength: maxRanges }),
        fc.integer({ min: 1, max: 3000 }),
        (set, size) => {
          const wanted = new Set<number>();
          for (const [first, last] of set) {
            fc.pre(first !== null || last !== null);
            fc.pre(first === null || last === null || first <= last);
            const from = first ?? Math.max(0, size - (last ?? 0));
            const to = first === null ? size - 1 : Math.min(last ?? size - 1, size - 1);
            for (let at = from; at <= to; at += 1) wanted.add(at);
          }
          const answer = resolveRange(`bytes=${set.map(([a, b]) => `${a ?? ''}-${b ?? ''}`).join(', ')}`, size);
          const ranges = answer.kind === 'several' ? answer.ranges : answer.kind === 'partial' ? [answer.range] : [];
          const sent = ranges.flatMap(({ start, end }) => Array.from({ length: end + 1 - start }, (_, i) => start + i));
          const distinct = new Set(sent);
          expect(distinct.size).toBe(sent.length);
          expect(sent.every((at) => at >= 0 && at < size)).toBe(true);
          expect([...wanted].filter((at) => !distinct.has(at))).toEqual([]);
          // What was not asked for is only what lies in small gaps.
          expect(sent.length - wanted.size).toBeLessThan(mergedGapBytes * maxRanges);
          if (answer.kind === 'several') expect(ranges.length).toBeGreaterThan(1);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('never leaves the content, whatever is sent', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), (text, sizeBytes) => {
        for (const header of [text, `bytes=${text}`]) {
          const answer = resolveRange(header, sizeBytes);
          for (const { start, end } of answer.kind === 'several'
            ? answer.ranges
            : answer.kind === 'partial'
              ? [answer.range]
              : []) {
            expect(start).toBeGreaterThanOrEqual(0);
            expect(start).toBeLessThanOrEqual(end);
            expect(end).toBeLessThan(sizeBytes);
          }
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
