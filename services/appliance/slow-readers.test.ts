import { describe, expect, it } from 'vitest';
import { makeMetrics } from '../../shared/platform/metrics.ts';
import { makeSlowReaders } from './slow-readers.ts';

/** Readers of given rates, and seconds that pass. */
function open(slowestBytesPerSecond = 1_000) {
  let isShort = false;
  let nowMs = performance.now() + 1_000_000;
  const readers = slowReaders();
  const all: { bytesPerSecond: number | null; taken: number; isCut: boolean }[] = [];
  function slowReaders() {
    const options = { slowestBytesPerSecond, graceMs: 30_000, metrics: makeMetrics('appliance') };
    return makeSlowReaders({ ...options, isShort: () => isShort });
  }
  const reader = (bytesPerSecond: number | null) => {
    const one = { bytesPerSecond, taken: 0, isCut: false };
    all.push(one);
    readers.watch({
      takenBytes: () => (one.bytesPerSecond === null ? null : one.taken),
      cut: () => {
        one.isCut = true;
      },
    });
    return one;
  };
  const pass = (seconds: number) => {
    for (let second = 0; second < seconds; second += 1) {
      for (const one of all) one.taken += one.bytesPerSecond ?? 0;
      nowMs += 1_000;
      readers.check(nowMs);
    }
  };
  return {
    reader,
    pass,
    giveUp: readers.giveUp,
    stop: readers.stop,
    beShort: () => (isShort = true),
    wait: (ms: number) => (nowMs += ms),
  };
}

describe('slow readers', () => {
  it('cuts who takes nothing after the grace time, who trickles later, and nobody who is fast enough', () => {
    const { reader, pass, stop } = open();
    const [stalled, trickling, slow, fast] = [reader(0), reader(500), reader(1_000), reader(50_000)];
    pass(25);
    expect([stalled.isCut, trickling.isCut]).toEqual([false, false]);
    pass(10);
    expect([stalled.isCut, trickling.isCut]).toEqual([true, false]);
    pass(40);
    expect([trickling.isCut, slow.isCut, fast.isCut]).toEqual([true, false, false]);
    stop();
  });

  it('does not count what is not waited for, nor the time in which the process itself stood still', () => {
    const { reader, pass, wait, stop } = open();
    const [waiting, stalled] = [reader(null), reader(0)];
    wait(3_600_000);
    pass(5);
    expect([waiting.isCut, stalled.isCut]).toEqual([false, false]);
    pass(60);
    expect([waiting.isCut, stalled.isCut]).toEqual([false, true]);
    stop();
  });

  it('a pause is made good by what is read before it, up to the grace time', () => {
    const { reader, pass, stop } = open();
    const one = reader(1_000_000);
    pass(10);
    one.bytesPerSecond = 0;
    pass(25);
    one.bytesPerSecond = 1_000_000;
    pass(1);
    one.bytesPerSecond = 0;
    pass(25);
    expect(one.isCut).toBe(false);
    pass(10);
    expect(one.isCut).toBe(true);
    stop();
  });

  it('gives up the one with the least credit where there is no place left, and nobody who reads', () => {
    const { reader, pass, giveUp, stop } = open();
    const [first, fast] = [reader(0), reader(50_000)];
    pass(5);
    const second = reader(0);
    pass(16);
    expect([giveUp(), first.isCut, second.isCut]).toEqual([true, true, false]);
    expect([giveUp(), giveUp(), second.isCut, fast.isCut]).toEqual([true, false, true, false]);
    stop();
  });

  it('is six times as strict while the appliance is short of something', () => {
    const { reader, pass, beShort, stop } = open();
    beShort();
    const [stalled, slow, fast] = [reader(0), reader(5_000), reader(6_000)];
    pass(7);
    expect([stalled.isCut, slow.isCut, fast.isCut]).toEqual([true, false, false]);
    pass(60);
    expect([slow.isCut, fast.isCut]).toEqual([true, false]);
    stop();
  });
});
