import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../shared/platform/clock.ts';
import type { HttpServer } from '../../shared/platform/http-server.ts';
import { makeLogger } from '../../shared/platform/logger.ts';
import { makeMetrics } from '../../shared/platform/metrics.ts';
import { makeConsoleApp } from './app.ts';
import type { ConsoleSettings } from './config.ts';

const apiKey = 'an-api-key-for-this-test';
const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function startService(handler: Handler): Promise<string> {
  const server: Server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const answerJson = (response: ServerResponse, body: unknown, status = 200): void => {
  response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' });
  response.end(JSON.stringify(body));
};

async function startConsole(over: Partial<ConsoleSettings> = {}): Promise<{ base: string; server: HttpServer }> {
  const server = await makeConsoleApp({
    logger: makeLogger('console', 'silent'),
    metrics: makeMetrics('console'),
    clock: systemClock,
    settings: {
      apiKey,
      controlUrl: 'http://127.0.0.1:1',
      ingestUrl: 'http://127.0.0.1:1',
      publicUrl: '',
      openPages: false,
      trustProxy: [],
      metricsFrom: ['loopback'],
      ...over,
    },
  });
  open.push(() => server.close());
  return { server, base: await server.listen({ host: '127.0.0.1', port: 0 }) };
}

describe('the one public door', () => {
  it('passes requests on to the service that owns them, and answers back as they came', async () => {
    const tell =
      (name: string): Handler =>
      ({ method, url, headers }, response) => {
        response.setHeader('location', '/v1/uploads/7');
        response.setHeader('x-extra', 'yes');
        answerJson(response, { name, method, url, headers }, 201);
      };
    const { base } = await startConsole({
      ingestUrl: await startService(tell('ingest')),
      controlUrl: await startService(tell('control')),
    });
    for (const [method, path, name] of [
      ['GET', '/v1/assets?limit=2', 'ingest'],
      ['GET', '/v1/assets/a-1/events', 'ingest'],
      ['HEAD', '/v1/uploads/7', null],
      ['POST', '/v1/uploads', 'ingest'],
      ['GET', '/v1/assetsomething', 'control'],
      ['PATCH', '/v1/regions/eu%2Fx?y=%20', 'control'],
      ['DELETE', '/v1/fills/f', 'control'],
    ] as const) {
      const response = await fetch(base + path, {
        method,
        headers: {
          authorization: 'Bearer theirs',
          cookie: 'nightfill_session=secret',
          'x-forwarded-for': '6.6.6.6',
          'x-forwarded-host': 'evil.example',
          forwarded: 'for=6.6.6.6',
        },
      });
      expect(response.status).toBe(201);
      expect(response.headers.get('location')).toBe('/v1/uploads/7');
      expect(response.headers.get('x-extra')).toBe('yes');
      if (name === null) continue;
      const seen = (await response.json()) as { headers: Record<string, string> };
      expect(seen).toMatchObject({ name, method, url: path });
      expect(seen.headers).toMatchObject({
        authorization: 'Bearer theirs',
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-proto': 'http',
        'x-forwarded-host': base.slice('http://'.length),
        'x-request-id': response.headers.get('x-request-id'),
      });
      expect(seen.headers).not.toHaveProperty('cookie');
      expect(seen.headers).not.toHaveProperty('forwarded');
    }
  });

  it('leads nobody to internal ways, however they are spelt', async () => {
    const seen: (string | undefined)[] = [];
    const controlUrl = await startService(({ url }, response) => {
      seen.push(url);
      answerJson(response, {});
    });
    const { base } = await startConsole({ controlUrl, ingestUrl: controlUrl });
    const { hostname, port } = new URL(base);
    for (const path of [
      '/internal/v1/heartbeat',
      '//internal/v1/heartbeat',
      '/v1/../internal/v1/heartbeat',
      '/v1/%2e%2e/internal/v1/heartbeat',
      '/v1/..%2finternal/v1/heartbeat',
      '/v1/assets/../../internal/v1/heartbeat',
      '/v1/..\\internal/v1/heartbeat',
      '/v1/%2e%2e%5cinternal/v1/heartbeat',
    ]) {
      // fetch would tidy the path up before sending it.
      const asked = request({ hostname, port, path, method: 'POST' });
      asked.end();
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      response.resume();
      expect([path, response.statusCode]).toEqual([
        path,
        expect.toSatisfy((status: number) => status === 404 || status === 400),
      ]);
    }
    expect(seen).toEqual([]);
  });

  it('says with a problem that a service is down, and asks it once only', async () => {
    let asked = 0;
    const controlUrl = await startService((_request, response) => {
      asked += 1;
      answerJson(response, { code: 'not-ready' }, 503);
    });
    const { base } = await startConsole({ controlUrl });
    const response = await fetch(`${base}/v1/assets`);
    expect(response.status).toBe(503);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.json()).toMatchObject({ code: 'not-ready', detail: expect.stringContaining('ingest') });
    expect((await fetch(`${base}/v1/regions`)).status).toBe(503);
    expect(asked).toBe(1);
    expect((await fetch(`${base}/readyz`)).status).toBe(503);
  });

  it('streams a body that no memory holds, with no limit on its length', async () => {
    let received = 0;
    let firstByteAt = 0;
    const ingestUrl = await startService((incoming, response) => {
      incoming.on('data', (chunk: Buffer) => {
        firstByteAt ||= performance.now();
        received += chunk.length;
      });
      incoming.on('end', () => answerJson(response, { received }));
    });
    const { base } = await startConsole({ ingestUrl });
    const sizeBytes = 64 * 1024 * 1024;
    const piece = Buffer.alloc(1024 * 1024, 7);
    let sentAt = 0;
    const body = Readable.from(
      (function* () {
        for (let sent = 0; sent < sizeBytes; sent += piece.length) yield piece;
        sentAt = performance.now();
      })(),
    );
    const response = await fetch(`${base}/v1/uploads/7`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/offset+octet-stream' },
      body: Readable.toWeb(body) as ReadableStream<Uint8Array>,
      duplex: 'half',
    } as RequestInit);
    expect(await response.json()).toEqual({ received: sizeBytes });
    expect(firstByteAt).toBeLessThan(sentAt);
  });

  it('passes on a refusal that comes before the upload is over', async () => {
    const ingestUrl = await startService((_request, response) =>
      answerJson(response, { code: 'unauthorized', detail: 'No key was given.' }, 401),
    );
    const { base } = await startConsole({ ingestUrl });
    const body = new Uint8Array(32 * 1024 * 1024);
    for (let i = 0; i < 3; i += 1) {
      const response = await fetch(`${base}/v1/assets`, { method: 'POST', body });
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ code: 'unauthorized' });
    }
  });

  it('ends the upload at the service when the client goes away half-way', async () => {
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const ingestUrl = await startService((incoming) => {
      incoming.once('data', () => begin());
      incoming.once('close', () => {
        if (!incoming.complete) resolve();
      });
      incoming.resume();
    });
    const { base } = await startConsole({ ingestUrl });
    const { hostname, port } = new URL(base);
    const upload = request({ hostname, port, path: '/v1/assets', method: 'POST', headers: { 'content-length': 1000 } });
    upload.on('error', () => undefined);
    upload.write('half');
    await begun;
    upload.destroy();
    await aborted;
  });

  it('passes server-sent events on one by one, and a stop of the console ends them', async () => {
    let send: (text: string) => void = () => undefined;
    const ingestUrl = await startService((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      send = (text) => response.write(text);
      send('event: asset\ndata: 1\n\n');
    });
    const { base, server } = await startConsole({ ingestUrl });
    const response = await fetch(`${base}/v1/assets/a/events`);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const reader = response.body?.getReader();
    const next = async () => new TextDecoder().decode((await reader?.read())?.value);
    expect(await next()).toContain('data: 1');
    send('event: asset\ndata: 2\n\n');
    expect(await next()).toContain('data: 2');
    const ended = reader?.read().then(
      ({ done }) => done,
      () => true,
    );
    await server.close();
    expect(await ended).toBe(true);
  });
});

