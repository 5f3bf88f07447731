import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PolicyName, policies } from '../policies.ts';
import { hit, type PolicyFactory } from '../policy.ts';
import { replay } from '../replay.ts';
import { dayS, selectRegion, type Trace } from '../trace.ts';

const objects = 12;

const logs = fc.record({
  requests: fc.array(fc.nat({ max: objects - 1 }), { minLength: 1, maxLength: 120 }),
  sizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: objects, maxLength: objects }),
  capacityBytes: fc.integer({ min: 3, max: 40 }),
});

const traceOf = (requests: readonly number[], sizes: readonly number[], stepS = 60): Trace => ({
  times: Float64Array.from(requests, (_, place) => dayS + place * stepS),
  objects: Uint32Array.from(requests),
  regionOf: new Uint16Array(requests.length),
  bytes: null,
  sizes: Float64Array.from(sizes),
  regions: [''],
});

/** Which requests were hits. */
function hitsOf(factory: PolicyFactory, trace: Trace, capacityBytes: number): boolean[] {
  const hits: boolean[] = [];
  const spy: PolicyFactory = (input) => {
    const policy = factory(input);
    return {
      ...policy,
      request: (object, timeS, position) => {
        const answer = policy.request(object, timeS, position);
        hits.push(answer === hit);
        return answer;
      },
    };
  };
  replay(selectRegion(trace, null), spy, { capacityBytes, warmupDays: 0 });
  return hits;
}

interface Model {
  /** Objects held. The order is the model's own. */
  held: number[];
  onHit(object: number, place: number): void;
  /** The next to leave. */
  victim(place: number): number;
  add(object: number, place: number): void;
  readonly admission?: boolean;
}

/** The plainest cache there is: arrays, searched each time. */
function naive(make: (requests: readonly number[]) => Model, trace: Trace, capacityBytes: number): boolean[] {
  const requests = [...trace.objects];
  const model = make(requests);
  const size = (object: number): number => trace.sizes[object] ?? 0;
  const used = (): number => model.held.reduce((sum, object) => sum + size(object), 0);
  return requests.map((object, place) => {
    if (model.held.includes(object)) {
      model.onHit(object, place);
      return true;
    }
    if (size(object) > capacityBytes) return false;
    const evict = (): void => {
      const leaving = model.victim(place);
      model.held = model.held.filter((other) => other !== leaving);
    };
    if (model.admission) model.add(object, place);
    while (used() + (model.admission ? 0 : size(object)) > capacityBytes) evict();
    if (!model.admission) model.add(object, place);
    return false;
  });
}

const least = (held: readonly number[], key: (object: number) => number): number =>
  held.reduce((best, object) => (key(object) < key(best) ? object : best), held[0] ?? -1);

const models: Readonly<Partial<Record<PolicyName, (requests: readonly number[]) => Model>>> = {
  lru: () => {
    const model: Model = {
      held: [],
      onHit: (object) => {
        model.held = [...model.held.filter((other) => other !== object), object];
      },
      victim: () => model.held[0] ?? -1,
      add: (object) => model.held.push(object),
    };
    return model;
  },
  lfu: () => {
    const counts = new Map<number, number>();
    const lastUse = new Map<number, number>();
    const model: Model = {
      held: [],
      onHit: (object, place) => {
        counts.set(object, (counts.get(object) ?? 0) + 1);
        lastUse.set(object, place);
      },
      victim: () => least(model.held, (object) => (counts.get(object) ?? 0) * 1e6 + (lastUse.get(object) ?? 0)),
      add: (object, place) => {
        model.held.push(object);
        counts.set(object, 1);
        lastUse.set(object, place);
      },
    };
    return model;
  },
  sieve: () => {
    const visited = new Set<number>();
    let hand: number | null = null;
    const model: Model = {
      held: [],
      onHit: (object) => visited.add(object),
      victim: () => {
        let at = hand === null ? 0 : Math.max(0, model.held.indexOf(hand));
        while (visited.delete(model.held[at] ?? -1)) at = (at + 1) % model.held.length;
        hand = model.held[at + 1] ?? null;
        return model.held[at] ?? -1;
      },
      add: (object) => model.held.push(object),
    };
    return model;
  },
  belady: (requests) => {
    const nextUse = (object: number, place: number): number => {
      const next = requests.indexOf(object, place + 1);
      return next === -1 ? requests.length + object : next;
    };
    const model: Model = {
      held: [],
      admission: true,
      onHit: () => {},
      victim: (place) => least(model.held, (object) => -nextUse(object, place)),
      add: (object) => model.held.push(object),
    };
    return model;
  },
};

