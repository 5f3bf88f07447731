/** What fills push, over connections made by hand: received by us or by Node, the answers are the same. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { formatDigest } from '../../shared/domain/http/digest.ts';
import { sliceSizeBytes } from '../../shared/domain/manifest.ts';
import { applianceCredential } from '../../shared/tokens/credentials.ts';
import { fleetSecret, kernel, makeTitle, send, sha256, signedPath } from './testing/fleet.ts';
import { type OneEdge, startOneEdge } from './testing/one-edge.ts';
import { type Conversation, talk } from './testing/talk.ts';

const large = 'video-720p/large.mp4';
const small = 'video-720p/0.m4s';
const empty = 'video-720p/empty.m4s';
const title = makeTitle('film', [
  { path: small, sizeBytes: 100_000 },
  { path: large, sizeBytes: 2 * sliceSizeBytes + 100_000 },
  { path: empty, sizeBytes: 0 },
]);
const bytesOf = (path: string): Buffer => title.files.get(path) ?? Buffer.alloc(0);
const manifest = 'asset.json';
const codeOf = ({ body }: { readonly body: Buffer }) => (JSON.parse(body.toString()) as { code: string }).code;

let site: OneEdge;
let talks: Conversation[] = [];

afterEach(async () => {
  for (const one of talks) one.close();
  talks = [];
  await site.stop();
});

describe.each([
  ['received by us', kernel],
  ['received by Node', null],
] as const)('an object that is pushed, %s', (_, io) => {
  const start = async () => {
    site = await startOneEdge(title, 0, { kernel: io });
  };
  const open = () => {
    const opened = talk(site.edge.port);
    talks.push(opened);
    return opened;
  };
  const headOf = (path: string, body: Buffer, more: Record<string, string> = {}): string => {
    const fields = {
      host: 'edge',
      authorization: `Bearer ${applianceCredential(fleetSecret, site.edge.id)}`,
      'content-digest': formatDigest(sha256(body)),
      'content-length': String(body.length),
      ...more,
    };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    return `PUT /fill/objects/film/v1/${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
  };
  const put = async (to: Conversation, path: string, body: Buffer, more?: Record<string, string>) => {
    to.write(headOf(path, body, more));
    to.socket.write(body);
    return to.answer();
  };
  const served = async (path: string) => (await send(site.edge.port, await signedPath(site.key, title, path))).body;

  it('comes whole, of any length and in any pieces, one after another on a connection', async () => {
    await start();
    const one = open();
    expect((await put(one, manifest, title.manifestBytes)).status).toBe(201);
    expect((await put(one, large, bytesOf(large))).status).toBe(201);
    expect((await put(one, empty, bytesOf(empty))).status).toBe(201);
    // In pieces, of which the first has a part of the head, and the last the next request.
    const whole = Buffer.concat([Buffer.from(headOf(small, bytesOf(small))), bytesOf(small)]);
    const next = Buffer.concat([Buffer.from(headOf(empty, bytesOf(empty))), bytesOf(empty)]);
    const pieces = [30, 500, 40_000].map((to, at, all) => whole.subarray(all[at - 1] ?? 0, to));
    for (const piece of [...pieces, Buffer.concat([whole.subarray(40_000), next])]) {
      one.socket.write(piece);
      await delay(5);
    }
    expect((await one.answer()).status).toBe(201);
    expect((await one.answer()).status).toBe(200);
    for (const path of [large, small, empty]) expect((await served(path)).equals(bytesOf(path))).toBe(true);
  });

  it('is refused before its body has come, and the connection takes the next', async () => {
    await start();
    const one = open();
    const early = await put(one, large, bytesOf(large));
    expect([early.status, codeOf(early)]).toEqual([409, 'manifest-missing']);
    expect(early.headers['content-type']).toContain('application/problem+json');
    expect(early.headers['x-request-id']).toBeTruthy();
    const stranger = await put(one, large, bytesOf(large), { authorization: 'Bearer of-nobody' });
    expect([stranger.status, codeOf(stranger)]).toEqual([401, 'unauthorized']);
    expect(stranger.headers['www-authenticate']).toBeTruthy();
    expect((await put(one, manifest, title.manifestBytes)).status).toBe(201);
    expect((await put(one, 'video-720p/none.m4s', bytesOf(large))).status).toBe(404);
    expect((await put(one, large, bytesOf(large), { 'content-range': 'bytes 1-2/3' })).status).toBe(400);
    expect((await put(one, large, bytesOf(large))).status).toBe(201);
    expect((await put(one, large, bytesOf(large))).status).toBe(200);
  });

  it('is not taken when its bytes are other ones, too few or too many', async () => {
    await start();
    const one = open();
    await put(one, manifest, title.manifestBytes);
    const wrong = Buffer.from(bytesOf(small));
    wrong[50_000] = (wrong[50_000] ?? 0) ^ 1;
    for (const body of [wrong, bytesOf(small).subarray(1)]) {
      const refused = await put(one, small, body);
      expect([refused.status, codeOf(refused)]).toEqual([422, 'digest-mismatch']);
    }
    const longer = await put(open(), small, Buffer.concat([bytesOf(small), Buffer.alloc(10)]));
    expect(longer.status).toBe(422);
  });

  it('keeps the slices that were whole when the sender goes, and goes on behind them', async () => {
    await start();
    const one = open();
    await put(one, manifest, title.manifestBytes);
    one.write(headOf(large, bytesOf(large)));
    one.socket.write(bytesOf(large).subarray(0, sliceSizeBytes + 70_000));
    const credential = applianceCredential(fleetSecret, site.edge.id);
    const held = async () => {
      const asked = { method: 'HEAD', headers: { authorization: `Bearer ${credential}` } };
      return (await send(site.edge.port, `/fill/objects/film/v1/${large}`, asked)).headers['upload-offset'];
    };
    await expect.poll(held, { timeout: 10_000 }).toBe(String(sliceSizeBytes));
    one.close();
    await one.closed;
    const rest = bytesOf(large).subarray(sliceSizeBytes);
    const range = `bytes ${sliceSizeBytes}-${bytesOf(large).length - 1}/${bytesOf(large).length}`;
    expect((await put(open(), large, rest, { 'content-range': range })).status).toBe(201);
    expect((await served(large)).equals(bytesOf(large))).toBe(true);
  });
});
