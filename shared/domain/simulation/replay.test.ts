import { describe, expect, it } from 'vitest';
import { policies } from './policies.ts';
import { hit, type Policy, passed, stored } from './policy.ts';
import { replay } from './replay.ts';
import { dayS, hourS, selectRegion, type Trace } from './trace.ts';

const traceOf = (rows: readonly (readonly [timeS: number, object: number, region: number])[]): Trace => ({
  times: Float64Array.from(rows, ([timeS]) => timeS),
  objects: Uint32Array.from(rows, ([, object]) => object),
  regionOf: Uint16Array.from(rows, ([, , region]) => region),
  bytes: null,
  sizes: Float64Array.of(100, 200, 400),
  regions: ['here', 'there'],
});

describe('replay', () => {
  it('counts from the midnight so many days after the one before the first request', () => {
    const noon = dayS / 2;
    const trace = traceOf([
      [noon, 0, 0],
      [dayS - 1, 0, 0],
      [dayS, 0, 0],
      [dayS + 1, 1, 0],
    ]);
    const result = replay(selectRegion(trace, 'here'), policies.lru, { capacityBytes: 1_000, warmupDays: 1 });
    expect(result).toMatchObject({
      countedRequests: 2,
      servedBytes: 300,
      upstreamBytes: 200,
      churnBytes: 200,
      byteHitRatio: expect.closeTo(1 / 3, 9),
      objectHitRatio: 0.5,
    });
    expect(result.days).toEqual([{ servedBytes: 300, hitBytes: 100 }]);
  });

  it('gives the busiest hour as a rate', () => {
    const trace = traceOf([
      [0, 0, 0],
      [hourS, 1, 0],
      [hourS + 1, 2, 0],
    ]);
    const { peakUpstreamBps } = replay(selectRegion(trace, 'here'), policies.lru, {
      capacityBytes: 1_000,
      warmupDays: 0,
    });
    expect(peakUpstreamBps).toBe(Math.round((600 * 8) / hourS));
  });

  it('replays one region, and tells of the others only who wants to know, in the order of time', () => {
    const trace = traceOf([
      [0, 2, 1],
      [1, 0, 0],
      [2, 2, 1],
      [3, 1, 0],
      [4, 2, 1],
    ]);
    const told: string[] = [];
    const curious: Policy = {
      request: (object) => {
        told.push(`here ${object}`);
        return passed;
      },
      observe: (object, _timeS, region) => told.push(`${trace.regions[region]} ${object}`),
    };
    const selection = selectRegion(trace, 'here');
    expect(selection.distinctBytes).toBe(300);
    replay(selection, () => curious, { capacityBytes: 10, warmupDays: 0 });
    // What comes after the region's last request changes nothing any more.
    expect(told).toEqual(['there 2', 'here 0', 'there 2', 'here 1']);
  });

  it('books a push in the hour in which it came, and as wasted unless somebody asks for it', () => {
    const trace = traceOf([
      [0, 0, 0],
      [2 * hourS, 1, 0],
      [26 * hourS, 1, 0],
    ]);
    const pushing = replay(
      selectRegion(trace, 'here'),
      ({ ledger }) => ({
        request: (object) => (object === 1 ? hit : stored),
        tick: {
          everyS: hourS,
          at: (timeS) => {
            if (timeS !== hourS) return;
            ledger.push(1);
            ledger.push(2);
          },
        },
      }),
      { capacityBytes: 1_000, warmupDays: 0 },
    );
    expect(pushing).toMatchObject({
      byteHitRatio: expect.closeTo(4 / 5, 9),
      upstreamBytes: 100 + 600,
      fillBytes: 600,
      wastedFillBytes: 400,
      churnBytes: 700,
      peakUpstreamBps: Math.round((600 * 8) / hourS),
    });
  });

  it('calls no push wasted that had less than a day', () => {
    const trace = traceOf([
      [0, 0, 0],
      [20 * hourS, 1, 0],
    ]);
    const late = replay(
      selectRegion(trace, 'here'),
      ({ ledger }) => ({
        request: () => passed,
        tick: {
          everyS: hourS,
          at: (timeS) => {
            if (timeS === hourS) ledger.push(2);
          },
        },
      }),
      { capacityBytes: 1_000, warmupDays: 0 },
    );
    expect(late).toMatchObject({ fillBytes: 400, wastedFillBytes: 0 });
  });

  it('refuses a region that is not in the trace', () => {
    expect(() => selectRegion(traceOf([[0, 0, 0]]), 'nowhere')).toThrow('no request of region nowhere');
  });
});
