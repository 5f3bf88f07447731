import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { SegmentCache } from '../../shared/ports/segment-cache.ts';
import { makePuller } from './pull.ts';
import type { PullOutcome } from './pull-outcome.ts';
import { PullError, type PullErrorCode, type PullSource } from './upstream.ts';

const right = Buffer.from('the bytes that were published');
const slice = {
  index: 0,
  offset: 0,
  sizeBytes: right.length,
  sha256: createHash('sha256').update(right).digest('hex'),
};
const request = { assetId: 'a', key: 'a/v/f', slice, whole: true, loop: undefined };

type Answer = Buffer | PullErrorCode;

function setUp(sources: Record<string, readonly [PullOutcome, Answer]>) {
  const asked: string[] = [];
  const results: string[] = [];
  let nowMs = 1_000_000;
  const list = Object.entries(sources).map(([id, [outcome, answer]]): PullSource => {
    const give = (): Buffer => {
      asked.push(id);
      if (typeof answer === 'string') throw new PullError(answer, id);
      return answer;
    };
    return {
      id,
      outcome,
      readPart: async () => give(),
      readWhole: async () => ({ bytes: give(), sha256: null }),
      readGrowing: async () => ({ bytes: give(), sha256: null }),
    };
  });
  const written: string[] = [];
  const write: SegmentCache['write'] = async (key) => {
    written.push(key);
    return 'stored';
  };
  const puller = makePuller({
    cache: { write } as SegmentCache,
    clock: { now: () => nowMs, sleep: async () => {} },
    sourcesFor: () => list,
    report: { asked: (source, result) => results.push(`${source.id} ${result}`), notKept: () => {} },
    onStored: () => {},
  });
  const wait = (ms: number) => {
    nowMs += ms;
  };
  return { puller, asked, results, written, wait };
}

describe('pulling a slice', () => {
  it('asks two peers at most, then the shields, then the store', async () => {
    const { puller, asked } = setUp({
      p1: ['pull-peer', 'not-held'],
      p2: ['pull-peer', 'not-held'],
      p3: ['pull-peer', right],
      shield: ['pull-shield', 'failed'],
      store: ['pull-origin', right],
    });
    expect(await puller.pullSlice(request)).toEqual({ value: right, outcome: 'pull-origin' });
    expect(asked).toEqual(['p1', 'p2', 'shield', 'store']);
  });

  it('believes nobody’s bytes, and keeps only the right ones', async () => {
    const { puller, results, written } = setUp({
      shield: ['pull-shield', Buffer.from('the bytes that were publishes')],
      store: ['pull-origin', right],
    });
    expect((await puller.pullSlice(request)).outcome).toBe('pull-origin');
    expect(results).toEqual(['shield mismatch', 'store ok']);
    await expect.poll(() => written).toEqual(['a/v/f']);
  });

  it('takes the word of a shield that there is no such object', async () => {
    const { puller, asked } = setUp({ shield: ['pull-shield', 'not-found'], store: ['pull-origin', right] });
    await expect(puller.pullSlice(request)).rejects.toMatchObject({ code: 'not-found' });
    expect(asked).toEqual(['shield']);
  });

  it('lets a source that failed rest for a while, but not when it is the only one', async () => {
    const { puller, asked, wait } = setUp({ s1: ['pull-shield', 'failed'], s2: ['pull-shield', right] });
    for (let i = 0; i < 3; i += 1) await puller.pullSlice({ ...request, key: `a/v/${i}` });
    expect(asked).toEqual(['s1', 's2', 's2', 's2']);
    wait(6_000);
    await puller.pullSlice({ ...request, key: 'a/v/later' });
    expect(asked.slice(4)).toEqual(['s1', 's2']);

    const alone = setUp({ s1: ['pull-shield', 'failed'] });
    for (let i = 0; i < 2; i += 1)
      await expect(alone.puller.pullSlice(request)).rejects.toMatchObject({ code: 'failed' });
    expect(alone.asked).toEqual(['s1', 's1']);
  });

  it('fails for all who wait when it fails, and begins anew for the next', async () => {
    const { puller, asked } = setUp({ store: ['pull-origin', 'failed'] });
    const waiting = await Promise.allSettled(Array.from({ length: 5 }, () => puller.pullSlice(request)));
    expect(waiting.every(({ status }) => status === 'rejected')).toBe(true);
    expect(asked).toHaveLength(1);
    await expect(puller.pullSlice(request)).rejects.toMatchObject({ code: 'failed' });
    expect(asked).toHaveLength(2);
  });

  it('says so when there is nobody to ask', async () => {
    await expect(setUp({}).puller.pullSlice(request)).rejects.toMatchObject({ code: 'failed' });
  });
});

describe('pulling a manifest', () => {
  it('refuses one from an appliance without the digest that appliances state', async () => {
    const { puller, results } = setUp({ shield: ['pull-shield', right], store: ['pull-origin', right] });
    const whole = { assetId: 'a', key: 'a/v/asset.json', loop: undefined, keep: async () => {} };
    const accept = (bytes: Buffer) => bytes.toString();
    expect(await puller.pullWhole({ ...whole, accept })).toEqual({ value: right.toString(), outcome: 'pull-origin' });
    expect(results).toEqual(['shield mismatch', 'store ok']);
  });
});
