import { createHash } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startRedisServer, type TestRedisServer } from '../../shared/testing/redis-server.ts';
import { type Clips, makeClips } from './testing/clips.ts';
import { assetOf, type IngestProcess, problemOf, startIngest, until } from './testing/ingest-process.ts';
import { makeOtherServers } from './testing/other-servers.ts';

let redis: TestRedisServer;
let clips: Clips;
let ingest: IngestProcess;
const { listen, close: closeServers } = makeOtherServers();
/** What reached a server that no import may reach. */
const forbidden: string[] = [];
let secretPort: number;
const maxUploadBytes = 2_000_000;

beforeAll(async () => {
  [redis, clips] = await Promise.all([startRedisServer(), makeClips()]);
  secretPort = await listen('127.0.0.1', (request, response) => {
    forbidden.push(request.url ?? '');
    response.end('secret');
  });
  ingest = await startIngest(redis.url, {
    // One loopback address of many, so that the others are as foreign as a neighbour's machine.
    NIGHTFILL_IMPORT_NETWORKS: '127.0.0.2/32',
    NIGHTFILL_IMPORT_TIMEOUT: '700ms',
    NIGHTFILL_MAX_UPLOAD: `${maxUploadBytes}B`,
  });
});
afterAll(async () => {
  await ingest?.remove();
  await redis?.stop();
  await clips?.remove();
  closeServers();
});
afterEach(() => {
  expect(forbidden, 'requests where none may go').toEqual([]);
});

