import { createHash } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedisServer, type TestRedisServer } from '../../shared/testing/redis-server.ts';
import { validatorOf } from './import/open-url.ts';
import { usualPartBytes } from './part-writer.ts';
import { type Clips, makeClips } from './testing/clips.ts';
import { assetOf, type IngestProcess, startIngest, until } from './testing/ingest-process.ts';
import { makeOtherServers } from './testing/other-servers.ts';

let redis: TestRedisServer;
let clips: Clips;
let ingest: IngestProcess;
const { listen, close: closeServers } = makeOtherServers();

beforeAll(async () => {
  [redis, clips] = await Promise.all([startRedisServer(), makeClips()]);
  ingest = await startIngest(redis.url, { NIGHTFILL_IMPORT_NETWORKS: '127.0.0.2/32', NIGHTFILL_IMPORT_TIMEOUT: '20s' });
});
afterAll(async () => {
  await ingest?.remove();
  await redis?.stop();
  await clips?.remove();
  closeServers();
});

/** A film of some parts: the clip, and behind it a box that players pass over. */
function filmOf(parts: number, filling = 1): Buffer {
  const free = Buffer.alloc(Math.round(parts * usualPartBytes), filling);
  free.writeUInt32BE(free.length, 0);
  free.write('free', 4, 'latin1');
  return Buffer.concat([clips.video, free]);
}
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

type Answer = RequestListener;

/** Answers each request by the next of `answers`, the last for all that follow; tells which ranges were asked for. */
async function origin(...answers: readonly Answer[]) {
  const asked: { readonly range: string | undefined; readonly ifRange: string | undefined }[] = [];
  const port = await listen('127.0.0.2', (request, response) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)];
    asked.push({ range: request.headers.range, ifRange: request.headers['if-range'] as string | undefined });
    response.on('error', () => undefined);
    answer?.(request, response);
  });
  return { url: `http://127.0.0.2:${port}/film.mp4`, asked };
}

/** The first bytes, and then nothing for ever. */
const begins =
  (film: Buffer, bytes: number, headers: Record<string, string> = {}): Answer =>
  (_request, response) => {
    response.writeHead(200, { 'content-length': film.length, ...headers }).write(film.subarray(0, bytes));
  };
const whole =
  (film: Buffer, headers: Record<string, string> = {}): Answer =>
  (_request, response) => {
    response.writeHead(200, { 'content-length': film.length, ...headers }).end(film);
  };
const startOf = (range: string | undefined): number => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1]);
/** What is asked for, as far as `bytes` of it, and then the connection breaks; all of it without. */
const rest =
  (film: Buffer, headers: Record<string, string>, bytes?: number): Answer =>
  (request, response) => {
    const start = startOf(request.headers.range);
    const wanted = {
      'content-length': film.length - start,
      'content-range': `bytes ${start}-${film.length - 1}/${film.length}`,
    };
    response.writeHead(206, { ...wanted, ...headers });
    if (bytes === undefined) response.end(film.subarray(start));
    else response.write(film.subarray(start, start + bytes), () => response.destroy());
  };

interface View {
  readonly id: string;
  readonly offset: number;
  readonly sizeBytes: number | null;
  readonly restarts?: number;
  readonly assetId: string | null;
  readonly failure: unknown;
}
const viewOf = async (id: string): Promise<View> => (await (await ingest.call(`/v1/uploads/${id}`)).json()) as View;

async function order(url: string): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const response = await ingest.call('/v1/assets', { method: 'POST', headers, body: JSON.stringify({ url }) });
  expect(response.status).toBe(202);
  return ((await response.json()) as View).id;
}

/** Looks on until it is an asset: what is told never goes back. Returns the last that was told of the import itself. */
async function followed(id: string, from = 0): Promise<View | null> {
  let last: View | null = null;
  let furthest = from;
  await until(
    'the asset',
    async () => {
      const view = await viewOf(id);
      expect(view.failure).toBeNull();
      expect(view.offset).toBeGreaterThanOrEqual(furthest);
      furthest = view.offset;
      if (view.assetId === null) last = view;
      return view.assetId !== null;
    },
    60_000,
  );
  return last;
}
const sourceOf = async (id: string) => (await assetOf(await ingest.call(`/v1/assets/${id}`))).source;

/** Killed when more than a part of the film is there. */
async function killedInTheMiddle(url: string, film: Buffer): Promise<{ id: string; told: number }> {
  const id = await order(url);
  await until('two parts', async () => (await viewOf(id)).offset > 2.2 * usualPartBytes, 60_000);
  const told = await viewOf(id);
  expect(told).toMatchObject({ sizeBytes: film.length, failure: null });
  await ingest.kill();
  await ingest.restart();
  return { id, told: told.offset };
}

