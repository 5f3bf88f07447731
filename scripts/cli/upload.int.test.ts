import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../shared/platform/problem.ts';
import { startApi, type TestApi } from './testing/api.ts';
import { run, start, until } from './testing/run.ts';

const sizeBytes = 24 * 2 ** 20;
const content = randomBytes(sizeBytes);

let api: TestApi;
let folder: string;
let stored: string;
let film: string;
/** Metadata of the uploads begun, and where each PATCH started. */
let created: unknown[] = [];
let offsets: number[] = [];
/** Bytes a second that the server takes; infinite: as they come. */
let paceBytesPerS = Number.POSITIVE_INFINITY;
/** What the server makes of the last byte. */
let verdict: 'accept' | 'refuse' | 'lose-answer' = 'accept';
let states: readonly string[] = [];
/** The request that is being answered. */
let current: IncomingMessage | null = null;

/** A real tus store behind a thin line. */
class PacedStore extends FileStore {
  override write(readable: Parameters<FileStore['write']>[0], id: string, offset: number): Promise<number> {
    const pace = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        void delay((chunk.length * 1_000) / paceBytesPerS).then(() => done(null, chunk));
      },
    });
    readable.on('error', () => pace.end()).on('close', () => pace.end());
    return super.write(readable.pipe(pace), id, offset);
  }
}

const assetIdOf = (uploadId: string): string => `asset-${uploadId.slice(0, 4)}`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightfill-upload-'));
  stored = join(folder, 'stored');
  film = join(folder, 'film.mp4');
  await mkdir(stored);
  await writeFile(film, content);
  const tus = new Server({
    path: '/v1/uploads',
    datastore: new PacedStore({ directory: stored }),
    relativeLocation: true,
    onUploadCreate: async (_request, upload) => {
      created.push({ ...upload.metadata });
      return {};
    },
    onUploadFinish: async (_request, upload) => {
      const problem = { code: 'unplayable-source', detail: 'It is not a video; upload one.' };
      if (verdict === 'refuse') throw { status_code: 422, body: JSON.stringify(problem) };
      if (verdict === 'lose-answer') current?.socket.destroy();
      return { headers: { 'Nightfill-Asset-Id': assetIdOf(upload.id) } };
    },
  });
  api = await startApi((server) => {
    server.addContentTypeParser('application/offset+octet-stream', (_request, _body, done) => done(null));
    for (const url of ['/v1/uploads', '/v1/uploads/:id'])
      server.route({
        method: ['POST', 'HEAD', 'PATCH'],
        url,
        handler: async (request, reply) => {
          if (request.method === 'PATCH') offsets.push(Number(request.headers['upload-offset']));
          current = request.raw;
          reply.hijack();
          await tus.handle(request.raw, reply.raw);
        },
      });
    server.get<{ Params: { id: string } }>(
      '/v1/uploads/:id',
      { exposeHeadRoute: false },
      async ({ params: { id } }) => {
        const found = await stat(join(stored, id)).catch(() => null);
        if (!found) throw new Problem('upload-not-found', 'There is no such upload.');
        return { id, offset: found.size, sizeBytes, assetId: found.size === sizeBytes ? assetIdOf(id) : null };
      },
    );
    server.get<{ Params: { id: string } }>('/v1/assets/:id/events', async ({ params }, reply) => {
      reply.hijack();
      reply.raw.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const state of states)
        reply.raw.write(`: still here\n\nevent: asset\ndata: ${JSON.stringify(assetOf(params.id, state))}\n\n`);
      reply.raw.end();
    });
    server.get<{ Params: { id: string } }>('/v1/assets/:id', async ({ params }) => assetOf(params.id, 'published'));
  });
});
afterAll(async () => {
  await api.close();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  created = [];
  offsets = [];
  paceBytesPerS = Number.POSITIVE_INFINITY;
  verdict = 'accept';
  states = ['uploaded', 'transcoding', 'published'];
  for (const name of await readdir(stored)) await rm(join(stored, name));
});

const assetOf = (id: string, state: string) => ({
  id,
  state,
  title: 'Film',
  sizeBytes: 2 ** 20,
  renditions: [{}, {}, {}],
  failure: state === 'failed' ? { code: 'encoder-failed', reason: 'The picture could not be encoded.' } : null,
  progress:
    state === 'transcoding' ? { stage: 'encode', fraction: 0.4, renditions: { 'video-720p': 0.4 }, speed: 2 } : null,
});

