import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveRange } from '../../shared/domain/http/range.ts';
import { sliceSizeBytes } from '../../shared/domain/manifest.ts';
import type { SigningKey } from '../../shared/tokens/keys.ts';
import { makeTitle, type RawResponse, type RunningAppliance, send, signedPath } from './testing/fleet.ts';
import { type OneEdge, startOneEdge } from './testing/one-edge.ts';

const sizeBytes = 2 * sliceSizeBytes + 999;
const playlist = `#EXTM3U\n${Array.from({ length: 200 }, (_, i) => `#EXTINF:6.0,\nseg-${i}.m4s\n`).join('')}`;
const title = makeTitle('film', [{ path: 'video-720p/large.mp4', sizeBytes }], playlist);
const whole = title.files.get('video-720p/large.mp4') ?? Buffer.alloc(0);

let one: OneEdge | undefined;
let key: SigningKey;
let edge: RunningAppliance;
let large: string;
let list: string;

beforeAll(async () => {
  one = await startOneEdge(title, 6e6);
  ({ edge, key } = one);
  large = await signedPath(key, title, 'video-720p/large.mp4');
  list = await signedPath(key, title, 'master.m3u8');
});
afterAll(() => one?.stop());

/** The parts of a multipart answer, read as a client does: by the boundary, then by the lengths that the heads give. */
function partsOf({ headers, body }: RawResponse): { start: number; end: number; bytes: Buffer }[] {
  const boundary = /^multipart\/byteranges; boundary=(\w+)$/.exec(String(headers['content-type']))?.[1] ?? 'none';
  const parts = [];
  let at = 0;
  for (;;) {
    const line = body.indexOf('\r\n', at);
    const delimiter = body.toString('latin1', at, line);
    if (delimiter === `--${boundary}--`) {
      expect(line + 2).toBe(body.length);
      return parts;
    }
    expect(delimiter).toBe(`--${boundary}`);
    const headEnd = body.indexOf('\r\n\r\n', at);
    const head = body.toString('latin1', line + 2, headEnd);
    expect(head).toContain('Content-Type: video/iso.segment');
    const [, start = 0, end = 0, total] = (/Content-Range: bytes (\d+)-(\d+)\/(\d+)/.exec(head) ?? []).map(Number);
    expect(total).toBe(sizeBytes);
    const from = headEnd + 4;
    parts.push({ start, end, bytes: body.subarray(from, from + end + 1 - start) });
    at = from + end + 1 - start;
    expect(body.toString('latin1', at, at + 2)).toBe('\r\n');
    at += 2;
  }
}

