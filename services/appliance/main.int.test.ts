import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeFolderObjectStore } from '../../shared/adapters/folder/folder-object-store.ts';
import { applianceCredential, pullCredential } from '../../shared/tokens/credentials.ts';
import { type SigningKey, verificationKey } from '../../shared/tokens/keys.ts';
import {
  type ControlStandIn,
  fleetSecret,
  makeKey,
  makeTitle,
  publish,
  send,
  signedPath,
  startControl,
} from './testing/fleet.ts';

const seg = 'video-720p/seg-0.m4s';
const film = makeTitle(
  'film',
  Array.from({ length: 20 }, (_, i) => ({ path: `video-720p/seg-${i}.m4s`, sizeBytes: 400_000 })),
);

let dir: string;
let control: ControlStandIn;
let key: SigningKey;
const children: ChildProcess[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-appliance-'));
  const store = makeFolderObjectStore({ root: join(dir, 'store') });
  await publish(store, film);
  await store.close();
  control = await startControl();
  key = await makeKey();
  control.orders.set('edge-1', {
    applianceId: 'edge-1',
    regionId: 'test',
    role: 'edge',
    mode: 'active',
    capacityBytes: 1e9,
    tokenKeys: [verificationKey(key)],
    pullCredential: pullCredential(fleetSecret, 'edge-1'),
    upstreams: [],
  });
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await control.goAway();
  await rm(dir, { recursive: true, force: true });
});

/** The process as it is started in production. */
async function run(env: Record<string, string> = {}): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      PATH: process.env.PATH,
      NIGHTFILL_PORT: '0',
      NIGHTFILL_LOG_LEVEL: 'error',
      NIGHTFILL_APPLIANCE_ID: 'edge-1',
      NIGHTFILL_APPLIANCE_CREDENTIAL: applianceCredential(fleetSecret, 'edge-1'),
      NIGHTFILL_APPLIANCE_DIR: join(dir, 'edge-1'),
      NIGHTFILL_CONTROL_URL: control.url,
      NIGHTFILL_STORE_URL: `folder:${join(dir, 'store')}`,
      ...env,
    },
  });
  children.push(child);
  const [message] = (await once(child, 'message')) as [{ readonly port: number }];
  await vi.waitFor(async () => expect((await send(message.port, '/readyz')).status).toBe(200), { timeout: 10_000 });
  return { child, port: message.port };
}

const get = async (port: number, path: string) => {
  const { status, headers, body } = await send(port, await signedPath(key, film, path));
  const whole = body.equals(film.files.get(path) ?? Buffer.from('none'));
  return { status, detail: /detail=([\w-]+)/.exec(String(headers['cache-status']))?.[1], whole };
};

describe('the appliance as a process', () => {
  it('keeps what it held through kill -9 in the middle of pulling, with no store and no control behind it', async () => {
    const first = await run();
    // Pulled bytes are handed on while they are stored.
    await vi.waitFor(async () => expect((await get(first.port, seg)).detail).toMatch(/^hit-/), { timeout: 10_000 });
    const rest = Array.from({ length: 19 }, (_, i) => get(first.port, `video-720p/seg-${i + 1}.m4s`).catch(() => null));
    await Promise.any(rest);
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    await Promise.all(rest);

    await control.goAway();
    const second = await run({ NIGHTFILL_STORE_URL: '' });
    expect(await get(second.port, seg)).toEqual({ status: 200, detail: 'hit-disk', whole: true });
    for (const path of film.files.keys()) {
      const { status, whole } = await get(second.port, path);
      expect([status, whole]).toEqual(status === 200 ? [200, true] : [502, false]);
    }
    await control.comeBack();
  });

  it('stops cleanly on SIGTERM: says so, finishes what is open, reports what it served', async () => {
    const { child, port } = await run();
    expect(await get(port, seg)).toMatchObject({ status: 200, whole: true });
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(control.statuses.at(-1)).toMatchObject({ applianceId: 'edge-1', unfitReason: 'shutting-down' });
    expect(control.batches.flatMap(({ rows }) => rows)).toMatchObject([
      { assetId: 'film', outcome: 'pull-origin', requests: 1, views: 1, bytes: 400_000 },
    ]);
  });

  it('serves on while its disk takes nothing, says so, and does not count as deleted what a restart would bring back', async () => {
    const { port } = await run();
    expect(await get(port, seg)).toMatchObject({ status: 200, whole: true });
    const asOperator = { authorization: `Bearer ${applianceCredential(fleetSecret, 'edge-1')}` };
    const remove = () => send(port, '/objects/film/v1/', { method: 'DELETE', headers: asOperator });
    const folders = ['cache/tmp', 'state'].map((name) => join(dir, 'edge-1', name));
    for (const folder of folders) {
      await rename(folder, `${folder}.away`);
      await writeFile(folder, '');
    }
    for (const path of film.files.keys()) expect(await get(port, path)).toMatchObject({ status: 200, whole: true });
    await expect.poll(() => control.statuses.at(-1)?.diskTrouble, { timeout: 10_000 }).toMatch(/ENOTDIR.*cache\/tmp/);

    for (const _time of ['first', 'second']) {
      const refused = await remove();
      expect([refused.status, JSON.parse(refused.body.toString()).code]).toEqual([507, 'disk-failed']);
      expect((await get(port, seg)).status).toBe(410);
    }
    for (const folder of folders) {
      await rm(folder);
      await rename(`${folder}.away`, folder);
    }
    expect((await remove()).status).toBe(200);
    expect(await readFile(join(dir, 'edge-1/state/deleted.json'), 'utf8')).toBe('["film/v1/"]');
  });
});
