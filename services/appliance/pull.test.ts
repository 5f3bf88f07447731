import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { SegmentCache } from '../../shared/ports/segment-cache.ts';
import { makePuller, type SliceRequest, type Waiter } from './pull.ts';
import type { PullOutcome } from './pull-outcome.ts';
import type { PullReport } from './pulling/report.ts';
import { makeVirtualClock } from './testing/virtual-clock.ts';
import { type Attempt, PullError, type PullErrorCode, type PullSource } from './upstream.ts';

const right = Buffer.from('the bytes that were published');
const slice = {
  index: 0,
  offset: 0,
  sizeBytes: right.length,
  sha256: createHash('sha256').update(right).digest('hex'),
};
const request = { assetId: 'a', key: 'a/v/f', slice, whole: true, loop: undefined };

const quiet: PullReport = {
  asked: () => {},
  notKept: () => {},
  retried: () => {},
  hedged: () => {},
  hedgeWon: () => {},
  refusedFromMemory: () => {},
  breaker: () => {},
  abandoned: () => {},
};

/** What it sends, or how it fails; after a while, where it takes one. */
type Answer = Buffer | PullErrorCode | PullError | { readonly afterMs: number; readonly gives: Buffer | PullErrorCode };

function setUp(sources: Record<string, readonly [PullOutcome, Answer | (() => Answer)]>) {
  const asked: string[] = [];
  const results: string[] = [];
  const told: string[] = [];
  const clock = makeVirtualClock();
  const list = Object.entries(sources).map(([id, [outcome, script]]): PullSource => {
    async function give(attempt: Attempt | undefined): Promise<Buffer> {
      asked.push(id);
      const answer = typeof script === 'function' ? script() : script;
      const late = typeof answer === 'object' && 'afterMs' in answer;
      if (late) await clock.sleep(answer.afterMs, attempt?.signal);
      const result = late ? answer.gives : answer;
      if (result instanceof PullError) throw result;
      if (typeof result === 'string') throw new PullError(result, id);
      attempt?.headArrived();
      attempt?.arrived(result.length);
      return result;
    }
    return {
      id,
      outcome,
      readPart: ({ attempt }) => give(attempt),
      readWhole: async ({ attempt }) => ({ bytes: await give(attempt), sha256: null }),
      readGrowing: async ({ attempt }) => ({ bytes: await give(attempt), sha256: null }),
    };
  });
  const written: string[] = [];
  const write: SegmentCache['write'] = async (key) => {
    written.push(key);
    return 'stored';
  };
  const puller = makePuller({
    cache: { write } as SegmentCache,
    clock,
    sourcesFor: () => list,
    report: {
      ...quiet,
      asked: (source, result) => results.push(`${source.id} ${result}`),
      retried: () => told.push('retried'),
      hedged: () => told.push('hedged'),
      hedgeWon: () => told.push('hedge won'),
      refusedFromMemory: (code) => told.push(`remembered ${code}`),
      breaker: (id, state) => told.push(`${id} ${state}`),
      abandoned: (end) => told.push(`abandoned ${end}`),
    },
    onStored: () => {},
  });
  /** The pull's end as soon as time has done its work. */
  async function pull(over: Partial<SliceRequest> = {}): Promise<string> {
    const ending = puller.pullSlice({ ...request, ...over }).then(
      ({ outcome, how }) => (how ? `${outcome} ${how}` : outcome),
      (error: unknown) => (error instanceof PullError ? error.code : String(error)),
    );
    await clock.advance(200);
    return ending;
  }
  return { puller, pull, asked, results, told: () => told.filter((one) => !one.endsWith(' closed')), written, clock };
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
    expect(await puller.pullSlice(request)).toMatchObject({ value: right, outcome: 'pull-origin' });
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

  it('asks a source that failed last for a while', async () => {
    const { pull, asked, clock } = setUp({ s1: ['pull-shield', 'failed'], s2: ['pull-shield', right] });
    for (let i = 0; i < 3; i += 1) await pull({ key: `a/v/${i}` });
    expect(asked).toEqual(['s1', 's2', 's2', 's2']);
    await clock.advance(6_000);
    await pull({ key: 'a/v/later' });
    expect(asked.slice(4)).toEqual(['s1', 's2']);
  });

  it('fails for all who wait when it fails, and begins anew for the next', async () => {
    const { puller, asked, clock } = setUp({ store: ['pull-origin', 'timed-out'] });
    const waiting = Promise.allSettled(Array.from({ length: 5 }, () => puller.pullSlice(request)));
    await clock.advance(0);
    expect((await waiting).every(({ status }) => status === 'rejected')).toBe(true);
    expect(asked).toHaveLength(1);
    await expect(puller.pullSlice(request)).rejects.toMatchObject({ code: 'timed-out' });
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
    expect(await puller.pullWhole({ ...whole, accept })).toMatchObject({
      value: right.toString(),
      outcome: 'pull-origin',
    });
    expect(results).toEqual(['shield mismatch', 'store ok']);
  });
});

