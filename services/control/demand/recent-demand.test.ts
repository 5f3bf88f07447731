import { expect, it } from 'vitest';
import { makeRecentDemand, spanMs } from './recent-demand.ts';

const clock = { ms: 1_000 * spanMs, now: () => clock.ms };
const row = (assetId: string, bytes: number) => ({ assetId, bytes });

it('tells what other regions asked for, once, when its span is over, and for half an hour', () => {
  const recent = makeRecentDemand(clock);
  const told = (region: string, afterMs = 0) => Object.fromEntries(recent.elsewhere(region, afterMs).bytes);
  recent.add('berlin', [row('a', 5), row('b', 1), row('c', 0)]);
  recent.add('berlin', [row('a', 5)]);
  recent.add('madrid', [row('a', 100)]);
  expect(told('paris')).toEqual({});
  clock.ms += spanMs;
  expect(told('paris')).toEqual({ a: 110, b: 1 });
  expect(told('berlin')).toEqual({ a: 100 });
  const { untilMs } = recent.elsewhere('paris', 0);
  expect(told('paris', untilMs)).toEqual({});
  recent.add('berlin', [row('d', 7)]);
  expect(told('paris', untilMs)).toEqual({});
  clock.ms += spanMs;
  expect(told('paris', untilMs)).toEqual({ d: 7 });
  clock.ms += 7 * spanMs;
  recent.add('berlin', []);
  expect(told('paris')).toEqual({});
});
