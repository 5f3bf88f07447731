import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeFolderObjectStore } from '../../shared/adapters/folder/folder-object-store.ts';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import { sliceSizeBytes } from '../../shared/domain/manifest.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import type { SigningKey } from '../../shared/tokens/keys.ts';
import { firstCertificate, secondCertificate, type TestCertificate } from './testing/certificates.ts';
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
import type { TlsServer } from './tls-server.ts';

const playlist = `#EXTM3U\n${'#EXTINF:6.0,\nseg.m4s\n'.repeat(100)}`;
const title = makeTitle(
  'film',
  [
    { path: 'video-720p/seg-0.m4s', sizeBytes: 300_000 },
    { path: 'video-720p/large.mp4', sizeBytes: 2 * sliceSizeBytes + 7 },
  ],
  playlist,
);
const bytesAt = (path: string): Buffer => title.files.get(path) ?? Buffer.alloc(0);

let dir: string;
let store: ObjectStore;
let control: ControlStandIn;
let key: SigningKey;
let edge: RunningAppliance;
let server: TlsServer;
let paths: Record<'list' | 'seg' | 'large', string>;
let files: { certificateFile: string; keyFile: string };

const install = async ({ cert, key: privateKey }: TestCertificate) => {
  await writeFile(files.certificateFile, cert);
  await writeFile(files.keyFile, privateKey);
};
const ca = [firstCertificate.cert, secondCertificate.cert];
/** Name in the certificate that a new connection is shown. */
const shownName = async (): Promise<string> => {
  const socket = tls.connect({ port: server.port, host: '127.0.0.1', ca, ALPNProtocols: ['h2', 'http/1.1'] });
  await once(socket, 'secureConnect');
  const name = String(socket.getPeerCertificate().subject.CN);
  expect([socket.getProtocol(), socket.alpnProtocol]).toEqual(['TLSv1.3', 'h2']);
  socket.destroy();
  return name;
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-tls-'));
  files = { certificateFile: join(dir, 'cert.pem'), keyFile: join(dir, 'key.pem') };
  await install(firstCertificate);
  store = makeFolderObjectStore({ root: join(dir, 'store') });
  await publish(store, title);
  control = await startControl();
  key = await makeKey();
  // No memory tier: bytes come through buffers that are used again.
  const openCache = (at: string) => openSliceCache({ dir: at, capacityBytes: 1e9, memoryBytes: 0 });
  edge = await startAppliance({ id: 'edge-1', dir: join(dir, 'edge-1'), control, key, openCache, store });
  server = await edge.app.listenTls({ host: '127.0.0.1', port: 0, ...files });
  await vi.waitFor(async () => expect((await send(edge.port, '/readyz')).status).toBe(200), { timeout: 10_000 });
  const [list = '', seg = '', large = ''] = await Promise.all(
    ['master.m3u8', 'video-720p/seg-0.m4s', 'video-720p/large.mp4'].map((path) => signedPath(key, title, path)),
  );
  paths = { list, seg, large };
});
afterAll(async () => {
  await edge?.stop();
  await control?.goAway();
  await store?.close();
  await rm(dir, { recursive: true, force: true });
});

interface Answer {
  readonly headers: http2.IncomingHttpHeaders & { readonly ':status'?: number };
  readonly body: Buffer;
}
async function ask(
  session: http2.ClientHttp2Session,
  path: string,
  headers: http2.OutgoingHttpHeaders = {},
): Promise<Answer> {
  const stream = session.request({ ':path': path, ...headers });
  const [got] = (await once(stream, 'response')) as [Answer['headers']];
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return { headers: got, body: Buffer.concat(chunks) };
}
/** Whether or not with an error. */
const closeOf = (socket: net.Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()));
const connect = () => http2.connect(`https://localhost:${server.port}`, { ca });

