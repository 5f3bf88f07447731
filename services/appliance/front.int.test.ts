import net from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sliceSizeBytes } from '../../shared/domain/manifest.ts';
import type { SigningKey } from '../../shared/tokens/keys.ts';
import { makeTitle, type RunningAppliance, send, signedPath } from './testing/fleet.ts';
import { type OneEdge, startOneEdge } from './testing/one-edge.ts';
import { talk } from './testing/talk.ts';

const title = makeTitle('film', [
  { path: 'video-720p/seg-0.m4s', sizeBytes: 5_000 },
  { path: 'video-720p/seg-1.m4s', sizeBytes: 200_000 },
  { path: 'video-720p/large.mp4', sizeBytes: sliceSizeBytes + 1_000 },
]);
const bytesAt = (path: string): Buffer => title.files.get(path) ?? Buffer.alloc(0);

let one: OneEdge | undefined;
let key: SigningKey;
let edge: RunningAppliance;
let small: string;
let medium: string;
let large: string;

beforeAll(async () => {
  one = await startOneEdge(title, 64e6);
  ({ edge, key } = one);
  [small, medium, large] = (await Promise.all(
    ['video-720p/seg-0.m4s', 'video-720p/seg-1.m4s', 'video-720p/large.mp4'].map((path) =>
      signedPath(key, title, path),
    ),
  )) as [string, string, string];
});
afterAll(() => one?.stop());

const get = (target: string, more = ''): string => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;

describe('one connection', () => {
  it('answers one request after another, media and others, in their order', async () => {
    const connection = talk(edge.port);
    for (const [target, path] of [
      [small, 'video-720p/seg-0.m4s'],
      [large, 'video-720p/large.mp4'],
      [medium, 'video-720p/seg-1.m4s'],
      [small, 'video-720p/seg-0.m4s'],
    ] as const) {
      connection.write(get(target));
      const answer = await connection.answer();
      expect([answer.status, answer.body.equals(bytesAt(path))]).toEqual([200, true]);
    }
    connection.write(get('/healthz'));
    expect((await connection.answer()).body.toString()).toBe('{"status":"alive"}');
    connection.write(get(small));
    expect((await connection.answer()).body.equals(bytesAt('video-720p/seg-0.m4s'))).toBe(true);
    connection.close();
  });

  it('answers requests that are sent all at once, each with its own bytes', async () => {
    const connection = talk(edge.port);
    const order = [small, large, medium, '/healthz', small, large, medium];
    connection.write(order.map((target) => get(target)).join(''));
    const lengths = [];
    for (const _ of order) lengths.push((await connection.answer()).body.length);
    expect(lengths).toEqual([5_000, sliceSizeBytes + 1_000, 200_000, 18, 5_000, sliceSizeBytes + 1_000, 200_000]);
    connection.close();
  });

  it('answers what is asked while the answer before is on its way', async () => {
    const connection = talk(edge.port);
    connection.write(get(large));
    connection.write(get(medium));
    connection.write(get(small));
    for (const length of [sliceSizeBytes + 1_000, 200_000, 5_000])
      expect((await connection.answer()).body.length).toBe(length);
    connection.close();
  });

  it('takes a request in pieces, cut anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 400 }), { minLength: 1, maxLength: 3 }), async (cuts) => {
        const text = get(small) + get(medium);
        const connection = talk(edge.port);
        let from = 0;
        for (const cut of cuts.sort((a, b) => a - b)) {
          connection.write(text.slice(from, cut));
          from = cut;
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
        connection.write(text.slice(from));
        expect((await connection.answer()).body.equals(bytesAt('video-720p/seg-0.m4s'))).toBe(true);
        expect((await connection.answer()).body.equals(bytesAt('video-720p/seg-1.m4s'))).toBe(true);
        connection.close();
      }),
      { numRuns: 30 },
    );
  });

  it('gives nobody an error in place of an answer that is owed: what cannot be read behind it ends the connection', async () => {
    for (const more of ['', 'TE: trailers\r\n']) {
      const connection = talk(edge.port);
      connection.write(`${get(large, more)}\x01 not HTTP\r\n\r\n`);
      const answer = await connection.answer().catch(() => null);
      if (answer) expect([answer.status, answer.body.equals(bytesAt('video-720p/large.mp4'))]).toEqual([200, true]);
      await connection.closed;
    }
    const connection = talk(edge.port);
    connection.write('\x01 not HTTP\r\n\r\n');
    expect((await connection.answer()).status).toBe(400);
  });

  it('answers all that is sent ahead, however slowly its answers are read, in the lane and out of it', async () => {
    const text = ['TE: trailers\r\n', '', '', ''].map((field) => get(large, field)).join('');
    const heard = await Promise.all(
      [200, 350, 500, 650].map(async (cut) => {
        const socket = net.connect(edge.port, '127.0.0.1').setNoDelay(true).pause();
        let bytes = 0;
        const whole = new Promise<void>((resolve) => {
          socket.on('close', () => resolve());
          socket.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes >= 4 * (sliceSizeBytes + 1_000)) resolve();
          });
        });
        socket.pause();
        for (let at = 0; at < text.length; at += cut) {
          socket.write(text.slice(at, at + cut));
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        socket.resume();
        await whole;
        socket.destroy();
        return bytes >= 4 * (sliceSizeBytes + 1_000);
      }),
    );
    expect(heard).toEqual([true, true, true, true]);
  });

  it('answers a client that sends no more but still reads, and then closes', async () => {
    const connection = talk(edge.port);
    connection.write(get(large));
    connection.end();
    expect((await connection.answer()).body.equals(bytesAt('video-720p/large.mp4'))).toBe(true);
    await connection.closed;
  });

  it('is closed after its answer when the client asks for that', async () => {
    const connection = talk(edge.port);
    connection.write(get(small, 'Connection: close\r\n'));
    expect((await connection.answer()).headers.connection).toBe('close');
    await connection.closed;
  });
});

