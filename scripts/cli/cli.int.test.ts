import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Problem } from '../../shared/platform/problem.ts';
import { startApi, type TestApi } from './testing/api.ts';
import { run, start, until } from './testing/run.ts';

const asset = (index: number) => ({
  id: `film-${index}`,
  title: index === 0 ? 'Evil \u001b[2J title' : `Film ${index}`,
  tags: [],
  state: 'published',
  profile: 'default',
  source: { fileName: 'f.mp4', sizeBytes: 1, sha256: '', container: 'mov', durationS: 60, video: null, audio: null },
  version: 'v1',
  durationS: 60,
  sizeBytes: 2 ** 20,
  failure: null,
  createdAt: '2026-11-20T12:00:00.000Z',
  updatedAt: '2026-11-20T12:00:00.000Z',
  publishedAt: '2026-11-20T12:01:00.000Z',
  progress: null,
  renditions: [],
});

const fill = (state: string, pushedBytes: number) => ({
  id: 'eu-2026-11-21',
  regionId: 'eu',
  date: '2026-11-21',
  run: 1,
  state,
  start: 'now',
  createdAt: '2026-11-20T12:00:00.000Z',
  startedAt: null,
  finishedAt: null,
  message: state === 'incomplete' ? 'edge-1 could not be reached; see that it runs' : null,
  planned: { files: 4, bytes: 4_000 },
  pushed: { files: pushedBytes / 1_000, bytes: pushedBytes },
  skipped: { files: 0, bytes: 0 },
  failed: { files: 0, bytes: 0 },
  rateBps: 8_000,
});

let api: TestApi;
let folder: string;
let fillAsked = 0;
let fillEnd = 'completed';
const imports: string[] = [];
const changes: unknown[] = [];
const assetsInAll = 450;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightfill-cli-'));
  api = await startApi((server) => {
    server.addContentTypeParser('text/csv', { parseAs: 'string' }, (_request, body, done) => done(null, body));
    server.get('/v1/assets/film-1', async () => asset(1));
    server.patch('/v1/assets/film-1', async ({ body }) => {
      changes.push(body);
      return asset(1);
    });
    server.get<{ Querystring: { after?: string; limit: number } }>('/v1/assets', async ({ query }) => {
      const from = Number(query.after ?? 0);
      const to = Math.min(assetsInAll, from + Number(query.limit));
      const items = Array.from({ length: to - from }, (_, index) => asset(from + index));
      return { items, next: to < assetsInAll ? String(to) : null };
    });
    server.get<{ Params: { id: string } }>('/v1/assets/:id', async ({ params }) => {
      if (params.id === 'broken') throw new Error('a secret of the inside');
      throw new Problem('asset-not-found', `There is no asset ${params.id}; GET /v1/assets lists them.`);
    });
    server.post('/v1/demand', async ({ body }) => {
      imports.push(String(body));
      return { rows: 1, regions: 1, days: 1 };
    });
    server.get('/v1/demand', async (_request, reply) =>
      reply
        .type('text/csv')
        .send('hour,region,asset,views,bytes\n2026-11-20T14,eu,film-1,3,900\n2026-11-19,eu,film-2,1,5\n'),
    );
    server.get('/v1/regions/eu', async () => ({
      timeZone: 'Europe/Berlin',
      nextWindow: { startsAt: '2100-01-01T00:00:00Z' },
    }));
    server.post('/v1/fills', async (_request, reply) => reply.code(202).send(fill('scheduled', 0)));
    server.get('/v1/fills/:id', async () => {
      fillAsked += 1;
      return fillAsked < 2 ? fill('running', 2_000) : fill(fillEnd, 4_000);
    });
    server.post('/v1/appliances', async ({ body }, reply) => {
      const credential = 'credential-of-the-edge';
      return reply.code(201).send({
        ...Object(body),
        role: 'edge',
        mode: 'active',
        health: 'never-seen',
        status: null,
        weight: 1,
        credential,
      });
    });
    server.get('/v1/fills', async () => ({ items: [fill('running', 1_000)], next: null }));
  });
});
afterAll(async () => {
  await api.close();
  await rm(folder, { recursive: true });
});

/** Standard output as JSON: fails unless it is one document and nothing else. */
const documentOf = (stdout: string): unknown => {
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  return JSON.parse(stdout);
};