describe('TLS', () => {
  it('carries media over HTTP/2: whole, in parts, as gzip, and refusals', async () => {
    const session = connect();
    const whole = await ask(session, paths.large);
    expect([whole.headers[':status'], whole.body.equals(bytesAt('video-720p/large.mp4'))]).toEqual([200, true]);
    const part = await ask(session, paths.large, { range: 'bytes=100-199,5000000-5000009' });
    expect(part.headers[':status']).toBe(206);
    expect(part.body.includes(bytesAt('video-720p/large.mp4').subarray(100, 200))).toBe(true);
    const list = await ask(session, paths.list, { 'accept-encoding': 'gzip' });
    expect(gunzipSync(list.body).toString()).toBe(playlist);
    expect((await ask(session, '/v/film/v1/master.m3u8')).headers[':status']).toBe(401);
    expect((await ask(session, '/healthz')).body.toString()).toBe('{"status":"alive"}');
    expect((await ask(session, paths.list, { ':method': 'POST' })).headers[':status']).toBe(405);
    session.close();
  });

  it('carries many streams at once, each with its own bytes, from buffers that are used again', async () => {
    const session = connect();
    for (let round = 0; round < 4; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 24 }, (_, at) => ask(session, at % 2 ? paths.seg : paths.large)),
      );
      for (const [at, { body }] of answers.entries())
        expect(body.equals(bytesAt(at % 2 ? 'video-720p/seg-0.m4s' : 'video-720p/large.mp4'))).toBe(true);
    }
    session.close();
    expect(edge.cache.lentBytes).toBe(0);
  });

  it('speaks HTTP/1.1 with those who ask for it', async () => {
    const body = await new Promise<Buffer>((resolve, reject) => {
      https
        .get({ port: server.port, host: 'localhost', path: paths.seg, ca }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => resolve(Buffer.concat(chunks)));
        })
        .on('error', reject);
    });
    expect(body.equals(bytesAt('video-720p/seg-0.m4s'))).toBe(true);
  });

  it('shows a new certificate without a restart, keeps the old one when the new one is broken', async () => {
    expect(await shownName()).toBe('a.test');
    const session = connect();
    await install(secondCertificate);
    await server.reload();
    expect(await shownName()).toBe('b.test');
    await writeFile(files.certificateFile, 'no certificate');
    await server.reload();
    expect(await shownName()).toBe('b.test');
    await install(firstCertificate);
    // Nobody asks: it sees the files change.
    await vi.waitFor(async () => expect(await shownName()).toBe('a.test'), { timeout: 10_000 });
    expect((await ask(session, paths.seg)).body.length).toBe(300_000);
    session.close();
  });

  it('does not wait for a head that comes byte by byte, nor for a handshake that never begins', async () => {
    const slow = tls.connect({ port: server.port, host: '127.0.0.1', ca, ALPNProtocols: ['http/1.1'] });
    const silent = net.connect(server.port, '127.0.0.1');
    for (const socket of [slow, silent]) socket.on('error', () => {}).resume();
    const closed = Promise.all([closeOf(slow), closeOf(silent)]);
    slow.write('GET /v/film');
    const trickle = setInterval(() => slow.writable && slow.write('x'), 500);
    await closed;
    clearInterval(trickle);
  }, 40_000);

  it.each([
    ['CONTINUATION without end', () => frame(9, 0, 1, Buffer.from([0x00, 1, 97, 1, 98]))],
    ['SETTINGS', () => frame(settingsFrame, 0, 0, Buffer.from([0, 4, 0, 1, 0, 0]))],
    ['PING', () => frame(6, 0, 0, Buffer.alloc(8))],
    ['empty DATA', () => frame(0, 0, 1, Buffer.alloc(0))],
    ['WINDOW_UPDATE of nothing', (at: number) => Buffer.concat([get(at), frame(8, 0, 2 * at + 3, Buffer.alloc(4))])],
    ['DATA after its end', (at: number) => Buffer.concat([get(at), frame(0, 0, 2 * at + 3, Buffer.from('x'))])],
  ])('ends a connection that floods it with %s', async (_what, next) => {
    const attacker = tls.connect({ port: server.port, host: '127.0.0.1', ca, ALPNProtocols: ['h2'] });
    attacker.on('error', () => {});
    // Nothing that it is told is read.
    attacker.pause();
    await once(attacker, 'secureConnect');
    attacker.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    attacker.write(frame(settingsFrame, 0, 0, Buffer.alloc(0)));
    attacker.write(frame(headersFrame, 0, 1, getRoot));
    let at = 0;
    const ended = closeOf(attacker);
    const storm = setInterval(() => {
      for (let i = 0; i < 500 && attacker.writable; i += 1, at += 1) attacker.write(next(at));
      // An end is seen by who reads.
      if (at > 5_000) attacker.resume();
    }, 5);
    await ended;
    clearInterval(storm);
    const viewer = connect();
    expect((await ask(viewer, paths.seg)).body.length).toBe(300_000);
    viewer.close();
  });

  it('ends a connection that opens and resets streams as fast as it can, and serves others meanwhile', async () => {
    const attacker = tls.connect({ port: server.port, host: '127.0.0.1', ca, ALPNProtocols: ['h2'] });
    attacker.on('error', () => {});
    attacker.resume();
    await once(attacker, 'secureConnect');
    attacker.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    attacker.write(frame(settingsFrame, 0, 0, Buffer.alloc(0)));
    const viewer = connect();
    const ended = closeOf(attacker);
    let opened = 0;
    const storm = setInterval(() => {
      for (let i = 0; i < 50 && attacker.writable; i += 1, opened += 1) {
        const id = 2 * opened + 1;
        attacker.write(frame(headersFrame, endStreamAndHeaders, id, getRoot));
        attacker.write(frame(resetFrame, 0, id, Buffer.from([0, 0, 0, 8])));
      }
    }, 5);
    expect((await ask(viewer, paths.seg)).body.length).toBe(300_000);
    await ended;
    clearInterval(storm);
    expect(opened).toBeLessThan(20_000);
    expect((await ask(viewer, paths.seg)).body.length).toBe(300_000);
    viewer.close();
    await expect.poll(() => edge.cache.lentBytes).toBe(0);
  });
});

// RFC 9113 §4.1 and §6, by hand: no client sends what an attacker does.
const [headersFrame, resetFrame, settingsFrame, endStreamAndHeaders] = [1, 3, 4, 5];
/** `GET https://localhost/`, from the static table of HPACK (RFC 7541 appendix A). */
const getRoot = Buffer.concat([Buffer.from([0x82, 0x87, 0x84, 0x01, 9]), Buffer.from('localhost')]);

/** The stream after that of the head without end. */
const get = (at: number): Buffer => frame(headersFrame, endStreamAndHeaders, 2 * at + 3, getRoot);

function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}
