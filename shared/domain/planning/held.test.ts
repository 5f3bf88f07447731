import { describe, expect, it } from 'vitest';
import { appliance } from '../../testing/plan-case.ts';
import { makeShelves } from './held.ts';

describe('what lies on an appliance', () => {
  const shelves = makeShelves([
    {
      appliance: appliance('e0', 1_000),
      inventory: [
        { key: 'ab/v1/low/0.m4s', heldBytes: 10 },
        { key: 'a/v1/low/1.m4s', heldBytes: 20 },
        { key: 'a/v0/low/0.m4s', heldBytes: 30 },
        { key: 'a/v1/low/gone.m4s', heldBytes: 40 },
      ],
    },
    { appliance: appliance('e1', 1_000), inventory: [] },
  ]);
  const version = { assetId: 'a', version: 'v1', paths: ['asset.json', 'low/0.m4s', 'low/1.m4s'] };

  it('is found by title, version and path', () => {
    const places = shelves.placesOf('e0', version);
    expect([...(places ?? [])]).toEqual([-1, -1, 1]);
    expect(shelves.keyAt('e0', 1)).toBe('a/v1/low/1.m4s');
    expect(shelves.heldBytes('e0', 1)).toBe(20);
    expect(shelves.heldBytes('e0', -1)).toBe(0);
  });

  it('is nothing of a version of which only others lie there', () => {
    expect(shelves.placesOf('e0', { ...version, version: 'v2' })).toBeNull();
    expect(shelves.placesOf('e0', { ...version, assetId: 'b' })).toBeNull();
    expect(shelves.placesOf('e1', version)).toBeNull();
    expect(shelves.placesOf('e2', version)).toBeNull();
  });

  it('is full where only the gap is free that a large file left', () => {
    const isFull = (...sizes: number[]) =>
      makeShelves([
        {
          appliance: appliance('e0', 1_000),
          inventory: sizes.map((heldBytes, at) => ({ key: `a/v1/${at}`, heldBytes })),
        },
      ]).isFull('e0');
    const small = (bytes: number) => Array.from({ length: bytes / 10 }, () => 10);
    expect(isFull(...small(960))).toBe(true);
    expect(isFull(...small(880))).toBe(false);
    expect(isFull(...small(780), 100)).toBe(true);
    expect(isFull(...small(640), 100)).toBe(false);
    expect(isFull(600)).toBe(false);
  });
});