describe('answers', () => {
  it('go to standard output: a table for people, one document with --json', async () => {
    const people = await run(['assets', '--limit', '3'], { env: api.env });
    expect(people.code).toBe(0);
    expect(people.stdout.split('\n')[0]).toMatch(/^ID +STATE +LENGTH +SIZE +CREATED +TITLE$/);
    expect(people.stdout.split('\n')[1]).toMatch(/^film-0 +published +1m00s +1.00 MiB .* Evil {2}title$/);
    expect(people.stderr).toContain('more than 3');

    const machine = await run(['assets', '--json', '--limit', '401'], { env: api.env });
    expect(machine).toMatchObject({ code: 0, stderr: '' });
    expect(documentOf(machine.stdout)).toHaveLength(401);
  });

  it('read the options before and after the command', async () => {
    const ended = await run(['--json', '--api', api.url, '--key', 'key-of-the-test-api', 'assets', '--limit', '1']);
    expect(documentOf(ended.stdout)).toHaveLength(1);
  });

  it('stop quietly when their reader has seen enough', async () => {
    const running = start(['assets', '--limit', '100000'], { env: api.env });
    running.child.stdout?.destroy();
    expect(await running.ended).toMatchObject({ code: 141, stderr: '' });
  });
});

describe('refusals', () => {
  it('are one line with the reason and end with 4', async () => {
    const ended = await run(['assets', 'nothing'], { env: api.env });
    expect(ended).toMatchObject({
      code: 4,
      stdout: '',
      stderr: 'nightfill: There is no asset nothing; GET /v1/assets lists them.\n',
    });
  });

  it('are JSON on standard error with --json, and standard output stays empty', async () => {
    const ended = await run(['assets', 'nothing', '--json'], { env: api.env });
    expect(ended).toMatchObject({ code: 4, stdout: '' });
    expect(documentOf(ended.stderr)).toMatchObject({ error: { code: 'asset-not-found', exitCode: 4 } });
  });

  it('tell a wrong key from an API that fails', async () => {
    const wrongKey = await run(['assets'], { env: { ...api.env, NIGHTFILL_API_KEY: 'some-other-key-000' } });
    expect(wrongKey).toMatchObject({ code: 4, stderr: expect.stringMatching(/key is not known.*NIGHTFILL_API_KEY/) });
    const broken = await run(['assets', 'broken'], { env: api.env });
    expect(broken).toMatchObject({ code: 5, stderr: expect.stringMatching(/^nightfill: .*\(request [\w-]+\)\n$/) });
    expect(broken.stderr).not.toContain('secret of the inside');
  });
});

describe('an API that is not there', () => {
  it('ends with 3 and says how to start it', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await until(() => server.listening, 'a port');
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    await new Promise((resolve) => server.close(resolve));
    const ended = await run(['regions'], { env: { ...api.env, NIGHTFILL_API: `http://127.0.0.1:${port}` } });
    expect(ended).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(/^nightfill: nothing answers at http:\/\/127.0.0.1:\d+: start it with npm start/),
    });
  });

  it('is told apart from an installation that was never started', async () => {
    const ended = await run(['regions', '--data', folder]);
    expect(ended).toMatchObject({ code: 3, stderr: expect.stringContaining('no installation found') });
  });

  it('is a finding of doctor, not the end of it', async () => {
    const ended = await run(['doctor', '--json', '--data', folder]);
    expect(ended.code).toBe(1);
    const { ok, findings } = documentOf(ended.stdout) as {
      ok: boolean;
      findings: { check: string; verdict: string }[];
    };
    expect(ok).toBe(false);
    expect(findings).toContainEqual(expect.objectContaining({ check: 'api', verdict: 'fail' }));
    expect(findings).toContainEqual(expect.objectContaining({ check: 'node', verdict: 'ok' }));
  });
});

describe('usage errors', () => {
  it.each([
    [['fill'], /required option '--region <id>'/],
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['play', 'x', '--region', 'a', '--ip', '1.2.3.4'], /cannot be used with/],
    [['forecast', '--region', 'eu', '--date', 'tomorrow'], /must be a date such as 2026-11-21/],
    [['regions', 'add', 'eu', '--rate', '5 apples'], /must be a rate such as/],
    [['regions', 'add', 'eu'], /needs --time-zone, --window, --night-bytes and --rate/],
    [['upload', '/nowhere/film.mp4'], /\/nowhere\/film.mp4 does not exist/],
    [['report', '--date', '2026-11-20'], /need a --region/],
    [['demand', 'import', '/nowhere.csv'], /does not exist/],
  ])('end with 2 and do nothing: %j', async (args, message) => {
    const ended = await run(args, { env: api.env });
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
    expect(ended.stderr).toMatch(/^nightfill: /);
  });
});

