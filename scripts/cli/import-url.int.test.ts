import type { FastifyReply } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Problem } from '../../shared/platform/problem.ts';
import { startApi, type TestApi } from './testing/api.ts';
import { run } from './testing/run.ts';

let api: TestApi;
let asked: unknown[] = [];
let looks = 0;
const state = (offset: number, more = {}) => ({ id: 'anew', offset, sizeBytes: 20, assetId: null, ...more });
/** What is answered one after the other. */
const anew: ((reply: FastifyReply) => unknown)[] = [
  () => state(15),
  (reply) => reply.code(503).send({ code: 'not-ready', title: 'Not ready', detail: 'It starts.' }),
  () => state(10, { restarts: 1 }),
  () => state(20, { restarts: 1, assetId: 'film' }),
];

beforeAll(async () => {
  api = await startApi((server) => {
    server.post('/v1/assets', async (request, reply) => {
      asked.push(request.body);
      const { url } = request.body as { url: string };
      if (url.includes('inside')) throw new Problem('invalid-request', 'inside is not on the public Internet.');
      return reply.code(202).send({
        id: ['gone', 'anew'].find((word) => url.includes(word)) ?? 'film',
        offset: 0,
        sizeBytes: null,
        assetId: null,
      });
    });
    server.get('/v1/uploads/:id', async (request, reply) => {
      const { id } = request.params as { id: string };
      looks += 1;
      if (id === 'anew') return anew.shift()?.(reply);
      if (id === 'gone')
        return {
          id,
          offset: 0,
          sizeBytes: null,
          assetId: null,
          failure: { code: 'import-failed', reason: 'The server answers 404.' },
        };
      return { id, offset: looks * 10, sizeBytes: 20, assetId: looks > 2 ? 'film' : null };
    });
  });
});
afterAll(() => api.close());

describe('upload of a URL', () => {
  it('has the server fetch it, with what was said of it, and prints the asset', async () => {
    asked = [];
    const url = 'https://example.net/film.mp4';
    const { code, stdout } = await run(
      [
        'upload',
        url,
        '--title',
        'A film',
        '--tag',
        'x',
        '--series',
        'S',
        '--premiere',
        '2026-12-01',
        '--packaging',
        'single-file',
      ],
      { env: api.env },
    );
    expect(code).toBe(0);
    expect(stdout).toBe('film\n');
    expect(asked).toEqual([
      { url, title: 'A film', tags: ['x'], series: 'S', premiereDate: '2026-12-01', packaging: 'single-file' },
    ]);
  });

  it('goes on over a restart of the server, and says where the file is fetched again', async () => {
    const { code, stdout, stderr } = await run(['upload', 'https://example.net/anew.mp4'], { env: api.env });
    expect(code).toBe(0);
    expect(stdout).toBe('film\n');
    expect(stderr.match(/fetched again from its start/g)).toHaveLength(1);
  });

  it('tells why it could not be fetched, and why it was refused at once, by different exit codes', async () => {
    const failed = await run(['upload', 'https://example.net/gone.mp4'], { env: api.env });
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('The server answers 404.') });
    const refused = await run(['upload', 'http://inside/x.mp4'], { env: api.env });
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining('not on the public Internet') });
  });
});
