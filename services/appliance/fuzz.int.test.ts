import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { makeFolderObjectStore } from '../../shared/adapters/folder/folder-object-store.ts';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import { sliceSizeBytes } from '../../shared/domain/manifest.ts';
import { makeKey, makeTitle, publish, send, signedPath, startAppliance, startControl } from './testing/fleet.ts';
import { makeFuzzer } from './testing/fuzz-requests.ts';

const requests = 600;
/** Longer runs with other seeds: `node scripts/bench/serve/fuzz.ts`. */
const seed = 20_261_120;

it('gives no byte without a right to it, none that is wrong, and lives, whatever is sent', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'nightfill-fuzz-'));
  const title = makeTitle(
    'film',
    [
      { path: 'video-720p/seg-0.m4s', sizeBytes: 70_000 },
      { path: 'video-720p/large.mp4', sizeBytes: sliceSizeBytes + 500 },
    ],
    `#EXTM3U\n${'#EXTINF:6.0,\nseg-0.m4s\n'.repeat(50)}`,
  );
  const store = makeFolderObjectStore({ root: join(dir, 'store') });
  await publish(store, title);
  const control = await startControl();
  const key = await makeKey();
  const openCache = (at: string) => openSliceCache({ dir: at, capacityBytes: 1e9, memoryBytes: 1e6 });
  const edge = await startAppliance({ id: 'edge-1', dir: join(dir, 'edge-1'), control, key, openCache, store });
  try {
    await vi.waitFor(async () => expect((await send(edge.port, '/readyz')).status).toBe(200), { timeout: 10_000 });
    const goodToken = (await signedPath(key, title, 'master.m3u8')).split('/')[2] ?? '';
    const fuzzer = makeFuzzer({ assetId: 'film', version: 'v1', seed, published: title.files, goodToken });
    const ask = (bytes: Buffer): Promise<Buffer> =>
      new Promise((resolve) => {
        const chunks: Buffer[] = [];
        const socket = net.connect(edge.port, '127.0.0.1', () => socket.end(bytes));
        socket.on('data', (chunk: Buffer) => chunks.push(chunk));
        socket.on('error', () => {});
        socket.on('close', () => resolve(Buffer.concat(chunks)));
      });
    for (let i = 0; i < requests; i += 1) {
      const probe = fuzzer.next();
      const verdict = probe.judge(await ask(probe.bytes));
      expect(verdict === null ? null : [verdict, probe.kind, probe.bytes.toString('latin1')]).toBeNull();
    }
    expect((await send(edge.port, '/metrics')).body.toString()).toMatch(/media_open_requests\S* 0\n/);
    expect(edge.cache.lentBytes).toBe(0);
  } finally {
    await edge.stop();
    await control.goAway();
    await store.close();
    await rm(dir, { recursive: true, force: true });
  }
});
