import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { makeFolderObjectStore } from '../../shared/adapters/folder/folder-object-store.ts';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import { firstCertificate } from './testing/certificates.ts';
import { kernel, publish, send, startAppliance, startControl } from './testing/fleet.ts';
import { makeDrive, type Tally } from './testing/fuzz/drive.ts';
import { makeSetting } from './testing/fuzz/setting.ts';

const requests = 800;
/** Longer runs with other seeds: `node scripts/bench/serve/fuzz.ts`. */
const seed = 20_261_120;

it('gives no byte without a right to it, none that is wrong, and lives, whatever is sent', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'nightfill-fuzz-'));
  const setting = await makeSetting();
  const store = makeFolderObjectStore({ root: join(dir, 'store') });
  await publish(store, setting.title);
  const control = await startControl();
  const openCache = (at: string) => openSliceCache({ dir: at, kernel, capacityBytes: 1e9, memoryBytes: 1e6 });
  const options = { id: 'edge-1', dir: join(dir, 'edge-1'), control, key: setting.keys[0], openCache, store };
  const edge = await startAppliance({ ...options, orders: { ...setting.orders, capacityBytes: 7_000_000 } });
  const files = { certificateFile: join(dir, 'cert.pem'), keyFile: join(dir, 'key.pem') };
  await writeFile(files.certificateFile, firstCertificate.cert);
  await writeFile(files.keyFile, firstCertificate.key);
  const server = await edge.app.listenTls({ host: '127.0.0.1', port: 0, ...files });
  try {
    await vi.waitFor(async () => expect((await send(edge.port, '/readyz')).status).toBe(200), { timeout: 10_000 });
    const target = { port: edge.port, tlsPort: server.port, ca: firstCertificate.cert };
    const tally: Tally = { counts: new Map(), failures: [] };
    const drive = makeDrive(await setting.fuzzer(seed), target, tally);
    for (let sent = 0; sent < requests && tally.failures.length === 0; ) sent += await drive.some();
    expect(tally.failures).toEqual([]);
    // What the fuzzer reaches, or it would prove little.
    const reached = [...tally.counts.keys()].join('\n');
    for (const name of ['http, good: 200', 'http, good: 206', 'http, good: 304', 'https, good: 206', 'h2, good: 200'])
      expect(reached).toContain(name);
    for (const name of ['http, no right: 401', 'h2, no right: 401', 'http, wrong address: 400', 'http, nonsense'])
      expect(reached).toContain(name);
    await expect
      .poll(async () => (await send(edge.port, '/metrics')).body.toString())
      .toMatch(/media_open_requests\S* 0\n/);
    expect(edge.cache.lentBytes).toBe(0);
  } finally {
    await edge.stop();
    await control.goAway();
    await store.close();
    await rm(dir, { recursive: true, force: true });
  }
});
