import { createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AssetEvent } from '../../shared/domain/asset-event.ts';
import { startRedisServer, type TestRedisServer } from '../../shared/testing/redis-server.ts';
import { type Clips, makeClips } from './testing/clips.ts';
import { assetOf, type IngestProcess, startIngest, until } from './testing/ingest-process.ts';
import { makeOtherServers } from './testing/other-servers.ts';

const secret = 'a-secret-of-the-tests-only';
let redis: TestRedisServer;
let clips: Clips;
let ingest: IngestProcess;
const { listen, close: closeServers } = makeOtherServers();
const received: { readonly headers: IncomingHttpHeaders; readonly body: string; readonly status: number }[] = [];
/** What the receiver answers with next; 204 after these. */
const answers: number[] = [];

beforeAll(async () => {
  const port = await listen('127.0.0.1', async (request, response) => {
    const status = answers.shift() ?? 204;
    received.push({ headers: request.headers, body: await text(request), status });
    response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
  });
  [redis, clips] = await Promise.all([startRedisServer(), makeClips()]);
  ingest = await startIngest(redis.url, {
    NIGHTFILL_WEBHOOK_URL: `http://127.0.0.1:${port}/hook`,
    NIGHTFILL_WEBHOOK_SECRET: secret,
  });
});
afterAll(async () => {
  await ingest?.remove();
  await redis?.stop();
  await clips?.remove();
  closeServers();
});

async function upload(): Promise<string> {
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(clips.video)]), 'clip.mp4');
  form.append('series', 'Told');
  return (await assetOf(await ingest.call('/v1/assets', { method: 'POST', body: form }))).id;
}
const eventOf = ({ body }: { readonly body: string }): AssetEvent => JSON.parse(body);

describe('webhooks', { timeout: 60_000 }, () => {
  it('tell a state change, signed, and again until it is received', async () => {
    answers.push(500);
    const id = await upload();
    await until('the second attempt', () => received.length >= 2);
    expect(received.map(({ status }) => status)).toEqual([500, 204]);
    const [first, second] = received.map(eventOf);
    expect(second).toEqual(first);
    expect(second).toMatchObject({ type: 'asset.uploaded', asset: { id, series: 'Told', state: 'uploaded' } });
    for (const { headers, body } of received) {
      const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['nightfill-signature'])) ?? [];
      expect(v1).toBe(createHmac('sha256', secret).update(`${t}.${body}`).digest('hex'));
      expect(Math.abs(Date.now() / 1_000 - Number(t))).toBeLessThan(60);
      expect(headers['nightfill-event']).toBe(second?.id);
    }
  });

  it('tell a deletion once, however often it is asked for, and follow no redirect', async () => {
    const id = await upload();
    await until('the upload to be told', () => received.some((one) => eventOf(one).asset.id === id));
    answers.push(302);
    for (let time = 0; time < 2; time += 1) await ingest.call(`/v1/assets/${id}`, { method: 'DELETE' });
    const deletions = () => received.filter((one) => eventOf(one).type === 'asset.deleted');
    await until('the deletion to be received', () => deletions().some(({ status }) => status === 204));
    expect(deletions().map(({ status }) => status)).toEqual([302, 204]);
    expect(new Set(deletions().map((one) => eventOf(one).id)).size).toBe(1);
    await ingest.call(`/v1/assets/${id}/restore`, { method: 'POST' });
    await until('the way back to be told', () =>
      received.some((one) => eventOf(one).type === 'asset.restored' && eventOf(one).asset.state === 'uploaded'),
    );
  });

  it('need a secret', async () => {
    const alone = startIngest(redis.url, { NIGHTFILL_WEBHOOK_URL: 'http://127.0.0.1:9/' });
    await expect(alone).rejects.toThrow(/ended with/);
  });
});