describe('what is not plain', () => {
  it.each([
    ['a host twice', `GET SMALL HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n`, [200, 400]],
    ['no host', `GET SMALL HTTP/1.1\r\n\r\n`, [400]],
    ['HTTP/1.0', `GET SMALL HTTP/1.0\r\n\r\n`, [200]],
    ['a bare line feed', `GET SMALL HTTP/1.1\nHost: a\n\n`, [400]],
    ['a folded field', `GET SMALL HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n`, [400]],
    ['a space before the colon', `GET SMALL HTTP/1.1\r\nHost : a\r\n\r\n`, [400]],
    ['two lengths', `GET SMALL HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n`, [400]],
    [
      'length and encoding',
      `GET SMALL HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
      [400],
    ],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', [400]],
    ['a control character', `GET SMALL HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n`, [400]],
    ['a method of its own', `GOT SMALL HTTP/1.1\r\nHost: a\r\n\r\n`, [400]],
    ['a fragment of a target', `GET SM ALL HTTP/1.1\r\nHost: a\r\n\r\n`, [400]],
    ['an endless head', `GET SMALL HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`, [431]],
  ])('%s is for Node’s parser to judge', async (_what, text, statuses) => {
    const connection = talk(edge.port);
    connection.write(text.replace('SMALL', small));
    expect(statuses).toContain((await connection.answer()).status);
    connection.close();
  });

  it('a body that nobody reads does not become the next request', async () => {
    const connection = talk(edge.port);
    const hidden = get('/v/film/v1/hidden');
    connection.write(`GET ${small} HTTP/1.1\r\nHost: a\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`);
    expect((await connection.answer()).status).toBe(200);
    connection.write(get(medium));
    expect((await connection.answer()).body.length).toBe(200_000);
    connection.close();
  });

  it('gets the same answer from the lane and from Node', async () => {
    const headers = fc.constantFrom(
      '',
      'Range: bytes=5-90\r\n',
      'Range: bytes=1-2,500-700\r\n',
      'If-None-Match: *\r\n',
      'Accept-Encoding: gzip\r\n',
      'Range: bytes=9999999-\r\n',
      'Cookie: nf_token=x\r\n',
      'Cache-Control: only-if-cached\r\n',
    );
    const target = fc.constantFrom(
      'small',
      'medium',
      '/v/film/v1/x',
      '/t/a.b.c/v/film/v1/x',
      '/v/film/v1/%2e%2e/x',
      '/t/x',
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('GET', 'HEAD'), target, headers, async (method, name, more) => {
        const at = name === 'small' ? small : name === 'medium' ? medium : name;
        const connection = talk(edge.port);
        const seen = [];
        // The second has a field that the lane leaves to Node.
        for (const extra of ['', 'TE: trailers\r\n']) {
          connection.write(`${method} ${at} HTTP/1.1\r\nHost: localhost\r\n${more}${extra}\r\n`);
          const { status, headers: got, body } = await connection.answer(method);
          const {
            date,
            'server-timing': _t,
            'x-request-id': _i,
            'cache-status': cached,
            connection: _c,
            'keep-alive': _k,
            ...rest
          } = got;
          expect(date).toMatch(/GMT$/);
          const multipart = String(rest['content-type']).startsWith('multipart/');
          if (multipart) delete rest['content-type'];
          const text = multipart ? body.length : body.toString('latin1').replace(/"requestId":"[^"]*"/, '');
          seen.push([status, rest, text, String(cached).replace(/hit-(disk|memory)|pull-origin|fwd=miss|hit;?/g, '')]);
        }
        expect(seen[0]).toEqual(seen[1]);
        connection.close();
      }),
      { numRuns: 100 },
    );
  });
});

it('clients that leave in the middle are counted, and leave nothing open', async () => {
  for (let i = 0; i < 20; i += 1) {
    const socket = net.connect(edge.port, '127.0.0.1');
    socket.write(get(large));
    socket.once('data', () => socket.destroy());
    await new Promise((resolve) => socket.once('close', resolve));
  }
  await expect
    .poll(async () => (await send(edge.port, '/metrics')).body.toString())
    .toMatch(/media_open_requests\S* 0\n/);
});
