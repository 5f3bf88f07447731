import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeS3Fifo } from './s3-fifo.ts';

interface Entry {
  readonly name: string;
  readonly sizeBytes: number;
}
const makeQueue = () => makeS3Fifo<Entry>({ nameOf: ({ name }) => name, maxGhosts: 100 });

/** A cache of `capacity` entries of one byte, driven by names; returns the share of hits. */
function hitRatio(capacity: number, requests: Iterable<string>): number {
  const queue = makeQueue();
  const held = new Map<string, Entry>();
  let hits = 0;
  let total = 0;
  for (const name of requests) {
    total += 1;
    const found = held.get(name);
    if (found) {
      hits += 1;
      queue.touch(found);
      continue;
    }
    if (held.size === capacity) held.delete(queue.evict()?.name ?? '');
    const entry = { name, sizeBytes: 1 };
    held.set(name, entry);
    queue.add(entry);
  }
  return hits / total;
}

describe('S3-FIFO', () => {
  it('keeps a hot set through a scan that would flush an LRU', () => {
    function* requests() {
      for (let round = 0; round < 200; round += 1) {
        for (let hot = 0; hot < 20; hot += 1) yield `hot-${hot}`;
        for (let cold = 0; cold < 80; cold += 1) yield `cold-${round}-${cold}`;
      }
    }
    expect(hitRatio(50, requests())).toBeGreaterThan(0.19);
  });

  it('lets in what comes back although it was sent away', () => {
    function* requests() {
      for (let i = 0; i < 1_000; i += 1) {
        yield `day-${Math.floor(i / 100)}-${i % 10}`;
        yield `once-${i}`;
      }
    }
    expect(hitRatio(20, requests())).toBeGreaterThan(0.3);
  });

  it('knows the bytes and entries that it holds, whatever is done to it', () => {
    const step = fc.record({ act: fc.constantFrom('add', 'touch', 'remove', 'evict'), at: fc.nat({ max: 20 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = makeQueue();
        const entries = Array.from({ length: 21 }, (_, i) => ({ name: String(i), sizeBytes: i }));
        const model = new Set<Entry>();
        for (const { act, at } of steps) {
          const entry = entries[at];
          if (!entry) continue;
          if (act === 'add') {
            queue.add(entry);
            model.add(entry);
          } else if (act === 'touch') queue.touch(entry);
          else if (act === 'remove') {
            queue.remove(entry);
            model.delete(entry);
          } else {
            const victim = queue.evict();
            expect(victim === null).toBe(model.size === 0);
            if (victim) expect(model.delete(victim)).toBe(true);
          }
          expect(queue.count).toBe(model.size);
          expect(queue.sizeBytes).toBe([...model].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
        }
      }),
    );
  });
});
