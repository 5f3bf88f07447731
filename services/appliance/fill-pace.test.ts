import { describe, expect, it } from 'vitest';
import { makeFillPace } from './fill-pace.ts';

function open() {
  let loopDelayMs = 0;
  const sleeps: { readonly ms: number; readonly end: () => void }[] = [];
  const pace = makeFillPace({
    clock: { now: () => 0, sleep: (ms) => new Promise((end) => sleeps.push({ ms, end })) },
    takeLoopDelayMs: () => loopDelayMs,
  });
  let running = 0;
  const ends: (() => void)[] = [];
  const store = () =>
    pace.turn(async () => {
      running += 1;
      await new Promise<void>((resolve) => ends.push(resolve));
      running -= 1;
    });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const endOne = async () => {
    ends.shift()?.();
    await settle();
  };
  return { pace, store, settle, endOne, sleeps, running: () => running, delay: (ms: number) => (loopDelayMs = ms) };
}

describe('the pace of fills', () => {
  it('stores many slices at once while nobody watches, and two while somebody does', async () => {
    const { pace, store, settle, endOne, running } = open();
    for (let i = 0; i < 20; i += 1) void store();
    await settle();
    expect(running()).toBe(16);
    pace.served(1);
    pace.decide();
    for (let i = 0; i < 14; i += 1) await endOne();
    expect(running()).toBe(2);
    await endOne();
    expect(running()).toBe(2);
    pace.decide();
    await settle();
    expect(running()).toBe(5);
  });

  it.each([
    ['the event loop is late', 50, 1],
    ['the disk is late', 0, 50],
  ])('pauses longer and longer while %s, and no longer than half a second', async (_why, loopMs, servedMs) => {
    const { pace, store, settle, endOne, sleeps, running, delay } = open();
    delay(loopMs);
    const pauses = [];
    for (let i = 0; i < 9; i += 1) {
      pace.served(servedMs);
      pace.decide();
      pauses.push(pace.pauseMs);
    }
    expect(pauses).toEqual([8, 16, 32, 64, 128, 256, 500, 500, 500]);
    for (let i = 0; i < 3; i += 1) void store();
    await settle();
    await endOne();
    expect([running(), sleeps[0]?.ms]).toEqual([1, 500]);
    sleeps[0]?.end();
    await settle();
    expect(running()).toBe(2);
    delay(0);
    pace.served(1);
    pace.decide();
    expect(pace.pauseMs).toBe(250);
    for (let i = 0; i < 6; i += 1) pace.decide();
    expect(pace.pauseMs).toBe(0);
  });

  it('does not pause for a late event loop while nobody watches', () => {
    const { pace, delay } = open();
    delay(500);
    pace.decide();
    expect(pace.pauseMs).toBe(0);
  });
});
