import { hash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { type FailingAppliance, startFailingAppliance } from '../../testing/failing-appliance.ts';
import { makeApplianceHttpApi } from './appliance-http.ts';

const api = makeApplianceHttpApi({
  credentialOf: (id) => `credential-of-${id}`,
  silenceMs: 400,
  connectMs: 400,
  pageSize: 2,
});
const servers: Server[] = [];
const appliances: FailingAppliance[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  await Promise.all(appliances.splice(0).map((appliance) => appliance.close()));
});

async function answering(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return { id: 'e', internalUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
async function appliance() {
  const started = await startFailingAppliance('credential-of-e');
  appliances.push(started);
  return { started, target: { id: 'e', internalUrl: started.url } };
}
const bytes = Buffer.alloc(100_000, 'video');
const upload = (body: Readable = Readable.from([bytes])) => ({
  body,
  sizeBytes: bytes.length,
  sha256: hash('sha256', bytes, 'hex'),
});
const key = 'a/v1/asset.json';

describe('the fill API over HTTP', () => {
  it('stores, tells what is held, pages through the inventory, and deletes', async () => {
    const { started, target } = await appliance();
    expect(await api.put(target, key, upload())).toBe('stored');
    expect(await api.put(target, key, upload())).toBe('already-held');
    expect(await api.heldBytes(target, key)).toBe(bytes.length);
    expect(await api.heldBytes(target, 'a/v1/other.m4s')).toBe(0);
    for (const name of ['b', 'c', 'd', 'e']) started.held.set(`a/v1/${name}.m4s`, 1);
    const keys: string[] = [];
    for await (const entry of api.inventory(target)) keys.push(entry.key);
    expect(keys).toEqual([key, 'a/v1/b.m4s', 'a/v1/c.m4s', 'a/v1/d.m4s', 'a/v1/e.m4s'].sort());
    expect(await api.applyPlan(target, { pinned: [key, 'x/v1/y'], evict: ['a/v1/b.m4s'] })).toEqual([
      { key, heldBytes: bytes.length },
    ]);
    expect(started.held.has('a/v1/b.m4s')).toBe(false);
    await api.remove(target, 'a/');
    expect(started.held.size).toBe(0);
  });

  it.each([
    [409, 'manifest-missing'],
    [410, 'version-gone'],
    [422, 'digest-mismatch'],
    [507, 'no-room'],
    [400, 'refused'],
    [500, 'refused'],
    [429, 'unreachable'],
    [503, 'unreachable'],
  ])('names status %d %s', async (status, code) => {
    const { started, target } = await appliance();
    started.faults.refuse = () => status;
    await expect(api.put(target, key, upload())).rejects.toMatchObject({
      name: 'ApplianceApiError',
      code,
      applianceId: 'e',
    });
  });

  it('gives up an appliance that is gone, silent, or talks nonsense', async () => {
    const { started, target } = await appliance();
    await started.down();
    const body = Readable.from([bytes]);
    await expect(api.put(target, key, upload(body))).rejects.toMatchObject({ code: 'unreachable' });
    expect(body.destroyed).toBe(true);

    const silent = await answering((request) => request.resume());
    const startMs = performance.now();
    await expect(api.applyPlan(silent, { pinned: [], evict: [] })).rejects.toMatchObject({ code: 'unreachable' });
    expect(performance.now() - startMs).toBeLessThan(5_000);

    const nonsense = await answering((_, response) => response.end('<html>'));
    await expect(api.applyPlan(nonsense, { pinned: [], evict: [] })).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('does not mistake a slow body, held to its rate, for silence', async () => {
    const { target } = await appliance();
    async function* slowly() {
      for (let at = 0; at < 10; at += 1) {
        await delay(120);
        yield bytes.subarray(at * 10_000, (at + 1) * 10_000);
      }
    }
    expect(await api.put(target, key, upload(Readable.from(slowly())))).toBe('stored');
  });

  it('sends pieces that lie in the same memory one after the other', async () => {
    const { target } = await appliance();
    const whole = Buffer.from(Array.from({ length: 2_000_000 }, (_, at) => (at * 7) % 253));
    async function* lent() {
      const memory = Buffer.alloc(300_000);
      for (let at = 0; at < whole.length; at += memory.length) yield memory.subarray(0, whole.copy(memory, 0, at));
    }
    const order = { body: lent(), sizeBytes: whole.length, sha256: hash('sha256', whole, 'hex') };
    await api.put(target, key, upload());
    expect(await api.put(target, 'a/v1/b.m4s', order)).toBe('stored');
  });

  it.each([-1, 1])('says so when the source has %d byte too many, and leaves nothing open', async (more) => {
    const { started, target } = await appliance();
    const source = Readable.from([bytes.subarray(0, 50_000), Buffer.alloc(50_000 + more)]);
    await expect(api.put(target, key, upload(source))).rejects.toMatchObject({ code: 'digest-mismatch' });
    expect(source.destroyed).toBe(true);
    expect(started.held.size).toBe(0);
  });

  it('reads the answer that comes before the body has left, and sends no more of it', async () => {
    const target = await answering((_, response) => {
      response.writeHead(507, { 'content-type': 'application/problem+json' }).end('{"detail":"no room at all"}');
    });
    let asked = 0;
    async function* endless() {
      for (; asked < 10_000; asked += 1) yield Buffer.alloc(1_000_000);
    }
    const order = { body: endless(), sizeBytes: 1e10, sha256: 'a'.repeat(64) };
    await expect(api.put(target, key, order)).rejects.toMatchObject({ code: 'no-room', message: /no room at all/ });
    expect(asked).toBeLessThan(10_000);
  });

  it('ends with the signal’s own reason', async () => {
    const silent = await answering((request) => request.resume());
    const stop = new AbortController();
    const asked = api.put(silent, key, upload(), stop.signal);
    stop.abort(new Error('window ended'));
    await expect(asked).rejects.toThrow('window ended');
  });
});
