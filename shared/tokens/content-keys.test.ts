import { describe, expect, it } from 'vitest';
import { contentKeyOf, contentKeysOf, parseContentSecrets } from './content-keys.ts';

const first = 'a'.repeat(32);
const second = 'b'.repeat(40);
const name = { assetId: 'a1', version: 'v1' };

describe('content keys', () => {
  it('are the same each time, and others for another kind, version, asset or secret', () => {
    const [secret, other] = parseContentSecrets(`${first}, ${second}`);
    if (!secret || !other) throw new Error('two secrets were given');
    const key = contentKeyOf(secret, name, 'video');
    expect(contentKeyOf(secret, name, 'video')).toEqual(key);
    expect([key.key.length, key.iv.length, key.id]).toEqual([16, 16, expect.stringMatching(/^[0-9a-f]{32}$/)]);
    const others = [
      contentKeyOf(secret, name, 'audio'),
      contentKeyOf(secret, { ...name, version: 'v2' }, 'video'),
      contentKeyOf(secret, { ...name, assetId: 'a2' }, 'video'),
      contentKeyOf(other, name, 'video'),
    ];
    for (const { key: bytes } of others) expect(bytes).not.toEqual(key.key);
  });

  it('are found by the secret that a manifest names, also after another came before it', () => {
    const [old] = parseContentSecrets(first);
    const manifest = {
      scheme: 'cbcs',
      secretId: old?.id ?? '',
      keys: [{ id: 'x', kind: 'video' }],
    } as const;
    const found = contentKeysOf(parseContentSecrets(`${second},${first}`), name, manifest);
    expect(found?.[0]?.key).toEqual(old && contentKeyOf(old, name, 'video').key);
    expect(contentKeysOf(parseContentSecrets(second), name, manifest)).toBeNull();
  });

  it('need secrets of some length, which are not repeated in what is said', () => {
    expect(parseContentSecrets('')).toEqual([]);
    expect(() => parseContentSecrets('short-one')).toThrow(/NIGHTFILL_CONTENT_SECRET/);
    expect(() => parseContentSecrets('short-one')).not.toThrow(/short-one/);
  });
});