describe('an upstream in trouble', () => {
  it('that refused once is asked once more when there is nobody else', async () => {
    let failures = 1;
    const flapping = () => (failures-- > 0 ? 'failed' : right);
    const { pull, asked, told } = setUp({ store: ['pull-origin', flapping] });
    expect(await pull()).toBe('pull-origin retried');
    expect([asked, told()]).toEqual([['store', 'store'], ['retried']]);
  });

  it('that says when to come again is not asked before, and its word is passed on', async () => {
    const busy = new PullError('failed', 'too much to do', { retryAfterS: 7 });
    const { puller, asked } = setUp({ s1: ['pull-shield', busy] });
    await expect(puller.pullSlice(request)).rejects.toMatchObject({ code: 'failed', retryAfterS: 7 });
    expect(asked).toEqual(['s1']);
  });

  it('is left alone after a few failures, tried now and then, and used again when it works', async () => {
    let works = false;
    const { pull, asked, told, clock, puller } = setUp({ store: ['pull-origin', () => (works ? right : 'failed')] });
    for (let i = 0; i < 100; i += 1) expect(await pull({ key: `a/v/${i}` })).toBe('failed');
    // 20 s of failing requests, five a second.
    expect(asked.length).toBeLessThan(25);
    expect(puller.resting()).toEqual(['store']);
    await expect(puller.pullSlice(request)).rejects.toMatchObject({ retryAfterS: expect.any(Number) });
    works = true;
    await clock.advance(30_000);
    expect(await pull()).toBe('pull-origin');
    expect(told().at(-1)).toBe('store half-open');
    expect(puller.resting()).toEqual([]);
  });

  it('does not multiply an outage: retries are a small share of what is asked', async () => {
    let turn = 0;
    // A third fails: too little for the breaker.
    const { pull, asked, told } = setUp({ store: ['pull-origin', () => (turn++ % 3 === 0 ? 'failed' : right)] });
    for (let i = 0; i < 300; i += 1) await pull({ key: `a/v/${i}` });
    const retried = told().filter((one) => one === 'retried').length;
    expect(retried).toBeGreaterThan(10);
    expect(asked.length).toBe(300 + retried);
    expect(retried).toBeLessThanOrEqual(300 * 0.15);
  });

  it('is not blamed for one damaged object, but for sending nothing right', async () => {
    const wrong = Buffer.from('other bytes');
    const { pull, told, clock } = setUp({ store: ['pull-origin', wrong] });
    for (let i = 0; i < 40; i += 1) {
      expect(await pull()).toBe('mismatch');
      await clock.advance(300);
    }
    expect(told().every((one) => one === 'remembered mismatch')).toBe(true);
    for (let i = 0; i < 40; i += 1) await pull({ key: `a/v/${i}` });
    expect(told()).toContain('store open');
  });

  it('that is slower than it uses to be is raced with the next, and the slower one is cancelled', async () => {
    let slow = false;
    const answer = () => ({ afterMs: slow ? 5_000 : 20, gives: right });
    const { puller, pull, results, told, clock } = setUp({ s1: ['pull-shield', answer], s2: ['pull-shield', right] });
    for (let i = 0; i < 20; i += 1) expect(await pull({ key: `a/v/${i}` })).toBe('pull-shield');
    slow = true;
    expect(await pull()).toBe('pull-shield hedged');
    expect(results.slice(-2)).toEqual(['s2 ok', 's1 cancelled']);
    expect(told()).toEqual(['hedged', 'hedge won']);
    // All is slow: a few more are raced, not each.
    const many = Array.from({ length: 30 }, (_, i) => puller.pullSlice({ ...request, key: `a/w/${i}` }));
    await clock.advance(6_000);
    await Promise.all(many);
    expect(told().filter((one) => one === 'hedged').length).toBeLessThanOrEqual(6);
  });

  it('is raced with itself only where it is the last, and known to be quicker', async () => {
    let slow = true;
    const answer = () => ({ afterMs: slow ? 1_000 : 20, gives: right });
    const { puller, pull, asked, clock } = setUp({ store: ['pull-origin', answer] });
    const first = puller.pullSlice(request);
    await clock.advance(1_000);
    expect((await first).how).toBeNull();
    slow = false;
    for (let i = 0; i < 20; i += 1) await pull({ key: `a/v/${i}` });
    expect(asked).toHaveLength(21);
  });

  it('says once in a while that a slice is not there; of a manifest, which may appear, nothing is remembered', async () => {
    const { pull, asked, puller, told, clock } = setUp({ store: ['pull-origin', 'not-found'] });
    for (let i = 0; i < 4; i += 1) expect(await pull()).toBe('not-found');
    expect(asked).toHaveLength(1);
    expect(told()).toEqual(Array(3).fill('remembered not-found'));
    await clock.advance(1_000);
    await pull();
    expect(asked).toHaveLength(2);
    const document = { assetId: 'a', key: 'a/v/asset.json', loop: undefined, accept: () => 1, keep: async () => {} };
    for (let i = 0; i < 3; i += 1)
      await expect(puller.pullWhole(document)).rejects.toMatchObject({ code: 'not-found' });
    expect(asked).toHaveLength(5);
  });
});

