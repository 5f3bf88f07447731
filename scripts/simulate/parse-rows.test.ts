import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RowParser, TraceError } from './parse-rows.ts';

function parse(text: string, chunkBytes = 7) {
  const parser = new RowParser();
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += chunkBytes) parser.add(bytes.subarray(at, at + chunkBytes));
  return parser.finish();
}

const head = 'time,object,size,region\n';

describe('the parser of request logs', () => {
  it('numbers objects and regions by first appearance', () => {
    const trace = parse(`${head}10,film,500,DE\n11,7,20,JP\r\n11.5,film,500,JP\n\n12,007,30,DE`);
    expect([...trace.times]).toEqual([10, 11, 11.5, 12]);
    expect([...trace.objects]).toEqual([0, 1, 0, 2]);
    expect([...trace.sizes]).toEqual([500, 20, 30]);
    expect([...trace.regionOf]).toEqual([0, 1, 1, 0]);
    expect(trace.regions).toEqual(['DE', 'JP']);
    expect(trace.bytes).toBeNull();
  });

  it('reads a table without regions', () => {
    expect(parse('time,object,size\n1,a,2\n').regions).toEqual(['']);
  });

  it('keeps the bytes of each answer once they differ from the object’s size, which is the largest', () => {
    const trace = parse('time,object,size\n1,a,5\n2,b,7\n3,a,9\n4,a,2\n5,b,7\n');
    expect([...(trace.bytes ?? [])]).toEqual([5, 7, 9, 2, 7]);
    expect([...trace.sizes]).toEqual([9, 7]);
  });

  it('puts requests in the order of time, those of one time in the order of the file', () => {
    const trace = parse('time,object,size\n5,a,1\n3,b,1\n5,c,1\n4,a,2\n');
    expect([...trace.times]).toEqual([3, 4, 5, 5]);
    expect([...trace.objects]).toEqual([1, 0, 0, 2]);
    expect([...(trace.bytes ?? [])]).toEqual([1, 2, 1, 1]);
  });

  it('gives the same whatever the pieces in which the bytes come', () => {
    const row = fc.record({ time: fc.nat(), object: fc.stringMatching(/^[a-z0-9é]{1,6}$/), size: fc.nat() });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 64 }), (rows, chunk) => {
        const text = `time,object,size\n${rows.map(({ time, object, size }) => `${time},${object},${size}`).join('\n')}`;
        expect(parse(text, chunk)).toEqual(parse(text, 1 << 20));
      }),
    );
  });

  it.each([
    ['', 1, 'no request'],
    ['time,object\n', 1, 'must be the header'],
    [head, 2, 'no request'],
    [`${head}1,a,5\n`, 2, 'has 3 fields where 4 are needed'],
    [`${head}1,a,5,DE\n1,a,5,DE,x\n`, 3, 'has 5 fields where 4 are needed'],
    [`${head}noon,a,5,DE\n`, 2, 'time "noon" is not a number of Unix seconds'],
    [`${head}1.2.3,a,5,DE\n`, 2, 'time "1.2.3"'],
    [`${head}-1,a,5,DE\n`, 2, 'time "-1"'],
    [`${head}1,,5,DE\n`, 2, 'object is empty'],
    [`${head}1,a,5.5,DE\n`, 2, 'size "5.5" is not a whole number of bytes'],
    [`${head}1,a,,DE\n`, 2, 'size ""'],
    [`${head}1,"a,b",5,DE\n`, 2, 'has quotes'],
  ])('refuses %j and names line %i', (text, line, problem) => {
    const refusal = (): unknown => parse(text);
    expect(refusal).toThrow(TraceError);
    expect(refusal).toThrow(`line ${line}: `);
    expect(refusal).toThrow(problem);
  });
});
