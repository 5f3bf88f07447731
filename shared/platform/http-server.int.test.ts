import { Type } from 'typebox';
import { afterEach, describe, expect, it } from 'vitest';
import { requireBearer } from './bearer.ts';
import { type HttpServer, type HttpServerOptions, makeHttpServer } from './http-server.ts';
import { makeLogger } from './logger.ts';
import { makeMetrics } from './metrics.ts';
import { Problem } from './problem.ts';

let server: HttpServer | undefined;
afterEach(async () => {
  await server?.close();
});

async function start(options: Partial<HttpServerOptions> = {}, routes: (server: HttpServer) => void = () => {}) {
  server = makeHttpServer({ logger: makeLogger('test', 'silent'), metrics: makeMetrics('test'), ...options });
  routes(server);
  return server.listen({ host: '127.0.0.1', port: 0 });
}

describe('the HTTP server of every process', () => {
  it('answers unknown addresses, invalid requests and thrown problems as problem+json with a request id', async () => {
    const base = await start({}, (it) => {
      it.get(
        '/count',
        { schema: { querystring: Type.Object({ n: Type.Integer({ minimum: 1 }) }) } },
        async ({ query }) => query,
      );
      it.get('/gone', async () => {
        throw new Problem('gone', 'It was deleted yesterday.', { headers: { 'x-extra': 'yes' } });
      });
    });
    for (const [path, status, code] of [
      ['/nowhere', 404, 'not-found'],
      ['/count?n=0', 400, 'invalid-request'],
      ['/gone', 410, 'gone'],
    ] as const) {
      const response = await fetch(base + path, { headers: { 'x-request-id': 'caller-7' } });
      expect(response.status).toBe(status);
      expect(response.headers.get('content-type')).toMatch('application/problem+json');
      expect(response.headers.get('x-request-id')).toBe('caller-7');
      expect(await response.json()).toMatchObject({ code, status, requestId: 'caller-7' });
    }
    expect((await fetch(`${base}/gone`)).headers.get('x-extra')).toBe('yes');
  });

  it('tells the caller nothing about an unexpected error', async () => {
    const base = await start({}, (it) => {
      it.get('/boom', async () => {
        throw new Error('password is swordfish');
      });
    });
    const response = await fetch(`${base}/boom`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('swordfish');
  });

  it('shows its metrics to those who may see them', async () => {
    let asked = '';
    const base = await start({
      mayReadMetrics: (ip) => {
        asked = ip;
        return asked !== '127.0.0.1';
      },
    });
    const refused = await fetch(`${base}/metrics`);
    expect([refused.status, asked]).toEqual([403, '127.0.0.1']);
    expect(await refused.json()).toMatchObject({ code: 'forbidden' });
    await server?.close();
    expect((await fetch(`${await start()}/metrics`)).status).toBe(200);
  });

  it('is ready only while everything it needs is there, and says what is missing', async () => {
    let broken = true;
    const base = await start({
      readiness: {
        redis: () => {
          if (broken) throw new Error('connection refused');
        },
      },
    });
    const before = await fetch(`${base}/readyz`);
    expect(before.status).toBe(503);
    expect(await before.json()).toEqual({ status: 'not-ready', checks: { redis: 'connection refused' } });
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
    broken = false;
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
  });

  it('counts requests by route in its metrics', async () => {
    const base = await start({}, (it) => {
      it.get('/things/:id', async () => 'x');
    });
    await fetch(`${base}/things/1`);
    await fetch(`${base}/things/2`);
    const text = await (await fetch(`${base}/metrics`)).text();
    expect(text).toMatch(/nightfill_http_request_seconds_count\{.*route="\/things\/:id".*\} 2/);
  });

  it('lets only the bearer of the key in', async () => {
    const base = await start({}, (it) => {
      it.get('/secret', { onRequest: requireBearer('the-right-key', 'Ask the operator.') }, async () => 'in');
    });
    const status = async (authorization?: string) =>
      (await fetch(`${base}/secret`, authorization ? { headers: { authorization } } : {})).status;
    expect(await status()).toBe(401);
    expect(await status('Bearer wrong')).toBe(401);
    expect(await status('Basic the-right-key')).toBe(401);
    expect(await status('bearer the-right-key')).toBe(200);
  });
});
