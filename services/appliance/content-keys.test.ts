import { describe, expect, it } from 'vitest';
import { type ContentKeys, makeContentKeys } from './content-keys.ts';
import { ControlRefusal } from './control-client.ts';

const film = { assetId: 'film', version: 'v1' };
const id = '0'.repeat(32);
const key = Buffer.alloc(16, 7);

function setUp() {
  let nowMs = 0;
  let asked = 0;
  let answer: () => Promise<unknown> = async () => ({ keys: [{ id, key: key.toString('base64url') }] });
  const contentKeys: ContentKeys = makeContentKeys({
    control: {
      contentKeys: () => {
        asked += 1;
        return answer();
      },
    },
    clock: { now: () => nowMs, sleep: async () => {} },
    freshMs: 1_000,
    keepMs: 60_000,
  });
  return {
    get: async () => (await contentKeys.of(film)).get(id),
    asked: () => asked,
    pass: (ms: number) => {
      nowMs += ms;
    },
    fail: (error: Error) => {
      answer = () => Promise.reject(error);
    },
  };
}

describe('keys of encrypted versions', () => {
  it('are asked for once by many, and again when some time has passed', async () => {
    const keys = setUp();
    expect(await Promise.all([keys.get(), keys.get(), keys.get()])).toEqual([key, key, key]);
    expect(keys.asked()).toBe(1);
    keys.pass(999);
    await keys.get();
    expect(keys.asked()).toBe(1);
    keys.pass(1);
    await keys.get();
    expect(keys.asked()).toBe(2);
  });

  it('serve on while control is away, but not for ever', async () => {
    const keys = setUp();
    await keys.get();
    keys.fail(new Error('connection refused'));
    keys.pass(59_000);
    expect(await keys.get()).toEqual(key);
    keys.pass(1_000);
    await expect(keys.get()).rejects.toMatchObject({ code: 'keys-unavailable', statusCode: 503 });
  });

  it('are forgotten when control refuses them', async () => {
    const keys = setUp();
    await keys.get();
    keys.pass(1_000);
    keys.fail(new ControlRefusal(403, 'disabled'));
    await expect(keys.get()).rejects.toMatchObject({ code: 'not-found' });
    keys.fail(new Error('connection refused'));
    await expect(keys.get()).rejects.toMatchObject({ code: 'keys-unavailable' });
  });
});