describe('an import that is cut off', { timeout: 120_000 }, () => {
  it('goes on behind what is stored after ingest was killed, where the file is told to be the same', async () => {
    const film = filmOf(3);
    const etag = { etag: '"v1"' };
    const { url, asked } = await origin(begins(film, 2.4 * usualPartBytes, etag), rest(film, etag));
    const { id, told } = await killedInTheMiddle(url, film);
    await followed(id, told);
    expect(asked).toHaveLength(2);
    expect(asked[1]?.ifRange).toBe(etag.etag);
    const start = startOf(asked[1]?.range);
    expect(start).toBeGreaterThanOrEqual(usualPartBytes);
    expect(start % usualPartBytes).toBe(0);
    expect(await sourceOf(id)).toMatchObject({ sizeBytes: film.length, sha256: digest(film) });
    expect(await ingest.leftovers()).not.toContainEqual(expect.stringMatching(/scratch|parts/));
  });

  it('begins again, and says so, where the server has nothing by which the rest could be asked for', async () => {
    const film = filmOf(3);
    let finish = (): void => undefined;
    const { url, asked } = await origin(
      begins(film, 2.4 * usualPartBytes, { etag: 'W/"v1"' }),
      (_request, response) => {
        response.writeHead(200, { 'content-length': film.length }).write(film.subarray(0, 1_000));
        finish = () => void response.end(film.subarray(1_000));
      },
    );
    const { id, told } = await killedInTheMiddle(url, film);
    await until('the second request', async () => (await viewOf(id)).restarts === 1);
    expect((await viewOf(id)).offset).toBeGreaterThanOrEqual(told);
    finish();
    await followed(id, told);
    expect(asked).toEqual([{}, {}]);
    expect(await sourceOf(id)).toMatchObject({ sha256: digest(film) });
  });

  it('takes the new file where it was changed meanwhile, whether or not the server minds If-Range', async () => {
    const [film, other] = [filmOf(3), filmOf(3, 2)];
    const minds = await origin(begins(film, 2.4 * usualPartBytes, { etag: '"v1"' }), whole(other, { etag: '"v2"' }));
    const first = await killedInTheMiddle(minds.url, film);
    await followed(first.id, first.told);
    expect(await sourceOf(first.id)).toMatchObject({ sha256: digest(other) });

    const careless = await origin(
      begins(film, 2.4 * usualPartBytes, { etag: '"v1"' }),
      rest(other, { etag: '"v2"' }),
      whole(other, { etag: '"v2"' }),
    );
    const second = await killedInTheMiddle(careless.url, film);
    await followed(second.id, second.told);
    expect(await sourceOf(second.id)).toMatchObject({ sha256: digest(other) });
    expect(careless.asked.map(({ range }) => range === undefined)).toEqual([true, false, true]);
  });

  it('goes on over more broken connections than it takes attempts, while each brings it further', async () => {
    const film = filmOf(4);
    const etag = { etag: '"v1"' };
    const broken = 0.9 * usualPartBytes + 1;
    const { url, asked } = await origin((request, response) => {
      if (asked.length === 1)
        response
          .writeHead(200, { 'content-length': film.length, ...etag })
          .write(film.subarray(0, usualPartBytes + 5), () => response.destroy());
      else rest(film, etag, asked.length < 5 ? broken : undefined)(request, response);
    });
    const id = await order(url);
    expect((await followed(id))?.restarts ?? 0).toBe(0);
    expect(asked).toHaveLength(5);
    const starts = asked.slice(1).map(({ range }) => startOf(range));
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
    expect(await sourceOf(id)).toMatchObject({ sha256: digest(film) });
  });
});

it('only what cannot hide a change serves to ask for the rest', () => {
  const modified = 'Sat, 21 Nov 2026 10:00:00 GMT';
  const later = 'Sat, 21 Nov 2026 10:00:01 GMT';
  expect(validatorOf({ etag: '"a"', 'last-modified': modified })).toBe('"a"');
  expect(validatorOf({ etag: 'W/"a"', 'last-modified': modified, date: later })).toBe(modified);
  expect(validatorOf({ 'last-modified': modified, date: modified })).toBeNull();
  expect(validatorOf({ 'last-modified': modified })).toBeNull();
  expect(validatorOf({ etag: 'bare' })).toBeNull();
});