const order = (body: unknown, headers: Record<string, string> = {}) =>
  ingest.call('/v1/assets', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

interface View {
  readonly id: string;
  readonly offset: number;
  readonly sizeBytes: number | null;
  readonly assetId: string | null;
  readonly failure: { readonly code: string; readonly reason: string } | null;
}
async function accepted(body: unknown): Promise<View> {
  const response = await order(body);
  const view = (await response.json()) as View;
  expect(response.status, JSON.stringify(view)).toBe(202);
  expect(response.headers.get('location')).toBe(`/v1/uploads/${view.id}`);
  return view;
}
const viewOf = async (id: string): Promise<View> => (await (await ingest.call(`/v1/uploads/${id}`)).json()) as View;
async function ended(id: string): Promise<View> {
  await until('the end of the import', async () => {
    const { assetId, failure } = await viewOf(id);
    return assetId !== null || failure !== null;
  });
  return viewOf(id);
}
const at = (port: number, path = '/film.mp4'): string => `http://127.0.0.2:${port}${path}`;

describe('an import from a URL', { timeout: 60_000 }, () => {
  it('becomes an asset like an upload, by its own id, over redirects', async () => {
    const port = await listen('127.0.0.2', (request, response) => {
      if (request.url === '/start') response.writeHead(302, { location: '/A%20film%20%26%20more.mp4' }).end();
      else response.setHeader('content-length', clips.video.length).end(clips.video);
    });
    const details = { title: 'Imported', tags: ['a', 'a', 'b'], series: 'S', premiereDate: '2026-12-24' };
    const { id } = await accepted({
      url: at(port, '/start'),
      ...details,
      packaging: 'single-file',
      profile: 'preview',
    });
    expect(await ended(id)).toEqual({
      id,
      offset: clips.video.length,
      sizeBytes: clips.video.length,
      assetId: id,
      failure: null,
    });
    expect(await assetOf(await ingest.call(`/v1/assets/${id}`))).toMatchObject({
      ...details,
      tags: ['a', 'b'],
      packaging: 'single-file',
      profile: 'preview',
      state: 'uploaded',
      source: { fileName: 'start', sha256: createHash('sha256').update(clips.video).digest('hex') },
    });
    await until('scratch is empty', async () => !(await ingest.leftovers()).some((name) => name.startsWith('scratch')));
  });

  it('tells how far it is, may be cancelled, and is made once for one Idempotency-Key', async () => {
    let open = 0;
    const port = await listen('127.0.0.2', (_request, response) => {
      open += 1;
      response.on('close', () => (open -= 1));
      response.setHeader('content-length', clips.video.length).write(clips.video.subarray(0, 10_000));
      const drip = setInterval(() => response.write(clips.video.subarray(0, 1)), 100);
      response.on('close', () => clearInterval(drip));
    });
    const headers = { 'idempotency-key': 'once' };
    const { id } = (await (await order({ url: at(port) }, headers)).json()) as View;
    await until('the first bytes', async () => (await viewOf(id)).offset >= 10_000);
    expect(await viewOf(id)).toMatchObject({ sizeBytes: clips.video.length, assetId: null });
    expect(await (await order({ url: at(port) }, headers)).json()).toMatchObject({ id });
    expect(open).toBe(1);
    expect((await ingest.call(`/v1/uploads/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await ingest.call(`/v1/uploads/${id}`)).status).toBe(404);
    await until('the connection to be closed', () => open === 0);
    expect((await ingest.leftovers()).filter((name) => name.startsWith('scratch'))).toEqual([]);
  });

  it('is taken up again after the service was killed', async () => {
    let requests = 0;
    const port = await listen('127.0.0.2', (_request, response) => {
      requests += 1;
      if (requests > 1) return response.end(clips.video);
      return response.write(clips.video.subarray(0, 5_000));
    });
    const { id } = await accepted({ url: at(port) });
    await until('the first request', () => requests === 1);
    await ingest.kill();
    await ingest.restart();
    await until('the asset', async () => (await ingest.call(`/v1/assets/${id}`)).status === 200);
  });

  it('tries again when the other side fails for a moment', async () => {
    let requests = 0;
    const port = await listen('127.0.0.2', (request, response) => {
      requests += 1;
      if (requests === 1) response.writeHead(503).end();
      else if (requests === 2) {
        response.setHeader('content-length', clips.video.length).write(clips.video.subarray(0, 5_000));
        setTimeout(() => request.socket.destroy(), 50);
      } else response.end(clips.video);
    });
    const { id } = await accepted({ url: at(port) });
    expect(await ended(id)).toMatchObject({ assetId: id });
    expect(requests).toBe(3);
  });
});

describe('an import that cannot be', { timeout: 60_000 }, () => {
  it('is refused as an upload of the same bytes would be', async () => {
    const bodies = new Map(clips.refused.map(({ name, bytes }) => [`/${name}`, bytes]));
    const port = await listen('127.0.0.2', (request, response) => response.end(bodies.get(request.url ?? '')));
    for (const { name } of clips.refused) {
      const { failure } = await ended((await accepted({ url: at(port, `/${name}`) })).id);
      expect(failure?.code, name).toMatch(/^(empty-file|not-a-media-file|container-not-allowed|truncated)$/);
      expect(failure?.reason.length).toBeGreaterThan(30);
    }
    const wrong = await accepted({ url: at(port, '/garbage.mp4'), sha256: 'a'.repeat(64) });
    expect((await ended(wrong.id)).failure).toMatchObject({ code: 'digest-mismatch' });
    expect((await ingest.leftovers()).filter((name) => name.includes('incoming'))).toEqual([]);
  });

  it.each([
    [
      'too-large',
      'announced',
      (response: Parameters<RequestListener>[1]) => {
        response.setHeader('content-length', maxUploadBytes + 1).flushHeaders();
      },
    ],
    [
      'too-large',
      'not announced',
      (response: Parameters<RequestListener>[1]) => {
        for (let sent = 0; sent <= maxUploadBytes; sent += 100_000) response.write(Buffer.alloc(100_000));
        response.end();
      },
    ],
    [
      'source-unreachable',
      'missing',
      (response: Parameters<RequestListener>[1]) => {
        response.writeHead(404).end();
      },
    ],
    [
      'source-unreachable',
      'redirected for ever',
      (response: Parameters<RequestListener>[1]) => {
        response.writeHead(302, { location: '/again' }).end();
      },
    ],
    [
      'source-unreachable',
      'redirected to no URL',
      (response: Parameters<RequestListener>[1]) => {
        response.writeHead(302, { location: 'http://[' }).end();
      },
    ],
    [
      'invalid-request',
      'redirected to a file',
      (response: Parameters<RequestListener>[1]) => {
        response.writeHead(302, { location: 'file:///etc/passwd' }).end();
      },
    ],
    [
      'source-unreachable',
      'compressed all the same',
      (response: Parameters<RequestListener>[1]) => {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end('x');
      },
    ],
    ['source-unreachable', 'silent', () => undefined],
  ])('%s: %s', async (code, _name, answer) => {
    const port = await listen('127.0.0.2', (_request, response) => answer(response));
    const { failure } = await ended((await accepted({ url: at(port) })).id);
    expect(failure).toMatchObject({ code });
  });

  it('is refused where it would reach into a private network, however the address is written', async () => {
    const port = secretPort;
    for (const url of [
      `http://127.0.0.1:${port}/`,
      `http://[::1]:${port}/`,
      'http://169.254.169.254/latest/meta-data/',
      `http://[::ffff:10.0.0.1]:${port}/`,
      `http://[::ffff:127.0.0.1]:${port}/`,
      `http://2130706433:${port}/`,
      `http://0177.0.0.1:${port}/`,
      `http://0x7f000001:${port}/`,
      `http://127.1:${port}/`,
      `http://①②⑦.⓪.⓪.①:${port}/`,
      `http://localhost:${port}/`,
      `http://LOCALHOST:${port}/`,
      `http://0.0.0.0:${port}/`,
      `http://[::]:${port}/`,
      'http://10.0.0.1/',
      'http://172.16.0.1/',
      'http://192.168.0.1/',
      'http://100.64.0.1/',
      'http://[fd00::1]/',
      'http://[fe80::1]/',
      'http://[64:ff9b::7f00:1]/',
      'http://[2002:7f00:1::]/',
    ]) {
      const response = await order({ url });
      const problem = await problemOf(response);
      expect([response.status, problem.code], url).toEqual([422, 'url-not-allowed']);
    }
  });

  it('is refused where a redirect leads into a private network, and the message tells no address', async () => {
    for (const target of [
      `http://127.0.0.1:${secretPort}/`,
      `http://localhost:${secretPort}/`,
      'http://169.254.169.254/',
    ]) {
      const port = await listen('127.0.0.2', (_request, response) =>
        response.writeHead(307, { location: target }).end(),
      );
      const { failure } = await ended((await accepted({ url: at(port) })).id);
      expect(failure?.code, target).toBe('url-not-allowed');
      if (target.includes('localhost')) expect(failure?.reason).not.toMatch(/127\.|::1/);
    }
  });

  it('says what is wrong with the request', async () => {
    for (const [body, detail] of [
      [{}, /url/],
      [{ url: 'film.mp4' }, /absolute/],
      [{ url: 'file:///etc/passwd' }, /http/],
      [{ url: 'gopher://127.0.0.2/' }, /http/],
      [{ url: 'http://user:word@127.0.0.2/' }, /password/],
      [{ url: 'http://127.0.0.2/', title: 5 }, /title/],
      [{ url: 'http://127.0.0.2/', profile: 'cinema' }, /profile/],
      [{ url: 'http://127.0.0.2/', packaging: 'parcel' }, /packaging/],
      [{ url: 'http://127.0.0.2/', more: true }, /more|additional/],
    ] as const) {
      const response = await order(body);
      const problem = await problemOf(response);
      expect([response.status, problem.code], JSON.stringify(body)).toEqual([400, 'invalid-request']);
      expect(problem.detail).toMatch(detail);
    }
    const nobody = await order({ url: 'http://no-such-name.invalid/film.mp4' });
    expect([nobody.status, (await problemOf(nobody)).code]).toEqual([422, 'source-unreachable']);
  });
});

describe('limits', { timeout: 60_000 }, () => {
  it('of duration, of open uploads and of bytes are told', async () => {
    const own = await startRedisServer();
    const small = await startIngest(own.url, {
      NIGHTFILL_MAX_DURATION: '1s',
      NIGHTFILL_MAX_OPEN_UPLOADS: '2',
      NIGHTFILL_UPLOAD_QUOTA: '1MB',
    });
    try {
      const form = new FormData();
      form.append('file', new Blob([new Uint8Array(clips.video)]), 'clip.mp4');
      const long = await small.call('/v1/assets', { method: 'POST', body: form });
      expect([long.status, await problemOf(long)]).toMatchObject([
        422,
        { code: 'too-long', detail: expect.stringMatching(/2 s.*1 s/) },
      ]);

      const begin = (length: number) =>
        small.call('/v1/uploads', {
          method: 'POST',
          headers: { 'tus-resumable': '1.0.0', 'upload-length': String(length) },
        });
      const much = await begin(1_000_001);
      expect([much.status, (await problemOf(much)).code]).toEqual([403, 'quota-exceeded']);
      expect((await begin(1_000)).status).toBe(201);
      expect((await begin(1_000)).status).toBe(201);
      const third = await begin(1_000);
      expect([third.status, third.headers.get('retry-after')]).toEqual([429, '10']);
      expect((await problemOf(third)).detail).toMatch(/2 uploads/);
      const fourth = await small.call('/v1/assets', { method: 'POST', body: form });
      expect([fourth.status, (await problemOf(fourth)).code]).toEqual([429, 'too-many-requests']);
      expect((await small.leftovers()).filter((name) => name.startsWith('scratch'))).toEqual([]);
    } finally {
      await small.remove();
      await own.stop();
    }
  });
});