describe('the documentation', () => {
  it('merges the descriptions of the services', async () => {
    const describeApi =
      (path: string): Handler =>
      (_request, response) =>
        answerJson(response, { openapi: '3.1.0', info: { title: 'Nightfill' }, paths: { [path]: { get: {} } } });
    const { base } = await startConsole({
      ingestUrl: await startService(describeApi('/v1/assets')),
      controlUrl: await startService(describeApi('/v1/regions')),
      publicUrl: 'https://cdn.example.net',
    });
    const document = (await (await fetch(`${base}/openapi.json`)).json()) as { paths: object; servers: unknown };
    expect(Object.keys(document.paths)).toEqual(['/v1/assets', '/v1/regions']);
    expect(document.servers).toEqual([{ url: 'https://cdn.example.net' }]);
  });

  it('is served from here alone, also to people without a key', async () => {
    const { base } = await startConsole();
    for (const path of ['/docs', '/docs/errors', '/docs/configuration']) {
      const response = await fetch(base + path);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-security-policy')).toContain("script-src 'self'");
      const text = await response.text();
      expect(text).not.toMatch(/(src|href)="(https?:)?\/\//);
      for (const [, address] of text.matchAll(/(?:src|href)="(\/static\/[^"]+)"/g)) {
        expect([address, (await fetch(base + address)).status]).toEqual([address, 200]);
      }
    }
    expect(await (await fetch(`${base}/docs/errors`)).text()).toContain('id="no-appliance-available"');
    expect(await (await fetch(`${base}/docs/configuration`)).text()).toContain('NIGHTFILL_OPEN_WATCH_PAGE');
  });
});

