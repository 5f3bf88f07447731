import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** A real process that opens two things, listens, and reports what it does. */
const program = (platform: string) => `
import { runProcess } from '${platform}/lifecycle.ts';
import { makeHttpServer } from '${platform}/http-server.ts';
await runProcess({ name: 'sample', settings: [], start: async ({ logger, metrics, listen, onClose }) => {
  onClose('first', () => logger.info('closed first'));
  onClose('second', () => logger.info('closed second'));
  if (process.env.FAIL) throw new Error('no luck');
  await listen(makeHttpServer({ logger, metrics }));
}});
`;

let dir: string;
let file: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-lifecycle-'));
  file = join(dir, 'sample.ts');
  await writeFile(file, program(import.meta.dirname));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

function run(env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [file], {
    env: { ...process.env, NIGHTFILL_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    output += chunk;
  });
  const exit = once(child, 'exit').then(([code]) => ({ code: code as number | null, output }));
  return { child, exit };
}

describe('a process', () => {
  it('tells its parent the port and closes what it opened, last first, on SIGTERM', async () => {
    const { child, exit } = run();
    const [message] = await once(child, 'message');
    expect(message).toMatchObject({ type: 'listening' });
    expect((await fetch(`http://127.0.0.1:${(message as { port: number }).port}/healthz`)).status).toBe(200);
    child.kill('SIGTERM');
    const { code, output } = await exit;
    expect(code).toBe(0);
    expect(output.indexOf('closed second')).toBeLessThan(output.indexOf('closed first'));
    expect(output).toContain('closed second');
  });

  it('stops by itself when its parent is gone', async () => {
    const { child, exit } = run();
    await once(child, 'message');
    child.disconnect();
    expect((await exit).code).toBe(0);
  });

  it('ends with code 78 and a plain line for a configuration mistake', async () => {
    const { code, output } = await run({ NIGHTFILL_PORT: 'eighty' }).exit;
    expect(code).toBe(78);
    expect(output).toContain('configuration: NIGHTFILL_PORT must be a whole number from 0 to 65535');
  });

  it('closes what is open and ends with code 1 when it cannot start', async () => {
    const { code, output } = await run({ FAIL: 'yes' }).exit;
    expect(code).toBe(1);
    expect(output).toContain('no luck');
    expect(output).toContain('closed first');
  });
});
