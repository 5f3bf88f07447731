import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../shared/ports/clock.ts';
import { meterBody } from './metered-body.ts';
import { makeRateLimiter } from './rate-limiter.ts';
import { makeRateMeter } from './rate-meter.ts';

/** Time that passes only by sleeping, with timers as late as those of a busy machine. */
function lateClock(latenessMs: number): Clock & { pass(ms: number): void } {
  let nowMs = 1_000_000;
  return {
    now: () => Math.floor(nowMs),
    pass: (ms) => {
      nowMs += ms;
    },
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      nowMs += ms + latenessMs;
    },
  };
}

describe('makeRateLimiter', () => {
  it.each([
    [1e6, 0],
    [1e6, 12],
    [50e6, 7],
    [1e9, 3],
  ])('lets %d bits a second through, with timers %d ms late', async (rateBps, latenessMs) => {
    const clock = lateClock(latenessMs);
    const limiter = makeRateLimiter({ rateBps, clock });
    const startMs = clock.now();
    let bytes = 0;
    while (clock.now() - startMs < 10_000) {
      await limiter.take(limiter.grainBytes);
      bytes += limiter.grainBytes;
    }
    const measured = (bytes * 8_000) / (clock.now() - startMs);
    expect(measured / rateBps).toBeGreaterThan(0.95);
    expect(measured / rateBps).toBeLessThan(1.05);
  });

  it('does not save up what was not used for longer than its burst', async () => {
    const clock = lateClock(0);
    const limiter = makeRateLimiter({ rateBps: 8e6, clock, burstMs: 100 });
    clock.pass(60_000);
    const startMs = clock.now();
    for (let at = 0; at < 30; at += 1) await limiter.take(100_000);
    expect(clock.now() - startMs).toBeGreaterThan(2_750);
  });

  it('ends a wait when its signal aborts', async () => {
    const stop = new AbortController();
    stop.abort(new Error('window closed'));
    await expect(makeRateLimiter({ rateBps: 1, clock: lateClock(0) }).take(1, stop.signal)).rejects.toThrow(
      'window closed',
    );
  });
});

describe('meterBody', () => {
  const limiter = makeRateLimiter({ rateBps: 1e12, clock: lateClock(0) });
  const never = new AbortController().signal;

  it('passes the bytes on unchanged and counts each of them', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251));
    let counted = 0;
    const metered = meterBody(
      Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]),
      limiter,
      (n) => (counted += n),
      never,
    );
    expect((await buffer(metered.body)).equals(bytes)).toBe(true);
    expect(counted).toBe(bytes.length);
    expect(metered.sentBytes()).toBe(bytes.length);
    expect(metered.sourceError()).toBeNull();
  });

  it('tells a source that broke, and destroys one that is no longer wanted', async () => {
    const broken = meterBody(
      new Readable({
        read() {
          this.destroy(new Error('disk gone'));
        },
      }),
      limiter,
      () => undefined,
      never,
    );
    await expect(buffer(broken.body)).rejects.toThrow('disk gone');
    expect(broken.sourceError()?.message).toBe('disk gone');

    const source = Readable.from([Buffer.alloc(10)]);
    meterBody(source, limiter, () => undefined, never).body.destroy();
    await expect.poll(() => source.destroyed).toBe(true);
  });
});

describe('makeRateMeter', () => {
  it('averages over the time in which something was pushed, and finds the best second', () => {
    const clock = lateClock(0);
    const meter = makeRateMeter(clock);
    const push = (bytes: number, ms: number): void => {
      const end = meter.begin();
      for (let part = 0; part < 10; part += 1) {
        meter.add(bytes / 10);
        clock.pass(ms / 10);
      }
      end();
    };
    push(1_000_000, 2_000);
    clock.pass(60_000);
    expect(meter.nowBps()).toBe(0);
    push(3_000_000, 2_000);
    expect(meter.meanBps()).toBe(8e6);
    expect(meter.peakBps()).toBeGreaterThanOrEqual(12e6);
    expect(meter.peakBps()).toBeLessThan(14e6);
  });
});
