import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type RedisChild, type RedisOptions, startRedis } from './redis.ts';

let dir: string;
let options: RedisOptions;
let redis: RedisChild | undefined;
let orphan: ChildProcess | undefined;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-redis-'));
  await mkdir(join(dir, 'real'));
  await symlink(join(dir, 'real'), join(dir, 'link'));
  options = {
    dir: join(dir, 'link'),
    port: await freePort(),
    password: 'secret-of-a-test',
    logFile: join(dir, 'redis.log'),
    onExit: () => {},
  };
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await redis?.stop();
  redis = undefined;
  orphan?.kill('SIGKILL');
  await rm(dir, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

describe('the supervised Redis', () => {
  it('ends the one that a killed supervisor left, also where a link leads to its folder', async () => {
    const config = join(dir, 'orphan.conf');
    const port = await freePort();
    await writeFile(config, `port ${port}\ndir "${join(dir, 'real')}"\npidfile "${join(dir, 'real', 'redis.pid')}"\n`);
    orphan = spawn('redis-server', [config], { stdio: ['ignore', 'pipe', 'ignore'] });
    const gone = once(orphan, 'exit');
    let said = '';
    orphan.stdout?.on('data', (chunk) => {
      said += chunk;
    });
    await expect.poll(() => said, { timeout: 10_000 }).toContain('Ready to accept connections');

    redis = await startRedis(options);
    expect(await gone).toEqual([0, null]);
  });

  it('says what to install where there is no redis-server', async () => {
    vi.stubEnv('PATH', join(dir, 'real'));
    await expect(startRedis(options)).rejects.toThrow(/redis-server cannot be started.*apt-get install redis-server/);
  });
});