describe('the pages', () => {
  const asset = {
    id: 'film',
    title: '<script>alert(1)</script>',
    state: 'published',
    version: 'v1',
    durationS: 65,
    sizeBytes: 12_345_678,
    failure: null,
  };
  const playback = {
    hls: 'http://edge.example:9001/t/tok/v/film/v1/main.m3u8',
    dash: 'http://edge.example:9001/t/tok/v/film/v1/main.mpd',
    region: { id: 'eu', reason: 'coverage', detail: '127.0.0.1 is in 127.0.0.0/8, which eu covers' },
    appliances: [{ id: 'e1', region: 'eu', reason: 'ranks first' }],
    expiresAt: '2026-11-20T20:00:00.000Z',
  };
  const services = async (over: { asset?: object } = {}) => {
    const asked: { url: string | undefined; body: string; authorization: string | undefined }[] = [];
    const controlUrl = await startService(async (incoming, response) => {
      const body = (await incoming.toArray()).join('');
      asked.push({ url: incoming.url, body, authorization: incoming.headers.authorization });
      if (incoming.url === '/v1/playback') return answerJson(response, playback);
      if (incoming.url?.startsWith('/v1/appliances')) return answerJson(response, { items: [], next: null });
      return answerJson(response, { items: [], next: null });
    });
    const ingestUrl = await startService((incoming, response) => {
      if (incoming.url === '/v1/assets/film') return answerJson(response, { ...asset, ...over.asset });
      if (incoming.url?.startsWith('/v1/assets?')) return answerJson(response, { items: [asset], next: null });
      answerJson(response, { code: 'asset-not-found', detail: 'There is no such asset.' }, 404);
    });
    return { asked, controlUrl, ingestUrl };
  };
  const asBrowser = { accept: 'text/html' };

  it('need the key where they are not open: a problem for programs, a form for people', async () => {
    const { base } = await startConsole(await services());
    for (const path of ['/', '/overview', '/watch/film']) {
      const program = await fetch(base + path);
      expect([path, program.status]).toEqual([path, 401]);
      expect(program.headers.get('www-authenticate')).toContain('Bearer');
      expect(await program.json()).toMatchObject({ code: 'unauthorized' });
      const person = await fetch(base + path, { headers: asBrowser });
      expect(person.status).toBe(401);
      expect(await person.text()).toContain('<form method="post" action="/sign-in">');
      expect((await fetch(base + path, { headers: { authorization: `Bearer ${apiKey}` } })).status).toBe(200);
    }
  });

  it('open by a sign-in whose cookie opens nothing else', async () => {
    const { base } = await startConsole(await services());
    const signIn = (key: string, next: string) =>
      fetch(`${base}/sign-in`, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ key, next }) });
    expect((await signIn('wrong', '/')).status).toBe(401);
    const right = await signIn(apiKey, '/watch/film');
    expect([right.status, right.headers.get('location')]).toEqual([303, '/watch/film']);
    expect((await signIn(apiKey, 'https://evil.example/')).headers.get('location')).toBe('/');
    expect((await signIn(apiKey, '//evil.example/')).headers.get('location')).toBe('/');
    const cookie = right.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/HttpOnly; SameSite=Lax/);
    expect(cookie).not.toContain(apiKey);
    const headers = { cookie: cookie.split(';')[0] ?? '' };
    expect((await fetch(`${base}/watch/film`, { headers })).status).toBe(200);
    expect(await (await fetch(base, { headers })).text()).toContain('Sign out');
  });

  it('never show the key, and nothing unescaped', async () => {
    const { base } = await startConsole({ ...(await services()), openPages: true });
    for (const path of ['/', '/overview', '/watch/film']) {
      const text = await (await fetch(base + path)).text();
      expect(text).not.toContain(apiKey);
      expect(text).not.toContain('<script>alert');
      expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
      expect(text).not.toMatch(/<script(?![^>]*src=)/);
    }
  });

  it('play from the appliance that control chose for the viewer’s address, and say why', async () => {
    const { asked, ...urls } = await services();
    const { base } = await startConsole({ ...urls, openPages: true, trustProxy: ['127.0.0.1'] });
    const response = await fetch(`${base}/watch/film?region=eu`, { headers: { 'x-forwarded-for': '192.0.2.9' } });
    expect(JSON.parse(asked[0]?.body ?? '{}')).toEqual({ assetId: 'film', ip: '192.0.2.9', region: 'eu' });
    expect(asked[0]?.authorization).toBe(`Bearer ${apiKey}`);
    const csp = response.headers.get('content-security-policy') ?? '';
    expect(csp).toContain("connect-src 'self' http://edge.example:9001");
    expect(csp).not.toContain('unsafe-inline');
    const text = await response.text();
    expect(text).toContain(`data-hls="${playback.hls}"`);
    expect(text).toContain('127.0.0.1 is in 127.0.0.0/8, which eu covers');
    for (const address of ['/static/watch.js', '/static/hls/hls.min.mjs', '/static/hls/hls.worker.js']) {
      expect((await fetch(base + address)).headers.get('content-type')).toContain('javascript');
    }
  });

  it('wait for a title that is being made, and explain one that is not there', async () => {
    const { base } = await startConsole({
      ...(await services({
        asset: { version: null, state: 'transcoding', progress: { stage: 'encode', fraction: 0.42 } },
      })),
      openPages: true,
    });
    expect(await (await fetch(`${base}/watch/film`)).text()).toContain('42%');
    const missing = await fetch(`${base}/watch/nothing`, { headers: asBrowser });
    expect(missing.status).toBe(404);
    expect(await missing.text()).toContain('There is no such asset.');
    expect((await (await fetch(`${base}/watch/nothing`)).json()) as object).toMatchObject({ code: 'asset-not-found' });
  });

  it('show what they can while a service is away', async () => {
    const { ingestUrl } = await services();
    const { base } = await startConsole({ ingestUrl, openPages: true });
    const text = await (await fetch(base)).text();
    expect(text).toContain('The control service does not answer');
    expect(text).toContain('href="/watch/film"');
  });

  it('show the report of a night, with its rate over time and what to do about failures', async () => {
    const count = { files: 2, bytes: 2_000_000 };
    const report = {
      regionId: 'eu',
      date: '2026-11-21',
      state: 'incomplete',
      startedAt: '2026-11-21T00:00:00.000Z',
      finishedAt: '2026-11-21T00:04:00.000Z',
      durationS: 240,
      planned: count,
      pushed: count,
      skipped: count,
      kept: count,
      failed: count,
      meanRateBps: 8e5,
      peakRateBps: 8e5,
      forecastCoverage: 0.5,
      appliances: [
        { applianceId: 'edge-1', planned: count, pushed: count, skipped: count, kept: count, failed: count },
      ],
      failures: [],
      failureCounts: {},
      failureTotals: { 'window-ended': count },
      rateCurve: [{ atS: 0, bytes: 1e6 }],
      score: null,
    };
    const controlUrl = await startService(({ url = '' }, response) => {
      if (url === '/v1/regions/eu') answerJson(response, { id: 'eu', timeZone: 'Europe/Berlin' });
      else if (url.endsWith('/fill-reports?limit=14')) answerJson(response, { items: [report] });
      else if (url.endsWith('/2026-11-21')) answerJson(response, report);
      else answerJson(response, { code: 'report-not-found', detail: 'No report <b>there</b>.' }, 404);
    });
    const { base } = await startConsole({ controlUrl, openPages: true });
    const text = await (await fetch(`${base}/reports/eu/2026-11-21`, { headers: asBrowser })).text();
    expect(text).toMatch(/<svg class="curve"[^>]*aria-label="Rate over the fill’s time/);
    expect(text).toContain('<span>01:00</span><span>01:02</span><span>01:04</span>');
    expect(text).toContain('widen the window or raise the rate');
    expect(text).toContain('edge-1');
    const missing = await fetch(`${base}/reports/eu/2026-11-22`, { headers: asBrowser });
    expect(missing.status).toBe(404);
    expect(await missing.text()).toContain('No report &lt;b&gt;there');
  });
});
