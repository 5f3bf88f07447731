import { expect, it } from 'vitest';
import { isId } from '../../shared/domain/keys.ts';
import { assetIdOfKey, makeAssetId } from './asset-id.ts';

it('ids sort by the time they were made and are all different', () => {
  const timesMs = [0, 1, Date.UTC(2026, 10, 20), Date.UTC(2026, 10, 20) + 1, Date.UTC(2300, 0, 1)];
  const ids = timesMs.map((nowMs) => makeAssetId({ now: () => nowMs }));
  expect([...ids].sort()).toEqual(ids);
  expect(ids.every((id) => isId(id) && id.length === 16)).toBe(true);
  const sameMoment = Array.from({ length: 1_000 }, () => makeAssetId({ now: () => 1_000 }));
  expect(new Set(sameMoment).size).toBe(1_000);
});

it('a key is always the same id, and never one that time makes', () => {
  expect(assetIdOfKey('a')).toBe(assetIdOfKey('a'));
  expect(assetIdOfKey('a')).not.toBe(assetIdOfKey('b'));
  expect(assetIdOfKey('Ω'.repeat(500))).toMatch(/^k[0-9a-z]{15}$/);
  expect(makeAssetId({ now: () => Date.UTC(2500, 0, 1) }) < 'k').toBe(true);
});
