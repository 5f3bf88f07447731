import { describe, expect, it } from 'vitest';
import { reconnectAfterMs, redisOptionsOf } from './connection.ts';

describe('redisOptionsOf', () => {
  it.each([
    ['redis://127.0.0.1', { host: '127.0.0.1', port: 6379 }],
    ['redis://redis.internal:6380/2', { host: 'redis.internal', port: 6380, db: 2 }],
    ['redis://[::1]:6379', { host: '::1', port: 6379 }],
    ['redis://:p%40ss@r', { host: 'r', port: 6379, password: 'p@ss' }],
    ['rediss://user:secret@r:6380', { host: 'r', port: 6380, username: 'user', password: 'secret', tls: {} }],
    ['redis+unix:///run/redis.sock', { path: '/run/redis.sock' }],
    ['redis+unix:///run/with%20space.sock?db=3', { path: '/run/with space.sock', db: 3 }],
    ['/run/redis.sock', { path: '/run/redis.sock' }],
  ])('reads %s', (url, options) => {
    expect(redisOptionsOf(url)).toEqual(options);
  });

  it.each(['', 'localhost:6379', 'http://localhost', 'redis://r/one'])('refuses "%s"', (url) => {
    expect(() => redisOptionsOf(url)).toThrow(/Redis/);
  });
});

it('waits ever longer between attempts, two seconds at most', () => {
  const pauses = [1, 2, 3, 10, 1_000].map(reconnectAfterMs);
  expect(pauses).toEqual([50, 100, 200, 2_000, 2_000]);
});
