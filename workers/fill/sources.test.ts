import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { ApplianceView } from '../../shared/domain/fleet.ts';
import { type ObjectStore, ObjectStoreError } from '../../shared/ports/object-store.ts';
import { makeTestAppliance } from '../../shared/testing/published.ts';
import { makeSources } from './sources.ts';

const view = (id: string, changes: Partial<ApplianceView> = {}): ApplianceView => ({
  ...makeTestAppliance(id, 'far', 'http://127.0.0.1:9'),
  health: 'healthy',
  status: null,
  ...changes,
});
const never = new AbortController().signal;
const key = 'a/v1/0.m4s';

/** Appliances that hold what is listed, and an object store that is there, empty or away. */
function place(held: Readonly<Record<string, readonly string[]>>, store: 'there' | 'empty' | 'away') {
  const asked: string[] = [];
  const get: ObjectStore['get'] = async (name) => {
    asked.push('store');
    if (store === 'away') throw new ObjectStoreError('unavailable', name, 'away');
    if (store === 'empty') return null;
    const info = { key: name, sizeBytes: 1, etag: '""', lastModified: new Date(0), contentType: 'video/mp4' };
    return { info, range: { start: 0, end: 0 }, body: Readable.from([Buffer.alloc(1)]) };
  };
  const sources = makeSources({
    store: { get },
    api: {
      read: async ({ id }, wanted) => {
        asked.push(id);
        return held[id]?.includes(wanted) ? Readable.from([Buffer.alloc(1)]) : null;
      },
    },
    elsewhere: async () => [
      view('shield', { role: 'shield' }),
      view('sick', { health: 'silent' }),
      view('near'),
      view('farther'),
    ],
  });
  const from = async (wanted = key) => (await sources.open(wanted, null, never)).source;
  return { asked, sources, from };
}

describe('makeSources', () => {
  it('takes from a shield that holds it, else from the object store, and asks in vain once for each version', async () => {
    const { asked, from } = place({ shield: [key] }, 'there');
    expect(await from()).toBe('shield');
    expect(await from('b/v1/0.m4s')).toBe('object-store');
    expect(await from('b/v1/1.m4s')).toBe('object-store');
    expect(await from()).toBe('shield');
    expect(asked).toEqual(['shield', 'shield', 'store', 'store', 'shield']);
  });

  it('takes from another region while the object store is away, and asks nobody whose bytes were wrong again', async () => {
    const { asked, from, sources } = place({ farther: [key], near: ['b/v1/0.m4s'] }, 'away');
    expect(await from()).toBe('other-region');
    expect(asked).toEqual(['shield', 'store', 'near', 'farther']);
    (await sources.open(key, null, never)).distrust();
    await expect(from()).rejects.toMatchObject({ code: 'unavailable' });
    expect(await from('b/v1/0.m4s')).toBe('other-region');
  });

  it('calls what the object store does not have missing, and looks nowhere else for it', async () => {
    const { asked, from } = place({ near: [key] }, 'empty');
    await expect(from()).rejects.toMatchObject({ reason: 'source-missing' });
    expect(asked).toEqual(['shield', 'store']);
  });
});