describe('a pull that is left', () => {
  const waiter = (): Waiter => ({ isOver: false, leave: undefined });

  it('is cancelled when nothing of it is here, and the next one begins anew', async () => {
    const { puller, results, told, clock, pull } = setUp({ store: ['pull-origin', { afterMs: 100, gives: right }] });
    const one = waiter();
    const leaving = expect(puller.pullSlice({ ...request, waiter: one })).rejects.toMatchObject({ code: 'abandoned' });
    await clock.advance(50);
    one.leave?.();
    await leaving;
    expect([told(), results]).toEqual([['abandoned cancelled'], ['store cancelled']]);
    expect(await pull()).toBe('pull-origin');
  });

  it('goes on while one still waits, and when more than one had asked', async () => {
    const { puller, told, written, clock } = setUp({ store: ['pull-origin', { afterMs: 100, gives: right }] });
    const [one, other] = [waiter(), waiter()];
    const both = Promise.all([one, other].map((each) => puller.pullSlice({ ...request, waiter: each })));
    await clock.advance(10);
    one.leave?.();
    expect(told()).toEqual([]);
    other.leave?.();
    expect(told()).toEqual(['abandoned finished']);
    await clock.advance(100);
    expect((await both).map(({ outcome }) => outcome)).toEqual(['pull-origin', 'coalesced']);
    expect(written).toHaveLength(1);
  });

  it('is not begun for somebody who has left already', async () => {
    const { puller, asked } = setUp({ store: ['pull-origin', right] });
    const gone = { isOver: true, leave: undefined };
    await expect(puller.pullSlice({ ...request, waiter: gone })).rejects.toMatchObject({ code: 'abandoned' });
    expect(asked).toEqual([]);
  });
});

describe('bytes that are here', () => {
  it('go to all who wait and to who comes later, before they are stored', async () => {
    const { promise: disk, resolve: finish } = Promise.withResolvers<void>();
    const source: PullSource = {
      id: 'store',
      outcome: 'pull-origin',
      readPart: async () => right,
      readWhole: async () => ({ bytes: right, sha256: null }),
      readGrowing: async () => 'unchanged',
    };
    const puller = makePuller({
      cache: { write: () => disk.then(() => 'stored' as const) } as unknown as SegmentCache,
      clock: makeVirtualClock(),
      sourcesFor: () => [source],
      report: quiet,
      onStored: () => {},
    });
    const early = await Promise.all([1, 2, 3].map(() => puller.pullSlice(request)));
    const late = await Promise.all([1, 2, 3].map(() => puller.pullSlice(request)));
    expect([...early, ...late].map(({ outcome }) => outcome)).toEqual([
      ...['pull-origin', 'coalesced', 'coalesced'],
      ...['hit-memory', 'hit-memory', 'hit-memory'],
    ]);
    finish();
    await early[0]?.settled;
  });
});