describe('policies against their plainest form', () => {
  it.each(Object.entries(models))('%s hits the same requests', (name, model) => {
    fc.assert(
      fc.property(logs, ({ requests, sizes, capacityBytes }) => {
        const trace = traceOf(requests, sizes);
        const hits = hitsOf(policies[name as PolicyName], trace, capacityBytes);
        expect(hits).toEqual(naive(model, trace, capacityBytes));
      }),
    );
  });

  it('lrfu ranks by decayed counts, and keeps those of what has left', () => {
    fc.assert(
      fc.property(logs, ({ requests, sizes, capacityBytes }) => {
        const trace = traceOf(requests, sizes, 7_919);
        const countOf = (object: number, place: number): number =>
          requests
            .slice(0, place + 1)
            .reduce((sum, other, at) => sum + (other === object ? 2 ** (((at - place) * 7_919) / dayS) : 0), 0);
        const model = (): Model => {
          const own: Model = {
            held: [],
            admission: true,
            onHit: () => {},
            victim: (place) => least(own.held, (object) => countOf(object, place)),
            add: (object) => own.held.push(object),
          };
          return own;
        };
        // Equal counts may be told apart by rounding: only logs without them are compared.
        const hasTies = requests.some((_, place) => {
          const counts = [...new Set(requests.slice(0, place + 1))].map((object) => countOf(object, place));
          counts.sort((a, b) => a - b);
          return counts.some((count, at) => at > 0 && Math.abs(count / (counts[at - 1] ?? 1) - 1) < 1e-9);
        });
        fc.pre(!hasTies);
        expect(hitsOf(policies.lrfu, trace, capacityBytes)).toEqual(naive(model, trace, capacityBytes));
      }),
    );
  });
});

const pulling = (Object.keys(policies) as PolicyName[]).filter((name) => !name.startsWith('push'));

describe.each(pulling)('%s', (name) => {
  it('never holds more than its capacity, nor what it never stored or pushed', () => {
    fc.assert(
      fc.property(logs, ({ requests, sizes, capacityBytes }) => {
        const held = new Set<number>();
        const size = (object: number): number => sizes[object] ?? 0;
        const selection = selectRegion(traceOf(requests, sizes, 1_800), null);
        const policy: PolicyFactory = (input) => {
          const inner = policies[name]({
            ...input,
            ledger: {
              ...input.ledger,
              push: (object) => held.add(object),
              evict: (object) => held.delete(object),
            },
          });
          return {
            ...inner,
            request: (object, timeS, position) => {
              const wasHeld = held.has(object);
              const answer = inner.request(object, timeS, position);
              expect(answer === hit).toBe(wasHeld);
              if (answer === 1) held.add(object);
              expect([...held].reduce((sum, each) => sum + size(each), 0)).toBeLessThanOrEqual(capacityBytes);
              return answer;
            },
          };
        };
        replay(selection, policy, { capacityBytes, warmupDays: 0 });
      }),
      { numRuns: 60 },
    );
  });

  it('misses only first requests when everything fits', () => {
    const requests = Array.from({ length: 300 }, (_, place) => (place * 7) % objects);
    const hits = hitsOf(policies[name], traceOf(requests, new Array<number>(objects).fill(1)), 10_000);
    expect(hits.filter((each) => !each)).toHaveLength(objects);
  });
});

describe('nightly pushes', () => {
  /** Day 1: object 0 three times, 1 twice, 2 once. Day 2: only 2, twice. */
  const trace: Trace = {
    times: Float64Array.from([0, 1, 2, 3, 4, 5, dayS, dayS + 1], (s) => dayS + s),
    objects: Uint32Array.of(0, 0, 0, 1, 1, 2, 2, 2),
    regionOf: new Uint16Array(8),
    bytes: null,
    sizes: Float64Array.of(10, 10, 10),
    regions: [''],
  };
  const run = (name: PolicyName, capacityBytes: number) =>
    replay(selectRegion(trace, null), policies[name], { capacityBytes, warmupDays: 1 });

  it('push-yesterday pushes what the day before asked for most', () => {
    expect(run('push-yesterday', 20)).toMatchObject({ byteHitRatio: 0, fillBytes: 20 });
    expect(run('push-yesterday', 30)).toMatchObject({ byteHitRatio: 1, fillBytes: 30 });
  });

  it('push-oracle pushes what the day itself asks for most', () => {
    expect(run('push-oracle', 10)).toMatchObject({ byteHitRatio: 1, fillBytes: 10, wastedFillBytes: 0 });
  });
});