describe('appliances add', () => {
  it('tells the credential, and takes options that the list has too', async () => {
    const args = ['appliances', 'add', 'edge-1', '--region', 'eu', '--url', 'http://127.0.0.1:1', '--capacity', '2TB'];
    const people = await run(args, { env: api.env });
    expect(people).toMatchObject({ code: 0, stderr: '' });
    expect(people.stdout).toMatch(/region +eu\n/);
    expect(people.stdout).toContain('NIGHTFILL_APPLIANCE_CREDENTIAL=credential-of-the-edge\n');
    const machine = await run([...args, '--json'], { env: api.env });
    expect(documentOf(machine.stdout)).toMatchObject({ id: 'edge-1', regionId: 'eu', capacityBytes: 2e12 });
  });
});

describe('assets set', () => {
  it('sends what is named and nothing else, and shows the asset', async () => {
    changes.length = 0;
    const set = (...options: string[]) => run(['assets', 'set', 'film-1', ...options], { env: api.env });
    const shown = await set('--premiere', '2026-12-24T20:15:00+01:00', '--must-have');
    expect(shown.stdout).toMatch(/^id +film-1$/m);
    await set('--premiere', '2026-12-24', '--tag', 'a,b', '--no-must-have');
    await set('--no-premiere', '--no-series', '--no-tags');
    expect(changes).toEqual([
      { premiereDate: null, premieresAt: '2026-12-24T19:15:00.000Z', mustHave: true },
      { premiereDate: '2026-12-24', premieresAt: null, tags: ['a', 'b'], mustHave: false },
      { premiereDate: null, premieresAt: null, series: null, tags: [] },
    ]);
    const wrong = await set('--premiere', '2026-12-24T20:15:00');
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('2026-12-24T20:15:00+01:00') });
    expect((await set()).code).toBe(2);
    expect(changes).toHaveLength(3);
  });
});

describe('demand', () => {
  const table = 'day,region,asset,views,bytes\n2026-11-20,eu,film-1,3,900\n';

  it('is imported plain, packed, and from standard input', async () => {
    const plain = join(folder, 'table.csv');
    const packed = join(folder, 'table.csv.gz');
    await writeFile(plain, table);
    await writeFile(packed, gzipSync(table));
    imports.length = 0;
    expect(await run(['demand', 'import', plain], { env: api.env })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('1 row: 1 region, 1 day'),
    });
    expect((await run(['demand', 'import', packed], { env: api.env })).code).toBe(0);
    const piped = await run(['demand', 'import', '-', '--json'], { env: api.env, input: gzipSync(table) });
    expect(documentOf(piped.stdout)).toEqual({ rows: 1, regions: 1, days: 1 });
    expect(imports).toEqual([table, table, table]);
  });

  it('is exported as CSV, or as one document a line', async () => {
    const csv = await run(['demand', 'export'], { env: api.env });
    expect(csv.stdout).toMatch(/^hour,region,asset,views,bytes\n2026-11-20T14,eu,film-1,3,900\n/);
    const lines = (await run(['demand', 'export', '--json'], { env: api.env })).stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { hour: '2026-11-20T14', region: 'eu', asset: 'film-1', views: 3, bytes: 900 },
      { hour: '2026-11-19', region: 'eu', asset: 'film-2', views: 1, bytes: 5 },
    ]);
  });
});

describe('a fill', () => {
  it('is followed to its end with --now', async () => {
    fillAsked = 0;
    const ended = await run(['fill', '--region', 'eu', '--now', '--json'], { env: api.env });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(documentOf(ended.stdout)).toMatchObject({ state: 'completed', pushed: { bytes: 4_000 } });
  });

  it('is not waited for while its window is hours away', async () => {
    const ended = await run(['fill', '--region', 'eu'], { env: api.env });
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('scheduled') });
    expect(ended.stderr).toContain('nightfill fills eu-2026-11-21 --watch');
  });

  it('ends the command with 1 when it ended incomplete, and says why', async () => {
    fillAsked = 0;
    fillEnd = 'incomplete';
    const ended = await run(['fill', '--region', 'eu', '--now'], { env: api.env });
    fillEnd = 'completed';
    expect(ended).toMatchObject({ code: 1, stdout: expect.stringContaining('edge-1 could not be reached') });
  });

  it('goes on after Ctrl-C, which says how to see it', async () => {
    fillAsked = Number.NEGATIVE_INFINITY;
    const running = start(['fills', 'eu-2026-11-21', '--watch'], { env: api.env });
    await until(() => running.stderr().includes('pushed'), 'progress');
    running.child.kill('SIGINT');
    expect(await running.ended).toMatchObject({
      code: 130,
      stdout: '',
      stderr: expect.stringContaining('fill eu-2026-11-21 goes on, see nightfill fills eu-2026-11-21 --watch'),
    });
  });
});
