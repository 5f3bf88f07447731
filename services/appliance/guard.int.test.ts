import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { makeFolderObjectStore } from '../../shared/adapters/folder/folder-object-store.ts';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import type { SigningKey } from '../../shared/tokens/keys.ts';
import type { Limits } from './guard.ts';
import { firstCertificate } from './testing/certificates.ts';
import {
  type ControlStandIn,
  makeKey,
  makeTitle,
  publish,
  type RunningAppliance,
  send,
  signedPath,
  startAppliance,
  startControl,
} from './testing/fleet.ts';
import { talk } from './testing/talk.ts';

const title = makeTitle('film', [
  { path: 'video-720p/seg-0.m4s', sizeBytes: 5_000 },
  ...Array.from({ length: 2 }, (_, i) => ({ path: `video-720p/large-${i}.mp4`, sizeBytes: 16_000_000 })),
]);

let dir: string;
let store: ObjectStore;
let control: ControlStandIn;
let key: SigningKey;
let edge: RunningAppliance;
const sockets: net.Socket[] = [];

const start = async (limits: Partial<Limits>): Promise<void> => {
  const openCache = (at: string) => openSliceCache({ dir: at, capacityBytes: 1e9, memoryBytes: 0 });
  edge = await startAppliance({ id: 'edge-1', dir: join(dir, 'edge-1'), control, key, openCache, store, limits });
  await vi.waitFor(async () => expect((await send(edge.port, '/readyz')).status).toBe(200), { timeout: 10_000 });
};
const open = async (): Promise<net.Socket> => {
  const socket = net.connect(edge.port, '127.0.0.1');
  socket.on('error', () => {});
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
};
const metric = async (name: string) => {
  const text = (await send(edge.port, '/metrics')).body.toString();
  return Number(new RegExp(`^${name}\\S* (\\d+)`, 'm').exec(text)?.[1] ?? 0);
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-guard-'));
  store = makeFolderObjectStore({ root: join(dir, 'store') });
  await publish(store, title);
  control = await startControl();
  key = await makeKey();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await edge?.stop();
  await control?.goAway();
  await store?.close();
  await rm(dir, { recursive: true, force: true });
});

it('an address has so many connections, and others as it closes some', async () => {
  await start({ connectionsPerIp: 5 });
  // Connections that the client itself keeps count too.
  const opened: net.Socket[] = [];
  for (let i = 0; i < 20; i += 1) opened.push(await open());
  await expect
    .poll(() => opened.filter((socket) => socket.destroyed || socket.readableEnded).length)
    .toBeGreaterThanOrEqual(15);
  for (const socket of opened) socket.destroy();
  const path = await signedPath(key, title, 'video-720p/seg-0.m4s');
  await expect.poll(async () => (await send(edge.port, path).catch(() => null))?.status).toBe(200);
  expect(await metric('nightfill_limited_total')).toBeGreaterThanOrEqual(15);
});

it('the loopback is exempt only where that is configured', async () => {
  await start({ connectionsPerIp: 2, requestsPerSecondPerIp: 1, exempt: ['loopback'] });
  const opened = await Promise.all(Array.from({ length: 20 }, open));
  const path = await signedPath(key, title, 'video-720p/seg-0.m4s');
  for (let i = 0; i < 30; i += 1) expect((await send(edge.port, path)).status).toBe(200);
  expect(opened.every((socket) => !socket.destroyed && !socket.readableEnded)).toBe(true);
});

it('an address, and a session, asks so often and gets 429 beyond; another session goes on', async () => {
  await start({ requestsPerSecondPerSession: 2 });
  const path = await signedPath(key, title, 'video-720p/seg-0.m4s', 's-1');
  const statuses = [];
  for (let i = 0; i < 40; i += 1) statuses.push((await send(edge.port, path)).status);
  expect(statuses.slice(0, 20)).toEqual(Array(20).fill(200));
  const refused = await send(edge.port, path);
  expect([refused.status, refused.headers['retry-after']]).toEqual([429, '2']);
  expect(JSON.parse(refused.body.toString())).toMatchObject({ code: 'too-many-requests' });
  expect((await send(edge.port, await signedPath(key, title, 'video-720p/seg-0.m4s', 's-2'))).status).toBe(200);
});

it('answers that nobody reads hold so much memory and no more; then it is 503, and well again when they go', async () => {
  await start({ answerBytes: 8_000_000 });
  const paths = await Promise.all(
    Array.from({ length: 2 }, (_, i) => signedPath(key, title, `video-720p/large-${i}.mp4`)),
  );
  for (const path of paths) expect((await send(edge.port, path)).status).toBe(200);
  for (let round = 0; round < 6; round += 1) {
    for (const path of paths) {
      const socket = await open();
      socket.pause();
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    }
  }
  const probe = async () => (await send(edge.port, await signedPath(key, title, 'video-720p/seg-0.m4s'))).status;
  await expect.poll(probe, { timeout: 10_000 }).toBe(503);
  const held = await metric('nightfill_answer_held_bytes');
  expect(held).toBeLessThan(8_000_000 + 3 * 4_194_304);
  for (const socket of sockets) socket.destroy();
  await expect.poll(probe, { timeout: 10_000 }).toBe(200);
  expect(await metric('nightfill_answer_held_bytes')).toBeLessThan(8_000_000);
  expect(edge.cache.lentBytes).toBe(0);
});

it('a head that comes byte by byte is not waited for', async () => {
  await start({});
  const socket = await open();
  const conversation = talk(edge.port, socket);
  conversation.write('GET /v/film');
  const trickle = setInterval(() => conversation.write('x'), 500);
  const startedMs = Date.now();
  await conversation.closed;
  clearInterval(trickle);
  expect(Date.now() - startedMs).toBeLessThan(15_000);
}, 20_000);

it('who reads next to nothing of an answer is cut, over HTTP/1.1 and on a stream of HTTP/2, and others are not', async () => {
  await start({ slowestReaderBytesPerSecond: 200_000, slowReaderGraceMs: 3_000 });
  const path = await signedPath(key, title, 'video-720p/large-0.mp4');
  const trickling = await open();
  trickling.pause();
  trickling.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const trickle = setInterval(() => trickling.read(100), 200);
  const [certificateFile, keyFile] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  await writeFile(certificateFile, firstCertificate.cert);
  await writeFile(keyFile, firstCertificate.key);
  const tls = await edge.app.listenTls({ host: '127.0.0.1', port: 0, certificateFile, keyFile });
  const session = http2.connect(`https://127.0.0.1:${tls.port}`, { rejectUnauthorized: false });
  try {
    const starved = session.request({ ':path': await signedPath(key, title, 'video-720p/large-1.mp4') });
    starved.on('error', () => {});
    const isCut = new Promise<void>((resolve) => starved.once('close', () => resolve()));
    starved.pause();
    const cuts = () => metric('nightfill_slow_readers_cut_total');
    await expect.poll(cuts, { timeout: 20_000 }).toBe(2);
    await isCut;
    expect(await metric('nightfill_media_open_requests')).toBe(0);
    expect((await send(edge.port, path)).body.length).toBe(16_000_000);
  } finally {
    clearInterval(trickle);
    session.destroy();
  }
}, 40_000);

it('where there are as many connections as there may be, one that does nothing makes room for a new one', async () => {
  await start({ connections: 10 });
  const path = await signedPath(key, title, 'video-720p/seg-0.m4s');
  const idle: net.Socket[] = [];
  for (let i = 0; i < 12; i += 1) idle.push(await open());
  for (let i = 0; i < 20; i += 1) expect((await send(edge.port, path)).status).toBe(200);
});
