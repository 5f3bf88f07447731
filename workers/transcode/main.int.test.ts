import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeClip, makeClipFolder } from '../../shared/testing/clips.ts';
import { makeWorkerKit, type WorkerKit } from '../../shared/testing/transcode-workers.ts';

const clips = await makeClipFolder();
let kit: WorkerKit;

beforeAll(async () => {
  kit = await makeWorkerKit();
});
afterAll(async () => {
  await kit.dispose();
  await clips.dispose();
});

const stateOf = async (id: string): Promise<string | undefined> => (await kit.catalogue.get(id))?.state;
const isEncoding = async (id: string): Promise<boolean> => (await kit.catalogue.getProgress(id))?.stage === 'encode';

async function digests(id: string): Promise<readonly string[]> {
  const manifest = await kit.manifest(id);
  return (manifest?.files ?? []).map(({ path, sha256 }) => `${manifest?.version}/${path} ${sha256}`);
}

describe('the transcode worker as a process', () => {
  it('is ready, and gives a transcode back to the queue when it is told to stop', async () => {
    const clip = await makeClip(clips.dir, 'clip.mp4', { size: '1280x720', seconds: 6 });
    const { worker, port } = await kit.startWorker();
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    await kit.upload('stopped', clip);
    await expect.poll(() => isEncoding('stopped'), { timeout: 30_000 }).toBe(true);
    worker.kill('SIGTERM');
    await once(worker, 'exit');
    expect(worker.exitCode).toBe(0);
    expect(kit.encoders()).toEqual([]);
    expect(await kit.leftovers()).toEqual([]);
    expect(await stateOf('stopped')).toBe('transcoding');
  }, 60_000);

  it('killed, takes its encoders with it, and another ends in the bytes of an untroubled run', async () => {
    const { worker } = await kit.startWorker();
    await expect.poll(() => isEncoding('stopped'), { timeout: 30_000 }).toBe(true);
    await expect.poll(() => kit.encoders().length, { timeout: 30_000 }).toBeGreaterThan(0);
    worker.kill('SIGKILL');
    await expect.poll(kit.encoders, { timeout: 5_000 }).toEqual([]);

    // The untroubled run comes first, because the killed worker's lock has to run out.
    await kit.startWorker();
    await kit.upload('untroubled', join(clips.dir, 'clip.mp4'));
    await expect.poll(() => stateOf('untroubled'), { timeout: 60_000, interval: 200 }).toBe('published');
    await expect.poll(() => stateOf('stopped'), { timeout: 120_000, interval: 200 }).toBe('published');
    expect((await digests('stopped')).length).toBeGreaterThan(10);
    expect(await digests('stopped')).toEqual(await digests('untroubled'));
    await expect.poll(kit.leftovers).toEqual([]);
  }, 200_000);
});
