import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isFree, openDataDir } from './data-dir.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-data-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const listen = (port: number) =>
  new Promise<Server>((resolve) => {
    const server = createServer().listen({ host: '127.0.0.1', port }, () => resolve(server));
  });

const base = 42_000 + (process.pid % 10_000);

describe('the data folder', () => {
  it('makes its secrets once and keeps them from other users', async () => {
    const first = await (await openDataDir(dir)).secrets();
    expect(await (await openDataDir(dir)).secrets()).toEqual(first);
    expect((await stat(join(dir, 'secrets.json'))).mode & 0o077).toBe(0);
    expect(first.fleetSecret.length).toBeGreaterThanOrEqual(32);
  });

  it('adds the content secret to a folder from before there was one', async () => {
    const { contentSecret, ...before } = await (await openDataDir(dir)).secrets();
    await writeFile(join(dir, 'secrets.json'), JSON.stringify(before));
    const completed = await (await openDataDir(dir)).secrets();
    expect(completed).toMatchObject(before);
    expect(completed.contentSecret).not.toBe(contentSecret);
    expect(await (await openDataDir(dir)).secrets()).toEqual(completed);
  });

  it('takes over a lock whose owner is gone', async () => {
    await writeFile(join(dir, 'up.lock'), '999999999');
    await (await openDataDir(dir)).lock();
    expect(await readFile(join(dir, 'up.lock'), 'utf8')).toBe(String(process.pid));
  });

  it('keeps its ports between runs and steps aside for a port that was taken meanwhile', async () => {
    const data = await openDataDir(dir);
    const first = await data.ports(['one', 'two'], '127.0.0.1', base);
    expect(await data.ports(['one', 'two'], '127.0.0.1', base + 500)).toEqual(first);
    const server = await listen(first.get('one') ?? 0);
    try {
      expect(await isFree('127.0.0.1', first.get('one') ?? 0)).toBe(false);
      const second = await data.ports(['one', 'two'], '127.0.0.1', base);
      expect(second.get('one')).not.toBe(first.get('one'));
      expect(second.get('two')).toBe(first.get('two'));
    } finally {
      server.close();
    }
  });
});
