import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import { sliceSizeBytes } from '../../shared/domain/manifest.ts';
import type { SigningKey } from '../../shared/tokens/keys.ts';
import { type BadUpstream, startBadUpstream } from './testing/bad-upstream.ts';
import {
  type ControlStandIn,
  makeKey,
  makeTitle,
  type RunningAppliance,
  send,
  signedPath,
  startAppliance,
  startControl,
} from './testing/fleet.ts';

const segments = Array.from({ length: 12 }, (_, i) => `video-720p/seg-${i}.m4s`);
const large = 'video-720p/large.m4s';
const film = makeTitle('film', [
  ...segments.map((path) => ({ path, sizeBytes: 50_000 })),
  { path: large, sizeBytes: 6 * sliceSizeBytes },
]);

let dir: string;
let control: ControlStandIn;
let key: SigningKey;
let upstream: BadUpstream;
let edge: RunningAppliance;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-ahead-'));
  control = await startControl();
  key = await makeKey();
  upstream = await startBadUpstream(film);
  const openCache = (cacheDir: string) => openSliceCache({ dir: cacheDir, capacityBytes: 1e9, memoryBytes: 16e6 });
  const upstreams = [upstream.asUpstream('shield')];
  edge = await startAppliance({ id: 'edge', dir: join(dir, 'edge'), control, key, openCache, upstreams });
  await vi.waitFor(async () => expect((await send(edge.port, '/readyz')).status).toBe(200), { timeout: 10_000 });
});
afterAll(async () => {
  await edge?.stop();
  await upstream?.close();
  await control?.goAway();
  await rm(dir, { recursive: true, force: true });
});

async function get(path: string, session: string, range?: string) {
  const headers: Record<string, string> = range === undefined ? {} : { range };
  const { body, headers: got } = await send(edge.port, await signedPath(key, film, path, session), { headers });
  return { body, detail: /detail=([\w-]+)/.exec(String(got['cache-status']))?.[1] };
}
const holds = (path: string, index = 0) => edge.cache.has(`film/v1/${path}`, index);

describe('a viewer who watches one segment after the other', () => {
  it('finds the next one there from the fourth on, each pulled once', async () => {
    for (const path of segments.slice(0, 3)) expect((await get(path, 'viewer')).detail).toBe('pull-shield');
    for (const path of segments.slice(3, 9)) {
      await expect.poll(() => holds(path), { timeout: 5_000 }).toBe(true);
      const { body, detail } = await get(path, 'viewer');
      expect(detail).toMatch(/^hit-/);
      expect(body.equals(film.files.get(path) ?? Buffer.from('none'))).toBe(true);
    }
    expect(segments.slice(0, 9).map((path) => upstream.asked(path))).toEqual(Array(9).fill(1));
    const metrics = String((await send(edge.port, '/metrics')).body);
    expect(metrics).toMatch(/nightfill_read_ahead_slices_total\{.*result="useful".*\} 6/);
  });
});

describe('a viewer who asks for ranges here and there', () => {
  it('costs exactly the slices that were asked for', async () => {
    const part = (slice: number, from: number) =>
      `bytes=${slice * sliceSizeBytes + from}-${slice * sliceSizeBytes + from + 65_000}`;
    for (const [slice, from] of [
      [1, 500],
      [1, 300_000],
      [4, 9_000],
      [1, 70_000],
      [4, 2_000_000],
      [4, 100],
    ] as const)
      await get(large, 'jumper', part(slice, from));
    const held = () => [0, 1, 2, 3, 4, 5].filter((index) => holds(large, index));
    await expect.poll(held, { timeout: 5_000 }).toEqual([1, 4]);
    expect(upstream.asked(large)).toBe(2);
  });
});
