import { beforeEach, describe, expect, it } from 'vitest';
import type { TopUp } from '../../ports/segment-cache.ts';
import { makePulledSlices, type PulledSlices } from './pulled-slices.ts';
import { type HeldSlice, makeSliceIndex } from './slice-index.ts';

const clock = { ms: Date.parse('2026-11-20T10:00:00Z'), now: () => clock.ms };
const nothing = { index: 0, sizeBytes: 10 };

/** The rules with an index around them, as the cache has it, without a disk. */
function open(options: { saved?: ReturnType<PulledSlices['save']>; mostAbsent?: number; capacityBytes?: number } = {}) {
  const { saved = null, capacityBytes = 100, ...rest } = options;
  const index = makeSliceIndex();
  const evicted: string[] = [];
  let files = 0;
  const drop = (slice: HeldSlice) => index.remove(slice) && pulled.drop(slice);
  const onEvict = (slice: HeldSlice) => {
    evicted.push(slice.object.key);
    drop(slice);
  };
  const pulled = makePulledSlices({ index, clock, isPlanned: () => false, onEvict, onRound: () => {}, saved, ...rest });
  pulled.setCapacity(capacityBytes);
  const put = (key: string, sizeBytes = 10) => {
    const offer = pulled.offer({ key, index: 0 }, sizeBytes);
    if (typeof offer === 'string') return offer;
    files += 1;
    pulled.arrive(index.add(key, 0, { sizeBytes, fileId: files, crc: 0 }), offer);
    return 'stored';
  };
  const ask = (key: string, times: number) => {
    const slice = index.get(key, 0);
    for (let i = 0; i < times; i += 1)
      if (slice) pulled.asked(slice, 10);
      else pulled.missed(key, nothing, 10);
  };
  return { pulled, index, evicted, put, ask, drop };
}

describe('pulled slices', () => {
  beforeEach(() => {
    clock.ms = Date.parse('2026-11-20T10:00:00Z');
  });

  it('weighs what was asked for before each decision, a part as a part', () => {
    const { put, ask, pulled, index, evicted } = open({ capacityBytes: 20 });
    put('a/v/1');
    put('a/v/2');
    ask('a/v/1', 5);
    const slice = index.get('a/v/2', 0);
    for (let i = 0; i < 10 && slice; i += 1) pulled.asked(slice, 1);
    ask('a/v/3', 3);
    expect(put('a/v/3')).toBe('stored');
    expect(evicted).toEqual(['a/v/2']);
    expect(put('a/v/4')).toBe('worth-less');
    expect(put('a/v/huge', 21)).toBe('no-room');
  });

  it('keeps a manifest as long as something of its version is asked for', () => {
    const { put, ask, evicted } = open({ capacityBytes: 30 });
    for (const key of ['a/v/asset.json', 'a/v/1']) put(key);
    for (let i = 0; i < 5; i += 1) {
      ask('a/v/1', 1);
      clock.ms += 1_000;
      put(`b/v/${i}`);
      put(`c/v/${i}`);
    }
    expect(evicted).not.toContain('a/v/asset.json');
    expect(evicted).not.toContain('a/v/1');
    expect(evicted.length).toBeGreaterThan(3);
  });

  it('goes on after a restart with what it knew, whatever the clock did meanwhile', () => {
    const first = open({ capacityBytes: 30 });
    for (const key of ['a/v/1', 'a/v/2', 'a/v/3']) first.put(key);
    first.ask('a/v/2', 50);
    first.ask('a/v/absent', 20);
    const saved = first.pulled.save();
    clock.ms -= 86_400_000;
    const second = open({ saved, capacityBytes: 30 });
    for (const [at, key] of ['a/v/1', 'a/v/2', 'a/v/3'].entries()) {
      const slice = second.index.add(key, 0, { sizeBytes: 10, fileId: at + 1, crc: 0 });
      second.pulled.meet(slice);
      second.pulled.keepByValue(slice);
    }
    second.pulled.settle();
    second.pulled.setCapacity(10);
    expect(second.evicted.sort()).toEqual(['a/v/1', 'a/v/3']);
    // Its demand of before counts; something new would not be worth the place.
    second.pulled.setCapacity(20);
    expect(second.put('a/v/absent')).toBe('stored');
    expect(second.put('a/v/new')).toBe('worth-less');
  });

  it('knows no more absent slices than it may, and forgets those that nobody asked for lately', () => {
    const { ask, pulled } = open({ mostAbsent: 50 });
    for (let i = 0; i < 2_000; i += 1) {
      ask(`old/v/${i}`, 1);
      if (i % 10 === 0) {
        clock.ms += 60_000;
        ask('hot/v/1', 1);
        pulled.offer({ key: 'x/v/big', index: 0 }, 100);
      }
    }
    const names = [...pulled.save().numbers.names];
    expect(names.length).toBeLessThan(70);
    expect(names.filter((name) => name !== '').length).toBeLessThanOrEqual(52);
    expect(names).toContain('hot/v/1#0');
  });

  it('gives the numbers of what left between saving and starting to others, without their demand', () => {
    const first = open({ capacityBytes: 30 });
    for (const key of ['a/v/1', 'a/v/2']) first.put(key);
    first.ask('a/v/2', 50);
    const second = open({ saved: first.pulled.save(), capacityBytes: 10 });
    const slice = second.index.add('a/v/1', 0, { sizeBytes: 10, fileId: 1, crc: 0 });
    second.pulled.meet(slice);
    second.pulled.settle();
    expect(second.pulled.save().numbers.files).toEqual(Float64Array.of(1, 0));
    second.ask('b/v/1', 1);
    expect(second.put('b/v/1')).toBe('stored');
    expect(second.put('c/v/1')).toBe('stored');
    expect(second.evicted).toEqual(['b/v/1']);
  });

  it('gives up the place of what does not come, and knows what was lost on the way', () => {
    const { pulled, put } = open({ capacityBytes: 10 });
    const coming = pulled.offer({ key: 'a/v/1', index: 0 }, 10);
    if (typeof coming === 'string') throw new Error(coming);
    expect(pulled.usedBytes).toBe(10);
    pulled.cancel(coming);
    expect([pulled.usedBytes, put('a/v/2')]).toEqual([0, 'stored']);
    const other = open({ capacityBytes: 10 });
    const lost = other.pulled.offer({ key: 'a/v/1', index: 0 }, 10);
    other.pulled.setCapacity(5);
    expect(lost).toMatchObject({ isLost: true });
    expect(other.pulled.usedBytes).toBe(0);
  });

  it('asks nobody to push before it is told how', () => {
    const pushed: string[] = [];
    const topUp: TopUp = { budgetBytes: () => 1e9, mayPush: () => true, push: (key) => pushed.push(key) };
    const { pulled } = open();
    pulled.seenElsewhere('a/v/1', nothing, 100);
    pulled.setTopUp(topUp);
    expect(pushed).toEqual([]);
  });
});