describe('several ranges', () => {
  it('come as multipart/byteranges with exactly their bytes, in any order and across slices', async () => {
    const near = [0, sliceSizeBytes, 2 * sliceSizeBytes, sizeBytes - 1].map((edge) =>
      fc.integer({ min: Math.max(0, edge - 300), max: Math.min(sizeBytes + 10, edge + 300) }),
    );
    const range = fc.tuple(fc.oneof(...near), fc.nat({ max: 2_000 })).map(([a, length]) => `${a}-${a + length}`);
    const spec = fc.oneof(
      range,
      fc.nat({ max: 500 }).map((length) => `-${length + 1}`),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(spec, { minLength: 2, maxLength: 6 }), async (specs) => {
        const header = `bytes=${specs.join(',')}`;
        const answer = await send(edge.port, large, { headers: { range: header } });
        const model = resolveRange(header, sizeBytes);
        if (model.kind === 'unsatisfiable') return expect(answer.status).toBe(416);
        expect(answer.status).toBe(206);
        if (model.kind !== 'several') return;
        const parts = partsOf(answer);
        expect(parts.map(({ start, end }) => ({ start, end }))).toEqual(model.ranges);
        for (const { start, end, bytes } of parts) expect(bytes.equals(whole.subarray(start, end + 1))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('are no way to get more than the file: too many are ignored, overlapping ones joined', async () => {
    const bomb = `bytes=${Array.from({ length: 1_000 }, (_, i) => `${i}-`).join(',')}`;
    const answer = await send(edge.port, large, { headers: { range: bomb } });
    expect([answer.status, answer.body.length]).toEqual([200, sizeBytes]);
    const overlapping = await send(edge.port, large, { headers: { range: 'bytes=0-,1-,2-,3-' } });
    expect([overlapping.status, overlapping.body.length]).toEqual([206, sizeBytes]);
  });

  it('stand with If-Range by date, and fall with another', async () => {
    const range = 'bytes=0-9,1000-1009';
    const same = { range, 'if-range': 'Fri, 20 Nov 2026 14:30:07 GMT' };
    expect(partsOf(await send(edge.port, large, { headers: same }))).toHaveLength(2);
    const other = { range, 'if-range': 'Fri, 20 Nov 2026 14:30:06 GMT' };
    expect((await send(edge.port, large, { headers: other })).status).toBe(200);
  });
});

describe('playlists', () => {
  it('come as gzip to those who take it, under a tag of their own', async () => {
    const plain = await send(edge.port, list);
    expect(plain.body.toString()).toBe(playlist);
    expect(plain.headers['content-encoding']).toBeUndefined();
    for (const accepted of ['gzip', 'br, gzip;q=0.5', '*']) {
      const answer = await send(edge.port, list, { headers: { 'accept-encoding': accepted } });
      expect(answer.headers).toMatchObject({
        'content-encoding': 'gzip',
        'content-type': 'application/vnd.apple.mpegurl',
        vary: 'Accept-Encoding',
        'content-length': String(answer.body.length),
      });
      expect(answer.body.length).toBeLessThan(playlist.length / 2);
      expect(gunzipSync(answer.body).toString()).toBe(playlist);
      expect(answer.headers.etag).not.toBe(plain.headers.etag);
      expect(answer.headers.etag).toMatch(/^"[^"]+"$/);
      const again = { 'accept-encoding': accepted, 'if-none-match': String(answer.headers.etag) };
      const unchanged = await send(edge.port, list, { headers: again });
      expect([unchanged.status, unchanged.headers.vary]).toEqual([304, 'Accept-Encoding']);
      const wrongTag = { 'accept-encoding': accepted, 'if-none-match': String(plain.headers.etag) };
      expect((await send(edge.port, list, { headers: wrongTag })).status).toBe(200);
    }
    const head = await send(edge.port, list, { method: 'HEAD', headers: { 'accept-encoding': 'gzip' } });
    expect([head.headers['content-encoding'], head.body.length]).toEqual(['gzip', 0]);
    expect(plain.headers.vary).toBe('Accept-Encoding');
  });

  it('come plain where gzip is refused, and where a range of the published bytes is asked for', async () => {
    for (const headers of [{ 'accept-encoding': 'gzip;q=0' }, { 'accept-encoding': 'br' }, { 'accept-encoding': '' }]) {
      expect((await send(edge.port, list, { headers })).body.toString()).toBe(playlist);
    }
    const part = await send(edge.port, list, { headers: { 'accept-encoding': 'gzip', range: 'bytes=0-6' } });
    expect([part.status, part.body.toString()]).toEqual([206, '#EXTM3U']);
  });

  it('alone are encoded: media is as small as it gets', async () => {
    const answer = await send(edge.port, large, { headers: { 'accept-encoding': 'gzip' } });
    expect([answer.headers['content-encoding'], answer.headers.vary]).toEqual([undefined, undefined]);
    expect(answer.body.equals(whole)).toBe(true);
  });
});

describe('methods', () => {
  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE'])('%s is not one that media takes', async (method) => {
    const answer = await send(edge.port, list, { method });
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS']);
    expect(answer.headers['content-type']).toBe('application/problem+json');
  });

  it('every answer may be read and timed by pages of any origin, refusals too', async () => {
    for (const path of [list, '/v/film/v1/master.m3u8', '/v/film/v1/../x']) {
      const { headers } = await send(edge.port, path, { headers: { origin: 'https://player.example' } });
      expect(headers).toMatchObject({ 'access-control-allow-origin': '*', 'timing-allow-origin': '*' });
    }
  });
});