/** A user of their own, with nothing to resume. */
const user = (name: string) => ({ ...api.env, XDG_CACHE_HOME: join(folder, name) });
const remembered = (name: string): Promise<string[]> => readdir(join(folder, name, 'nightfill', 'uploads'));

async function storedBytes(): Promise<number> {
  const names = (await readdir(stored)).filter((name) => !name.endsWith('.json'));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(stored, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function storedContents(): Promise<Buffer[]> {
  const names = (await readdir(stored)).filter((name) => !name.endsWith('.json'));
  return Promise.all(names.map((name) => readFile(join(stored, name))));
}

describe('upload', () => {
  it('prints the asset id and nothing else on standard output', async () => {
    const args = ['upload', film, '--title', 'Über uns', '--tag', 'a', '--tag', 'b'];
    const ended = await run(args, { env: user('plain') });
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^asset-\w{4}\n$/) });
    expect(ended.stderr).toMatch(/film.mp4: uploaded 24.0 MiB in /);
    expect(created).toEqual([{ filename: 'film.mp4', title: 'Über uns', tags: 'a,b' }]);
    expect((await storedContents())[0]?.equals(content)).toBe(true);
    expect(await remembered('plain')).toEqual([]);
  });

  it('goes on where Ctrl-C stopped it, with the same command', async () => {
    paceBytesPerS = 4 * 2 ** 20;
    const running = start(['upload', film], { env: user('resume') });
    await until(async () => (await storedBytes()) > 2 ** 20, 'some bytes have arrived');
    running.child.kill('SIGINT');
    expect(await running.ended).toMatchObject({
      code: 130,
      stdout: '',
      stderr: expect.stringContaining('the same command resumes the upload'),
    });
    paceBytesPerS = Number.POSITIVE_INFINITY;
    const again = await run(['upload', film], { env: user('resume') });
    expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(/^asset-/) });
    expect(again.stderr).toMatch(/resuming at \d+%/);
    expect(created).toHaveLength(1);
    expect(offsets[0]).toBe(0);
    expect(offsets[1]).toBeGreaterThan(2 ** 20);
    expect((await storedContents()).map((bytes) => bytes.equals(content))).toEqual([true]);
  });

  it('goes on by itself after a kill, and leaves an upload alone that is still running', async () => {
    paceBytesPerS = 4 * 2 ** 20;
    const first = start(['upload', film], { env: user('kill') });
    await until(async () => (await storedBytes()) > 2 ** 20, 'some bytes have arrived');
    const second = start(['upload', film], { env: user('kill') });
    await until(() => created.length === 2, 'the second one begins its own');
    second.child.kill('SIGKILL');
    first.child.kill('SIGKILL');
    await Promise.all([first.ended, second.ended]);
    paceBytesPerS = Number.POSITIVE_INFINITY;
    expect(await run(['upload', film], { env: user('kill') })).toMatchObject({ code: 0 });
    expect(created).toHaveLength(2);
  });

  it('finds the asset when only the last answer was lost', async () => {
    verdict = 'lose-answer';
    const ended = await run(['upload', film], { env: user('lost') });
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^asset-\w{4}\n$/) });
    expect(created).toHaveLength(1);
  });

  it('says why a file is refused, and goes on with the next', async () => {
    verdict = 'refuse';
    const ended = await run(['upload', film, film, '--json'], { env: user('refuse') });
    expect(ended.code).toBe(4);
    const lines = ended.stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { file: film, assetId: null, error: { code: 'unplayable-source', message: 'It is not a video; upload one.' } },
      { file: film, assetId: null, error: { code: 'unplayable-source', message: 'It is not a video; upload one.' } },
    ]);
  });
});

describe('upload --wait', () => {
  it('waits until it plays', async () => {
    const ended = await run(['upload', film, '--wait', '--json'], { env: user('wait') });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(ended.stdout)).toMatchObject({ file: film, asset: { state: 'published' } });
  });

  it('asks again where events break off', async () => {
    states = ['uploaded'];
    const ended = await run(['upload', film, '--wait'], { env: user('poll') });
    expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining('published, 3 renditions, 1.00 MiB') });
  });

  it('ends with 1 and the reason when the transcode fails', async () => {
    states = ['transcoding', 'failed'];
    const ended = await run(['upload', film, '--wait'], { env: user('failed') });
    expect(ended).toMatchObject({ code: 1, stdout: expect.stringMatching(/^asset-/) });
    expect(ended.stderr).toContain('failed: The picture could not be encoded. (encoder-failed)');
  });
});
